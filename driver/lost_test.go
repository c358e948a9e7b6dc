package mysqlpool

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/hosts"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/physical"
)

// hangOn has a statement hang until its context ends, as one does on a
// connection whose router dropped it.
func hangOn(statement string) func(context.Context, *fakeConn, string) error {
	return func(ctx context.Context, _ *fakeConn, text string) error {
		if text == statement {
			<-ctx.Done()
		}
		return nil
	}
}

func pings(c *fakeConn) (n int) {
	for _, text := range c.sent() {
		if text == "ping" {
			n++
		}
	}
	return n
}

// One connection that breaks may be the first of all that there were before the
// server was restarted.
func TestConnectionThatBreaksHasTheOthersPinged(t *testing.T) {
	for _, breaks := range []error{mysql.ErrInvalidConn, &mysql.MySQLError{Number: 1053, Message: "Server shutdown in progress"}} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			a, b := handle(t, s, ""), handle(t, s, "")
			tx, err := a.Begin()
			if err != nil {
				t.Fatal(err)
			}
			ask(t, b)
			s.query = func(_ context.Context, c *fakeConn, text string) error {
				if text == "SELECT 2" {
					if breaks == mysql.ErrInvalidConn {
						c.set(func() { c.closed = true })
					}
					return breaks
				}
				return nil
			}
			if _, err := tx.Exec("SELECT 2"); err != breaks {
				t.Errorf("got %v, want %v", err, breaks)
			}
			tx.Rollback()
			for range 3 {
				if id := ask(t, b); id != 2 {
					t.Errorf("connection: got %d, want 2: it is alive", id)
				}
			}
			if n := pings(s.conns[1]); n != 1 {
				t.Errorf("the other one: got %d pings, want 1", n)
			}
			if p := onePool(t); p.Broken != 1 {
				t.Errorf("got %d broken, want 1", p.Broken)
			}
			if n := slices.Index(s.conns[0].sent(), "SELECT 2"); slices.Contains(s.conns[0].sent()[n+1:], "SELECT 2") {
				t.Error("the statement was tried again")
			}
		})
	}
}

// A context that ends breaks its own connection, and says nothing of others.
func TestCancelledStatementHasNobodyPinged(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		a, b := handle(t, s, ""), handle(t, s, "")
		tx, err := a.Begin()
		if err != nil {
			t.Fatal(err)
		}
		ask(t, b)
		s.query = hangOn("SELECT 2")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := tx.ExecContext(ctx, "SELECT 2"); err != context.DeadlineExceeded {
			t.Errorf("got %v, want the context's error", err)
		}
		tx.Rollback()
		ask(t, b)
		if n := pings(s.conns[1]); n != 0 {
			t.Errorf("got %d pings, want none", n)
		}
	})
}

// Dropped in silence: the first ping that is not answered stands for all that
// nobody used for as long.
func TestSilentConnectionsCostOnePing(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		db.SetMaxIdleConns(0)
		txs := beginAll(t, db, 5)
		for _, tx := range txs[:3] {
			tx.Rollback()
		}
		time.Sleep(20 * time.Second)
		txs[3].Rollback()
		time.Sleep(5 * time.Second)
		ask(t, db)
		time.Sleep(30 * time.Second)
		s.query = hangOn("ping")
		start := time.Now()
		if id := ask(t, db); id != 6 {
			t.Errorf("got connection %d, want a new one", id)
		}
		if took := time.Since(start); took != physical.PingTimeout {
			t.Errorf("took %v, want %v", took, physical.PingTimeout)
		}
		txs[4].Rollback()
		wantOpen(t, s, 2, 6)
		if p := onePool(t); p.Broken != 4 {
			t.Errorf("want 4 broken: %+v", p)
		}
	})
}

// A connection with session state on it stays with its handle, which may be idle
// for long.
func TestPinnedConnectionIsPinged(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "pool_ping_after=30s")
		if _, err := db.Exec("SET @a = 1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(29 * time.Second)
		ask(t, db)
		if n := pings(s.conns[0]); n != 0 {
			t.Errorf("after 29s: got %d pings, want none", n)
		}
		time.Sleep(30 * time.Second)
		ask(t, db)
		if n := pings(s.conns[0]); n != 1 {
			t.Errorf("after 30s: got %d pings, want 1", n)
		}
		time.Sleep(30 * time.Second)
		s.query = hangOn("ping")
		start := time.Now()
		if id := ask(t, db); id != 2 {
			t.Errorf("got connection %d, want another", id)
		}
		if took := time.Since(start); took != physical.PingTimeout {
			t.Errorf("took %v, want %v", took, physical.PingTimeout)
		}
	})
}

// A ping ends with the DSN's timeout, if that is shorter.
func TestPingEndsWithTheTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "pool_ping_after=0&timeout=100ms")
		ask(t, db)
		s.query = hangOn("ping")
		start := time.Now()
		ask(t, db)
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("took %v, want 100ms", took)
		}
	})
}

// The user has the server's error, and the connection is not used again.
func TestErrorThatEndsTheSession(t *testing.T) {
	for number, ends := range map[uint16]bool{
		1053: true, 1927: true, 4031: true, 3169: true, 2013: true, 1158: true,
		1047: false, 1062: false, 1205: false, 1213: false, 1290: false, 1317: false, 1836: false, 3024: false,
	} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			db := handle(t, s, "")
			ask(t, db)
			s.query = refuse("SELECT 2", number)
			if _, err := db.Exec("SELECT 2"); mysqlerr.Number(err) != number {
				t.Errorf("got %v, want Error %d", err, number)
			}
			want := 1
			if ends {
				want = 2
			}
			if id := ask(t, db); id != want {
				t.Errorf("Error %d: the next statement is on connection %d, want %d", number, id, want)
			}
			if n := len(s.conns[0].sent()); s.conns[0].sent()[n-1] == "SELECT 2" && !ends {
				t.Errorf("Error %d: nothing came after it", number)
			}
		})
	}
}

func TestUnreadyNode(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		unready := &mysql.MySQLError{Number: 1047, Message: "WSREP has not yet prepared node for application use"}
		s.query = func(_ context.Context, _ *fakeConn, text string) error {
			if text == "SELECT 2" {
				return unready
			}
			return nil
		}
		if _, err := db.Exec("SELECT 2"); err != unready {
			t.Errorf("got %v, want the server's error", err)
		}
		if id := ask(t, db); id != 2 {
			t.Errorf("the next statement is on connection %d, want another", id)
		}
	})
}

// logged is a log.
type logged struct {
	mu  sync.Mutex
	all bytes.Buffer // guarded by mu
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

// take returns what was logged since the last call.
func (l *logged) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.all.Reset()
	return l.all.String()
}

func TestLeakIsLogged(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		var log logged
		c := s.connector(t, "pool_leak_after=10s")
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		db := sql.OpenDB(c)
		defer db.Close()
		wait := func(d time.Duration) string {
			time.Sleep(d)
			synctest.Wait()
			return log.take()
		}
		ask(t, db)
		if got := wait(time.Minute); got != "" {
			t.Errorf("idle: logged %s", got)
		}
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if got := wait(9 * time.Second); got != "" {
			t.Errorf("after 9s: logged %s", got)
		}
		got := wait(2 * time.Second)
		for _, want := range []string{"level=WARN", "held=10s", "TestLeakIsLogged", "lost_test.go", "id=1", "app@tcp(fake:3306)"} {
			if !strings.Contains(got, want) {
				t.Errorf("logged %s, want %s in it", got, want)
			}
		}
		if n := strings.Count(got, "\n"); n != 1 {
			t.Errorf("logged %d lines, want 1: %s", n, got)
		}
		tx.Rollback()
		if got := wait(0); !strings.Contains(got, "level=INFO") || !strings.Contains(got, "held=11s") {
			t.Errorf("logged %s, want that it came back", got)
		}
		ask(t, db)
		if got := wait(time.Minute); got != "" {
			t.Errorf("idle again: logged %s", got)
		}
	})
}

// A handle that is closed while its Rows are open, and forgotten with them,
// closes nothing.
func TestDroppedConnectionIsClosed(t *testing.T) {
	disposeAfter(t)
	s := newFakeServer()
	for _, state := range []string{"", "SET @a = 1"} {
		func() {
			c, err := s.connector(t, "pool_size=1").Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.(*conn).ExecContext(t.Context(), "SELECT 1"+state, nil); err != nil {
				t.Fatal(err)
			}
			if state != "" {
				if _, err := c.(*conn).ExecContext(t.Context(), state, nil); err != nil {
					t.Fatal(err)
				}
				c.(driver.Validator).IsValid()
			}
		}()
	}
	for start := time.Now(); onePool(t).Unclosed != 2; runtime.Gosched() {
		runtime.GC()
		if time.Since(start) > 10*time.Second {
			t.Fatalf("want two unclosed: %+v", onePool(t))
		}
	}
	wantOpen(t, s, 0, 2)
}

// A request's deadline that is shorter than physical.PingTimeout must not make every dead
// connection cost a request.
func TestShortDeadlinesMeetEachSilentConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		hold(t, s, "", 5)
		db := handle(t, s, "")
		time.Sleep(40 * time.Second)
		old := len(s.conns)
		s.query = func(ctx context.Context, c *fakeConn, text string) error {
			if c.id <= old { // the router forgot them
				<-ctx.Done()
			}
			return nil
		}
		failed := 0
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := db.ExecContext(ctx, "UPDATE t SET n = 1"); err != nil {
				failed++
			}
			cancel()
			time.Sleep(time.Second)
		}
		if failed > 1 {
			t.Errorf("%d requests with a deadline of 1s failed, want 1 at most", failed)
		}
	})
}

// A connection that breaks while rows are read says as much of the others as one
// that breaks before.
func TestConnectionThatBreaksInRowsHasTheOthersPinged(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		a, b := handle(t, s, ""), handle(t, s, "")
		rows, err := a.Query("SELECT 1")
		if err != nil {
			t.Fatal(err)
		}
		ask(t, b)
		s.conns[0].set(func() { s.conns[0].closed = true }) // as the stock driver does when rows.Next fails
		rows.Close()
		if p := onePool(t); p.Broken != 1 {
			t.Errorf("want 1 broken: %+v", p)
		}
		ask(t, b)
		if n := pings(s.conns[1]); n != 1 {
			t.Errorf("the other one: got %d pings, want 1", n)
		}
	})
}

// A checkout that waits for USE, as while the schema is dropped, says nothing of
// connections on other schemas.
func TestSlowUseClosesOthersIdleConnections(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		hold(t, s, "", 5)
		time.Sleep(2 * hosts.OfferFor)
		s.query = hangOn("USE `other`")
		db := handleTo(t, s, "other", "")
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
		defer cancel()
		db.ExecContext(ctx, "UPDATE t SET n = 1")
		if p := onePool(t); p.Broken > 2 {
			t.Errorf("%d connections closed as broken, want 2 at most: that of the switch, and one that met the end of the context", p.Broken)
		}
	})
}

func TestOfferTime(t *testing.T) {
	for pingAfter, want := range map[time.Duration]time.Duration{
		0: 0, time.Microsecond: 0, 19 * time.Millisecond: 0, // no spinning
		20 * time.Millisecond: 5 * time.Millisecond, time.Second: 250 * time.Millisecond,
		4 * time.Second: time.Second, 30 * time.Second: time.Second,
	} {
		if got := hosts.OfferTime(pingAfter); got != want {
			t.Errorf("pool_ping_after=%v: got %v, want %v", pingAfter, got, want)
		}
	}
}
