package mysqlpool

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// greeting is a server's, as MariaDB 10.11 sends it.
const greeting = "\x5a\x00\x00\x00\x0a5.5.5-10.11.6-MariaDB\x00\x07\x00\x00\x00abcdefgh\x00\xfe\xf7\x2d\x02\x00\xff\x81\x15" +
	"\x00\x00\x00\x00\x00\x00\x1d\x00\x00\x00abcdefghijkl\x00mysql_native_password\x00"

// okPacket is the answer to a login, or to a statement, as the n-th packet.
func okPacket(n byte) string {
	return "\x07\x00\x00" + string(rune(n)) + "\x00\x00\x00\x02\x00\x00\x00"
}

// sayAll returns a connector whose server says all of it, whatever it is asked,
// and closes.
func sayAll(t testing.TB, all string) *connector {
	t.Helper()
	cfg := mustParse(t, "app:secret@tcp(fake)/app?timeout=1s&pool_timeout=2s")
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go io.Copy(io.Discard, server)
		go func() {
			io.WriteString(server, all)
			server.Close()
		}()
		return client, nil
	}
	c, err := NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c.(*connector)
}

// Whatever a server says, a login is an error or a connection, in time.
func FuzzLogin(f *testing.F) {
	for _, all := range []string{
		"", greeting, greeting[:20], greeting + okPacket(2), greeting + okPacket(2) + okPacket(1),
		"\x00\x00\x00\x00", "\xff\xff\xff\x00", "\x01\x00\x00\x00\x0a", "\x02\x00\x00\x00\xff\x10", "HTTP/1.1 400 Bad Request\r\n\r\n",
		greeting + "\x02\x00\x00\x02\xfe\x00", greeting + "\x01\x00\x00\x02\x01" + "\x01\x00\x00\x03\x04",
		greeting + okPacket(2) + "\x01\x00\x00\x01\x02" + "\xff\x00\x00\x02",
	} {
		f.Add(all)
	}
	f.Fuzz(func(t *testing.T, all string) {
		c := sayAll(t, all)
		defer c.Close()
		start := time.Now()
		lc, err := c.Connect(t.Context())
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
		if err == nil {
			lc.Close()
		}
	})
}

// A server that is no MySQL server: the error says what happened.
func TestServerThatSaysNonsense(t *testing.T) {
	for _, all := range []string{"", "\x01\x00\x00\x00\x0a", "\x00\x00\x00\x00", greeting[:20]} {
		c := sayAll(t, all)
		_, err := c.Connect(t.Context())
		if err == nil || !strings.HasPrefix(err.Error(), "mysqlpool: login to app@tcp(fake:3306): ") && !errors.Is(err, mysql.ErrInvalidConn) {
			t.Errorf("%q: got %v", all, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error shows the password: %v", all, err)
		}
		c.Close()
	}
}

// A dialer without a context (mysql.RegisterDial) cannot be broken off. Its slot
// must come free all the same.
func TestDialerThatIgnoresItsContext(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.login = func(_ context.Context, n int) error {
			if n <= 8 {
				time.Sleep(127 * time.Second) // as the kernel's connect
				return errDown
			}
			return nil
		}
		db := handle(t, s, "timeout=1s&pool_timeout=2s&pool_size=10")
		for range 8 {
			go db.Ping()
		}
		time.Sleep(10 * time.Second)
		if err := db.Ping(); err != nil {
			t.Errorf("after 10s: %v", err)
		}
		time.Sleep(2 * time.Minute)
	})
}

// Connect never returns driver.ErrBadConn.
func TestConnectReturnsErrBadConn(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.query = func(_ context.Context, c *fakeConn, text string) error {
			if text == serverinfo.VariablesQuery {
				return driver.ErrBadConn // as the stock driver when nothing could be written
			}
			return nil
		}
		if _, err := s.connector(t, "").Connect(t.Context()); errors.Is(err, driver.ErrBadConn) {
			t.Errorf("got %v", err)
		}
	})
}

// The server may be another version after its restart.
func TestServerWithoutAVariableAfterItsRestart(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		ask(t, db)
		s.conns[0].set(func() { s.conns[0].dead = true })
		s.query = func(_ context.Context, c *fakeConn, text string) error {
			if strings.HasPrefix(text, serverinfo.ConnQuery+", @@init_connect") && strings.Contains(text, "@@time_zone") {
				return &mysql.MySQLError{Number: 1193, Message: "Unknown system variable"}
			}
			return nil
		}
		if err := db.Ping(); err != nil {
			t.Errorf("after a restart: %v", err)
		}
		time.Sleep(time.Hour)
		if err := db.Ping(); err != nil {
			t.Errorf("an hour later: %v", err)
		}
	})
}
