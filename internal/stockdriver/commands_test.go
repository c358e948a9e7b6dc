package stockdriver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
)

// answersWith returns a connection whose server reads n bytes, answers with these,
// and hangs up.
func answersWith(t *testing.T, n int, answers []byte) (Conn, *stockConn) {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close() })
	go func() {
		defer server.Close()
		if _, err := io.CopyN(io.Discard, server, int64(n)); err == nil {
			server.Write(answers)
		}
	}()
	c := &stockConn{netConn: client}
	return ConnOf(c), c
}

const (
	ok      = "\x07\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"
	inTx    = "\x07\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00"
	bigOK   = "\x10\x00\x00\x01\x00\xfe12345678\xfc12\x03\x00\x00\x00"
	refusal = "\x14\x00\x00\x01\xff\x17\x04#08S01Unknown com"
)

func TestAnswers(t *testing.T) {
	reset := []Command{ResetConnection}
	option := []Command{MultiStatementsOff}
	two := []Command{ResetConnection, Query("SET NAMES utf8mb4")}
	unknown := &mysql.MySQLError{Number: 1047, SQLState: [5]byte([]byte("08S01")), Message: "Unknown com"}
	for _, row := range []struct {
		name     string
		commands []Command
		answers  string
		refused  []error
		status   uint16
		err      string // "": none
	}{
		{"OK", reset, ok, []error{nil}, 2, ""},
		{"long integers", reset, bigOK, []error{nil}, 3, ""},
		{"an error", reset, refusal, []error{unknown}, 9, ""},
		{"the last status", two, inTx + ok, []error{nil, nil}, 2, ""},
		{"an error between", two, refusal + inTx, []error{unknown, nil}, 3, ""},
		{"an EOF to an option", option, "\x05\x00\x00\x01\xfe\x00\x00\x03\x00", []error{nil}, 3, ""},
		{"an OK of that kind to an option", option, "\x07\x00\x00\x01\xfe\x00\x00\x03\x00\x00\x00", []error{nil}, 3, ""},
		{"an OK to an option", option, inTx, []error{nil}, 3, ""},
		{"an option is refused", option, refusal, []error{unknown}, 9, ""},
		{"an EOF to another command", reset, "\x05\x00\x00\x01\xfe\x00\x00\x03\x00", []error{}, 9, "kind 0xfe"},
		{"a short EOF", option, "\x02\x00\x00\x01\xfe\x00", []error{}, 9, "too short"},
		{"a missing answer", two, inTx, []error{nil}, 3, "EOF"},
		{"no answer", two, "", []error{}, 9, "EOF"},
		{"another sequence number", reset, strings.Replace(ok, "\x01", "\x02", 1), []error{}, 9, "as packet 2"},
		{"an empty packet", reset, "\x00\x00\x00\x01", []error{}, 9, "got 0 bytes"},
		{"a large packet", reset, "\x00\x00\x02\x01", []error{}, 9, "got 131072 bytes"},
		{"rows", reset, "\x01\x00\x00\x01\x02", []error{}, 9, "kind 0x2"},
		{"a file is asked for", reset, "\x02\x00\x00\x01\xfbf", []error{}, 9, "kind 0xfb"},
		{"a short OK", reset, "\x02\x00\x00\x01\x00\x00", []error{}, 9, "too short"},
		{"an OK with a short integer", reset, "\x03\x00\x00\x01\x00\xfe\x00", []error{}, 9, "too short"},
		{"an OK without flags", reset, "\x03\x00\x00\x01\x00\x00\x00", []error{}, 9, "no status flags"},
		{"several results", reset, "\x07\x00\x00\x01\x00\x00\x00\x0a\x00\x00\x00", []error{}, 9, "several results"},
		{"a short error", reset, "\x02\x00\x00\x01\xff\x17", []error{}, 9, "kind 0xff"},
	} {
		t.Run(row.name, func(t *testing.T) {
			packets, err := encode(row.commands)
			if err != nil {
				t.Fatal(err)
			}
			f, c := answersWith(t, len(packets), []byte(row.answers))
			c.status = 9
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			refused, err := f.Run(ctx, row.commands...)
			if (err == nil) != (row.err == "") || err != nil && !strings.Contains(err.Error(), row.err) {
				t.Errorf("got %v, want %q", err, row.err)
			}
			if !slices.EqualFunc(refused, row.refused, sameError) {
				t.Errorf("got %v, want %v", refused, row.refused)
			}
			if c.status != row.status {
				t.Errorf("status: got %d, want %d", c.status, row.status)
			}
		})
	}
}

func sameError(a, b error) bool {
	x, isX := a.(*mysql.MySQLError)
	y, isY := b.(*mysql.MySQLError)
	return isX == isY && (!isX || *x == *y) && (isX || a == b)
}

func TestPackets(t *testing.T) {
	got, err := encode([]Command{ResetConnection, Query("DO 1")})
	if want := "\x01\x00\x00\x00\x1f\x05\x00\x00\x00\x03DO 1"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := encode([]Command{Query(strings.Repeat("x", maxPayload-1))}); err != nil {
		t.Errorf("the longest: got %v", err)
	}
	if _, err := encode([]Command{Query(strings.Repeat("x", maxPayload))}); err == nil {
		t.Error("one byte more: got no error")
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	defer client.Close()
	f := ConnOf(&stockConn{netConn: client})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		var packet [5]byte
		io.ReadFull(server, packet[:])
		cancel() // and no answer
		io.Copy(io.Discard, server)
	}()
	if _, err := f.Run(ctx, ResetConnection); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if _, err := client.Write([]byte("COM_QUIT")); err != nil {
		t.Errorf("afterwards nothing can be sent: %v", err)
	}
	if _, err := (Conn{}).Run(t.Context(), ResetConnection); err != ErrNoSocket {
		t.Errorf("without a socket: got %v", err)
	}
}

// A server that drops what follows the first packet keeps nobody for longer than
// the context says.
func TestDroppedCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		defer client.Close()
		go func() {
			var packet [64]byte
			server.Read(packet[:])
			server.Write([]byte(ok))
		}()
		f := ConnOf(&stockConn{netConn: client})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		refused, err := f.Run(ctx, ResetConnection, Query("DO 1"))
		if !errors.Is(err, context.DeadlineExceeded) || len(refused) != 1 {
			t.Errorf("got %d answers, %v, want one and the context's error", len(refused), err)
		}
	})
}

func FuzzAnswers(f *testing.F) {
	for _, s := range []string{ok, bigOK, refusal, inTx + refusal, "", "\x03\x00\x00\x01\x00\xfe\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, answers []byte) {
		commands := []Command{ResetConnection, Query("DO 1")}
		packets, _ := encode(commands)
		conn, _ := answersWith(t, len(packets), answers)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		refused, err := conn.Run(ctx, commands...)
		if err == nil && len(refused) != len(commands) {
			t.Errorf("got %d answers and no error", len(refused))
		}
		if errors.Is(err, context.DeadlineExceeded) {
			t.Error("it waited although the server had hung up")
		}
	})
}

// Real servers answer each command in order, also beside a reset and after one that
// is refused, and the stock driver goes on with the same connection.
func TestRunOnAServer(t *testing.T) {
	for _, name := range []string{"MYSQL_POOL_TEST_DSN", "MYSQL_POOL_TEST_UNIX_DSN", "MYSQL_POOL_TEST_TLS_DSN"} {
		t.Run(name, func(t *testing.T) {
			dsn := os.Getenv(name)
			if dsn == "" {
				t.Skip("needs a server: set " + name)
			}
			db, err := sql.Open("mysql", dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			sc, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer sc.Close()
			var id, idAfter, a, c, wantA int
			if err := sc.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
				t.Fatal(err)
			}
			err = sc.Raw(func(dc any) error {
				stock := dc.(driver.Conn)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				refused, err := ConnOf(stock).Run(ctx,
					Query("SET @a = 1"), Query("no statement"), ResetConnection, Query("SET NAMES utf8mb4"),
					Query("SET @c = 3"), Query("BEGIN"), Query("SET @d = 4"))
				if err != nil {
					return err
				}
				if !resets(refused[2]) {
					refused[2], wantA = nil, 1
				}
				for i, err := range refused {
					if (err != nil) != (i == 1) {
						t.Errorf("command %d: got %v", i, err)
					}
				}
				if got := StatusOf(stock).Flags(); got&1 == 0 {
					t.Errorf("status: got %#x, want that a transaction is open", got)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := sc.QueryRowContext(t.Context(), "SELECT CONNECTION_ID(), COALESCE(@a, 0), COALESCE(@c, 0)").Scan(&idAfter, &a, &c); err != nil {
				t.Fatal(err)
			}
			if idAfter != id || a != wantA || c != 3 {
				t.Errorf("got id %d, @a %d, @c %d, want %d, %d, 3", idAfter, a, c, id, wantA)
			}
		})
	}
}

// resets is false if the server does not know COM_RESET_CONNECTION.
func resets(err error) bool {
	var e *mysql.MySQLError
	return !errors.As(err, &e) || e.Number != 1047
}
