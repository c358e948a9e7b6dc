package suite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// A text whose context has ended is not sent, nor is anything before it whose answer the
// next statement would take for its own.
func TestSuiteCombinedUseOfEndedContext(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	for _, params := range []string{"", "&pool_reset=always"} {
		for _, query := range []string{"SELECT home FROM t", "SELECT home FROM t; SELECT 2"} {
			dbs := x.openOne(t, x.s.dsn, params)
			x.combined(t, dbs)
			id := row(t, dbs[0], "SELECT CONNECTION_ID()")
			for range 20 {
				c, err := dbs[1].Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				ended, cancel := context.WithCancel(t.Context())
				cancel()
				if _, err := c.ExecContext(ended, query); !errors.Is(err, context.Canceled) {
					t.Errorf("%s: got %v, want %v", query, err, context.Canceled)
				}
				if got := row(t, c, "SELECT home FROM t"); got != x.names[1] {
					t.Errorf("after %s: got %q, want %q", query, got, x.names[1])
				}
				if got := row(t, c, "SELECT CONNECTION_ID()"); got != id {
					t.Errorf("after %s: got connection %s, want %s: nothing was sent that could break it", query, got, id)
				}
				c.Close()
				if got := row(t, dbs[0], "SELECT home FROM t"); got != x.names[0] {
					t.Errorf("after %s: got %q, want %q", query, got, x.names[0])
				}
			}
			closeAll(dbs)
			dispose(t)
		}
	}
}

// A program that puts a placeholder into quotes, which interpolateParams fills in as it is:
// what was never several statements must not become so.
func TestSuiteCombinedUseOfArgumentsInQuotes(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	const injected = "; DELETE FROM t; -- "
	for _, test := range []struct {
		name string
		warm bool // several statements are allowed already
		arg  any
	}{
		{"string", false, injected},
		{"string on a connection of its own", true, injected},
		{"bytes", false, []byte(injected)},
		{"json", false, json.RawMessage(injected)},
		{"json on a connection of its own", true, json.RawMessage(injected)},
	} {
		for _, rows := range []bool{false, true} {
			dbs := x.openOne(t, x.s.dsn, "&interpolateParams=true")
			x.combined(t, dbs)
			i := 1
			if test.warm {
				i = 0
			}
			query := "DELETE FROM written WHERE home = '?'"
			if rows {
				query = "SELECT home FROM t WHERE home = '?'"
			}
			var err error
			if rows {
				_, err = askRow(dbs[i], query, test.arg)
			} else {
				_, err = dbs[i].Exec(query, test.arg)
			}
			if err == nil {
				t.Errorf("%s, rows %v: got no error", test.name, rows)
			}
			if n := row(t, x.s.admin, "SELECT COUNT(*) FROM "+x.names[i]+".t"); n != "1" {
				t.Errorf("%s, rows %v: a second statement ran", test.name, rows)
				x.s.exec(t, fmt.Sprintf("INSERT INTO %s.t VALUES (1, '%s')", x.names[i], x.names[i]))
			}
			closeAll(dbs)
			dispose(t)
		}
	}
}

// After a USE that failed the connection goes on.
func TestSuiteCombinedUseThatFailsThenOthers(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	for _, then := range []string{"ping", "several", "begin", "prepare", "rows", "raw"} {
		dbs := x.openOne(t, x.s.dsn, "")
		x.combined(t, dbs)
		id := row(t, dbs[0], "SELECT CONNECTION_ID()")
		x.combined(t, dbs)
		x.s.exec(t, "DROP DATABASE "+x.names[1])
		ctx := t.Context()
		c, err := dbs[1].Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ExecContext(ctx, "DELETE FROM t"); err == nil {
			t.Fatal("no error")
		}
		x.s.exec(t, "CREATE DATABASE "+x.names[1])
		x.s.exec(t, "CREATE TABLE "+x.names[1]+".t (id INT PRIMARY KEY, home VARCHAR(80))")
		x.s.exec(t, "CREATE TABLE "+x.names[1]+".written (home VARCHAR(80), n INT)")
		x.s.exec(t, fmt.Sprintf("INSERT INTO %s.t VALUES (1, '%s')", x.names[1], x.names[1]))
		switch then {
		case "ping":
			err = c.PingContext(ctx)
		case "several":
			if _, err = c.ExecContext(ctx, "SELECT 1; SELECT 2"); err != nil && strings.Contains(err.Error(), "1064") {
				err = nil
			}
		case "begin":
			tx, e := c.BeginTx(ctx, nil)
			if err = e; err == nil {
				err = tx.Commit()
			}
		case "prepare":
			s, e := c.PrepareContext(ctx, "SELECT home FROM t")
			if err = e; err == nil {
				err = s.Close()
			}
		case "rows":
			_, err = askRow(c, "SELECT home FROM t")
		case "raw":
			err = c.Raw(func(raw any) error {
				r, err := raw.(driver.QueryerContext).QueryContext(ctx, "SELECT home FROM t", nil)
				if err != nil {
					return err
				}
				if r.(driver.RowsNextResultSet).HasNextResultSet() {
					t.Error("more results")
				}
				return r.Close()
			})
		}
		if err != nil {
			t.Errorf("%s: %v", then, err)
		}
		if got := row(t, c, "SELECT CONNECTION_ID()"); got != id {
			t.Errorf("%s: another connection", then)
		}
		if got := row(t, c, "SELECT home FROM t"); got != x.names[1] {
			t.Errorf("%s: got %q", then, got)
		}
		c.Close()
		x.combined(t, dbs)
		closeAll(dbs)
		dispose(t)
	}
}

// An error behind USE leaves no sign of more results to the next rows.
func TestSuiteCombinedUseAndAnErrorHaveNoMoreResults(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	dbs := x.openOne(t, x.s.dsn, "")
	x.combined(t, dbs)
	c, err := dbs[1].Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.ExecContext(t.Context(), "DELETE FROM missing"); err == nil {
		t.Fatal("got no error")
	}
	err = c.Raw(func(raw any) error {
		rows, err := raw.(driver.QueryerContext).QueryContext(t.Context(), "SELECT home FROM t", nil)
		if err != nil {
			return err
		}
		if rows.(driver.RowsNextResultSet).HasNextResultSet() {
			t.Error("got another result, want none")
		}
		return rows.Close()
	})
	if err != nil {
		t.Error(err)
	}
}

// A text that may be several statements comes while rows are being read: it is refused as by
// the stock driver, and the rows are none of another answer.
func TestSuiteCombinedUseWhileRowsAreOpen(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	x.s.exec(t, "CREATE TABLE "+x.names[1]+".many (pad VARCHAR(2000))")
	x.s.exec(t, "INSERT INTO "+x.names[1]+".many SELECT REPEAT('x', 1000) FROM information_schema.COLLATIONS")
	want := row(t, x.s.admin, "SELECT COUNT(*) FROM "+x.names[1]+".many")
	dbs := x.openOne(t, x.s.dsn, "")
	x.combined(t, dbs)
	c, err := dbs[1].Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Raw(func(raw any) error {
		query := raw.(driver.QueryerContext).QueryContext
		rows, err := query(t.Context(), "SELECT pad FROM many", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := query(t.Context(), "SELECT home FROM t; SELECT 2", nil); !errors.Is(err, driver.ErrBadConn) {
			t.Errorf("got %v, want %v", err, driver.ErrBadConn)
		}
		values, n := make([]driver.Value, 1), 0
		for rows.Next(values) == nil {
			if pad, ok := values[0].([]byte); !ok || len(pad) != 1000 {
				t.Fatalf("row %d: got %q", n, values[0])
			}
			n++
		}
		if fmt.Sprint(n) != want {
			t.Errorf("got %d rows, want %s", n, want)
		}
		rows.Close()
		return driver.ErrBadConn
	})
	c.Close()
	x.combined(t, dbs)
}

// A server that answers nothing to what forbids several statements costs CheckTimeout, or
// what the context has left, and the connection.
func TestSuiteCombinedUseWithASilentServer(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	d := &forbidSwallower{network: fmt.Sprintf("forbids%d", tripNetworks.Add(1))}
	mysql.RegisterDialContext(d.network, d.dial)
	cfg, err := mysql.ParseDSN(x.s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Net != "tcp" {
		t.Skip("needs TCP")
	}
	cfg.Net = d.network
	dbs := x.openOne(t, cfg.FormatDSN(), "")
	for _, limit := range []time.Duration{100 * time.Millisecond, time.Hour} {
		x.combined(t, dbs)
		d.swallows.Store(true)
		c, err := dbs[1].Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		if _, err := c.ExecContext(ctx, "SELECT home FROM t; SELECT 2"); !errors.Is(err, driver.ErrBadConn) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want a lost connection", err)
		}
		cancel()
		d.swallows.Store(false)
		if _, err := c.ExecContext(t.Context(), "DO 1"); err == nil {
			t.Error("the connection goes on, though an answer may still come")
		}
		c.Close()
		if d.swallowed.Swap(0) == 0 {
			t.Error("several statements were not forbidden")
		}
	}
	x.combined(t, dbs)
}

// forbidSwallower dials, and drops what forbids several statements.
type forbidSwallower struct {
	network   string
	swallows  atomic.Bool
	swallowed atomic.Int64
}

func (d *forbidSwallower) dial(ctx context.Context, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return swallowingConn{c.(*net.TCPConn), d}, nil
}

type swallowingConn struct {
	*net.TCPConn
	d *forbidSwallower
}

func (c swallowingConn) Write(b []byte) (int, error) {
	if c.d.swallows.Load() && string(b) == "\x03\x00\x00\x00\x1b\x01\x00" {
		c.d.swallowed.Add(1)
		return len(b), nil
	}
	return c.TCPConn.Write(b)
}

// A schema that this process altered is selected again, with its character set.
func TestSuiteCombinedUseOfAnAlteredSchema(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	dbs := x.openOne(t, x.s.dsn, "")
	other := openDSN(t, pooled, x.dsn(t, x.s.dsn, 1, "pool_name=other"))
	defer other.Close()
	for _, charset := range []string{"latin1", "utf8mb4", "latin1"} {
		x.combined(t, dbs) // the session is on the first
		mustExec(t, other, "ALTER DATABASE "+x.names[0]+" CHARACTER SET "+charset)
		if got := row(t, dbs[0], "SELECT @@character_set_database FROM t"); got != charset {
			t.Errorf("got %s, want %s", got, charset)
		}
	}
}
