package mysqlpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/hosts"
	"github.com/mysqlpool/mysqlpool/internal/physical"
)

// localSocket has an address, so that pool_kill knows whose a connection is.
type localSocket struct{ fakeSocket }

func (localSocket) LocalAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4711}
}

// connAt says where a connection comes from, as the server shows it.
type connAt struct {
	*fakeConn
	host string
}

func (c *connAt) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.fakeConn.QueryContext(ctx, query, args)
	if err == nil && strings.Contains(query, "PROCESSLIST") {
		return &fakeRows{rows: [][]driver.Value{{c.host}}}, nil
	}
	return rows, err
}

// withAddresses has every connection of c have a local address; the server shows
// shown.
func withAddresses(c *connector, shown string) *connector {
	dial := c.Dial
	c.Dial = func(ctx context.Context, h *physical.Host, schema string) (driver.Conn, error) {
		conn, err := dial(ctx, h, schema)
		if err != nil {
			return nil, err
		}
		fc := conn.(*fakeConn)
		fc.netConn = localSocket{fakeSocket{fakeConn: fc}}
		return &connAt{fc, shown}, nil
	}
	return c
}

const (
	ours      = "127.0.0.1:4711"
	aStranger = "127.0.0.1:4712"
)

// pool_kill behind a proxy "does nothing": it must not close the healthy
// connection that it asked on.
func TestKillOfAStrangerClosesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		open := func() *sql.DB {
			db := sql.OpenDB(withAddresses(s.connector(t, "pool_kill=on"), aStranger))
			t.Cleanup(func() { db.Close() })
			return db
		}
		a, b := open(), open()
		tx, err := a.Begin()
		if err != nil {
			t.Fatal(err)
		}
		ask(t, b)
		time.Sleep(2 * hosts.OfferFor) // the second one is idle
		s.query = hangOn("SELECT 2")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		tx.ExecContext(ctx, "SELECT 2")
		tx.Rollback()
		synctest.Wait()
		if p := onePool(t); p.Broken != 1 {
			t.Errorf("got %d broken, want 1: the one whose statement was cancelled", p.Broken)
		}
	})
}

// After CALL the schema is not known, but the statement can be killed, and idle
// connections are as good for that as before.
func TestKillOfACall(t *testing.T) {
	for _, text := range []string{"SELECT 2", "CALL p()"} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			open := func() *sql.DB {
				db := sql.OpenDB(withAddresses(s.connector(t, "pool_kill=on"), ours))
				t.Cleanup(func() { db.Close() })
				return db
			}
			db := open()
			for _, tx := range beginAll(t, db, 5) {
				tx.Rollback()
			}
			time.Sleep(2 * hosts.OfferFor)
			s.query = func(ctx context.Context, c *fakeConn, got string) error {
				switch {
				case got == text:
					<-ctx.Done()
				case strings.HasPrefix(got, "USE `"+physical.UnknownSchema): // MariaDB's answer
					return &mysql.MySQLError{Number: 1064, Message: "You have an error in your SQL syntax"}
				}
				return nil
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			open().ExecContext(ctx, text)
			time.Sleep(hosts.KillTimeout)
			if p := onePool(t); p.Broken != 1 || p.Killed != 1 {
				t.Errorf("%s: got %d broken, %d killed, want 1 and 1", text, p.Broken, p.Killed)
			}
			for _, c := range s.conns {
				if c.schema == physical.UnknownSchema {
					t.Errorf("%s: a login to schema %q", text, c.schema)
				}
			}
		})
	}
}

// On a server that does not answer each kill that times out must not beget
// another.
func TestKillBegetsKills(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := withAddresses(s.connector(t, "pool_kill=on&pool_ping_after=1h"), ours)
		db := sql.OpenDB(c)
		t.Cleanup(func() { db.Close() })
		for _, tx := range beginAll(t, db, 5) {
			tx.Rollback()
		}
		time.Sleep(2 * hosts.OfferFor)
		s.query = func(ctx context.Context, c *fakeConn, text string) error {
			if text == "SELECT 2" || strings.Contains(text, "PROCESSLIST") {
				<-ctx.Done()
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		db.ExecContext(ctx, "SELECT 2")
		time.Sleep(58 * time.Second)
		n := 0
		for _, c := range s.conns {
			for _, text := range c.sent() {
				if strings.Contains(text, "PROCESSLIST") {
					n++
				}
			}
		}
		if n > 1 {
			t.Errorf("one statement was cancelled: the server was asked for its list %d times, want once; %d connections broken", n, onePool(t).Broken)
		}
		s.query = nil
		time.Sleep(10 * time.Second)
	})
}

// A kill may come when the handle is closed and its pool is forgotten. Its
// connection must not be lost. (It is a race of goroutines: hence the rounds.)
func TestKillInAForgottenPool(t *testing.T) {
	for range 300 {
		if t.Failed() {
			return
		}
		bubble(t, func(t *testing.T, s *fakeServer) {
			db := sql.OpenDB(withAddresses(s.connector(t, "pool_kill=on"), ours))
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			s.query = hangOn("SELECT 2")
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			db.Close()
			tx.ExecContext(ctx, "SELECT 2")
			tx.Rollback()
			time.Sleep(time.Minute)
			open, _ := s.open()
			if stats := Stats(); open > 0 && len(stats) == 0 {
				t.Errorf("%d connections are open, in no pool of Stats", open)
			}
			if err := Dispose(t.Context()); err != nil {
				t.Error(err)
			}
			if open, _ := s.open(); open > 0 {
				t.Errorf("%d connections are open after Dispose", open)
			}
		})
	}
}

// Dispose ends what the pool does in the background.
func TestDisposeWaitsForAKill(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := sql.OpenDB(withAddresses(s.connector(t, "pool_kill=on"), ours))
		t.Cleanup(func() { db.Close() })
		ask(t, db)
		s.query = func(ctx context.Context, c *fakeConn, text string) error {
			if text == "SELECT 2" || strings.Contains(text, "PROCESSLIST") {
				<-ctx.Done()
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		db.ExecContext(ctx, "SELECT 2")
		synctest.Wait()
		start := time.Now()
		short, done := context.WithTimeout(t.Context(), 2*time.Second)
		defer done()
		err := Dispose(short)
		if took := time.Since(start); err != nil || took > 0 {
			t.Errorf("nobody uses a connection: took %v: %v", took, err)
		}
		time.Sleep(time.Minute)
	})
}
