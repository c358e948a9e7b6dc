package mysqlpool

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/hosts"
)

// panicOn has the stock driver panic where it sends a text.
func panicOn(text string) func(context.Context, *fakeConn, string) error {
	return func(_ context.Context, _ *fakeConn, got string) error {
		if strings.Contains(got, text) {
			panic("index out of range")
		}
		return nil
	}
}

func TestPanicInALoginIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.login = func(context.Context, int) error { panic("index out of range") }
		err := handle(t, s, "").PingContext(t.Context())
		if err == nil || !strings.Contains(err.Error(), "panic") {
			t.Errorf("got %v, want an error that says what happened", err)
		}
	})
}

// A login that panics leaves its socket open. So it is not tried again at once.
func TestLoginThatPanicsIsNotTriedAgainAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.login = func(context.Context, int) error { panic("fake: out of range") }
		db := handle(t, s, "")
		for _, step := range []struct {
			wait   time.Duration
			logins int
		}{{0, 1}, {hosts.MinPanicBackoff - 1, 1}, {1, 2}, {2*hosts.MinPanicBackoff - 1, 2}, {1, 3}, {time.Hour, 4}, {0, 4}} {
			time.Sleep(step.wait)
			err := db.Ping()
			if err == nil || !strings.Contains(err.Error(), "fake: out of range") {
				t.Errorf("got %v, want what it panicked with", err)
			}
			if s.logins != step.logins {
				t.Errorf("%d logins, want %d", s.logins, step.logins)
			}
		}
		s.login = nil
		time.Sleep(hosts.MaxPanicBackoff)
		ask(t, db)
	})
}

// After a panic a login may be tried again: to fail for ten seconds because of
// one is an outage that the stock driver has not.
func TestOnePanicIsNoOutage(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.login = func(_ context.Context, n int) error {
			if n == 1 {
				panic("in BeforeConnect, once")
			}
			return nil
		}
		db := handle(t, s, "")
		db.Ping()
		time.Sleep(time.Second)
		if err := db.Ping(); err != nil {
			t.Errorf("a second later: %v", err)
		}
	})
}

// Each is called where the program cannot recover.
func TestPanicInTheBackgroundClosesTheConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		var log bytes.Buffer
		c := s.connector(t, "")
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
		db := sql.OpenDB(c)
		defer db.Close()
		s.query = panicOn("ROLLBACK")
		ask(t, db)
		if _, err := db.Exec("BEGIN"); err != nil {
			t.Fatal(err)
		}
		db.SetMaxIdleConns(-1) // gives the connection up
		synctest.Wait()
		if !s.conns[0].get(func() bool { return s.conns[0].closed }) {
			t.Error("the connection is open")
		}
		if !strings.Contains(log.String(), "panicked") {
			t.Errorf("got %q in the log", log.String())
		}
	})
}

// Before a connection is handed out a panic of the stock driver is an answer too:
// it is closed, and another one will do.
func TestPanicInACheckout(t *testing.T) {
	for text, schema := range map[string]string{"ping": "app", "USE `other`": "other"} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			first := s.connector(t, "pool_ping_after=0")
			db := sql.OpenDB(first)
			ask(t, db)
			db.Close()
			s.query = panicOn(text)
			ask(t, handleTo(t, s, schema, "pool_ping_after=0"))
			wantOpen(t, s, 1, 2)
			if p := onePool(t); p.Broken != 1 || p.InUse > 0 {
				t.Errorf("%s: got %d broken and %d in use, want 1 and 0", text, p.Broken, p.InUse)
			}
		})
	}
}

// The checkout for a kill is on a goroutine of the pool, where a panic would end
// the process.
func TestPanicInTheCheckoutOfAKill(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := sql.OpenDB(withAddresses(s.connector(t, "pool_kill=on&pool_ping_after=0"), ours))
		defer db.Close()
		for _, tx := range beginAll(t, db, 2) {
			tx.Rollback()
		}
		time.Sleep(2 * hosts.OfferFor)
		s.query = func(ctx context.Context, _ *fakeConn, text string) error {
			if text == "SELECT 2" {
				s.query = panicOn("ping")
				<-ctx.Done()
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		db.ExecContext(ctx, "SELECT 2")
		time.Sleep(hosts.KillTimeout)
		if p := onePool(t); p.Broken != 2 || p.InUse > 0 {
			t.Errorf("got %d broken and %d in use, want 2 and 0", p.Broken, p.InUse)
		}
	})
}

// A connection to a host that failed is asked whether it is of use now. If that
// panics, or it breaks, it is of none, though no other host is.
func TestHostThatBreaksOffTheQuestion(t *testing.T) {
	for how, fail := range map[string]func(c *fakeConn){
		"panic": func(*fakeConn) { panic("index out of range") },
		"break": func(c *fakeConn) { c.set(func() { c.closed = true }) },
	} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			cluster := newCluster(s)
			s.unready = map[string]bool{}
			for _, addr := range []string{"a:1", "b:2", "c:3"} {
				cluster.is(addr, isDown)
			}
			db := handle(t, s, "")
			if err := db.Ping(); err == nil {
				t.Fatal("want an error")
			}
			var fails atomic.Bool
			fails.Store(true)
			s.query = func(_ context.Context, c *fakeConn, text string) error {
				if strings.Contains(text, "wsrep_ready") && fails.Load() {
					fail(c)
				}
				return nil
			}
			cluster.is("a:1", "")
			if _, err := db.Exec("INSERT 1"); err == nil {
				t.Errorf("%s: want an error of the login", how)
			}
			for _, c := range s.conns {
				if slices.Contains(c.sent(), "INSERT 1") {
					t.Errorf("%s: a statement was sent on connection %d afterwards", how, c.id)
				}
			}
			wantOpen(t, s, 0, 1)
			fails.Store(false)
			time.Sleep(time.Minute)
			ask(t, db)
		})
	}
}
