package mysqlpool

import (
	"context"
	"database/sql"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
)

// failThen has a statement fail, and the server begin a transaction in it if
// begins says so.
func failThen(text string, begins bool) func(context.Context, *fakeConn, string) error {
	return func(_ context.Context, c *fakeConn, got string) error {
		if got != text {
			return nil
		}
		if begins {
			c.hidden = true
		}
		return &mysql.MySQLError{Number: 1050, Message: "fake: refused"}
	}
}

// After an error the server is asked once, by whoever gets the connection next, and
// what it shows then is undone. The handle itself goes on without that.
func TestFlagsAreAskedForAfterAnError(t *testing.T) {
	for _, bare := range []bool{false, true} {
		for _, begins := range []bool{false, true} {
			bubble(t, func(t *testing.T, s *fakeServer) {
				s.bare = bare
				const text, params = "DELETE nonsense", "pool_size=1&pool_max_overflow=0"
				s.query = failThen(text, begins)
				a, b := handle(t, s, params), handle(t, s, params)
				ask(t, a)
				before := len(s.conns[0].sent())
				if _, err := a.Exec(text); mysqlerr.Number(err) != 1050 {
					t.Fatalf("got %v, want the server's error", err)
				}
				if p := onePool(t); p.Pinned != 0 {
					t.Errorf("an error pins: %+v", p)
				}
				if _, err := a.Exec(text); mysqlerr.Number(err) != 1050 {
					t.Fatalf("got %v, want the server's error", err)
				}
				if sent := s.conns[0].sent()[before:]; len(sent) != 2 {
					t.Errorf("its own handle: sent %q, want nothing but the statements", sent)
				}
				before = len(s.conns[0].sent())
				ask(t, b)
				sent := s.conns[0].sent()[before:]
				want := 2 // a ping, the query
				if begins || bare {
					want = 3 // ... and ROLLBACK
				}
				if len(sent) != want || sent[0] != "ping" || want == 3 && sent[1] != "ROLLBACK" {
					t.Errorf("bare %v, begins %v: another handle: sent %q", bare, begins, sent)
				}
				before = len(s.conns[0].sent())
				ask(t, a)
				ask(t, b)
				if sent := s.conns[0].sent()[before:]; len(sent) != 2 {
					t.Errorf("afterwards: sent %q, want no ping", sent)
				}
			})
		}
	}
}

// Of several statements that Query runs nobody is told how those behind the first
// end.
func TestSeveralStatementsAreVerified(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const params = "pool_size=1&pool_max_overflow=0&multiStatements=true"
		a, b := handle(t, s, params), handle(t, s, params)
		rows, err := a.Query("SELECT 1; SELECT 2")
		if err != nil {
			t.Fatal(err)
		}
		rows.Close()
		before := len(s.conns[0].sent())
		ask(t, b)
		if sent := s.conns[0].sent()[before:]; len(sent) != 2 || sent[0] != "ping" {
			t.Errorf("sent %q, want a ping first", sent)
		}
	})
}

// A thousand handles of which each has a statement fail share one connection.
func TestErrorsDoNotPin(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.query = failThen("INSERT INTO t VALUES (1)", false)
		var all []*sql.DB
		for range 1000 {
			db := handle(t, s, "pool_size=1&pool_max_overflow=0")
			if _, err := db.Exec("INSERT INTO t VALUES (1)"); mysqlerr.Number(err) != 1050 {
				t.Fatal(err)
			}
			all = append(all, db)
		}
		wantOpen(t, s, 1, 1)
		for _, db := range all {
			db.Close()
		}
	})
}

// After 1317 the server may be about to hang up: the connection's own handle is not
// given it either before the server answered.
func TestKilledConnectionIsVerified(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		killed := false
		s.query = func(_ context.Context, c *fakeConn, text string) error {
			switch {
			case text == "SELECT SLEEP(9)":
				killed = true
				return &mysql.MySQLError{Number: 1317, Message: "fake: killed"}
			case killed && c.id == 1: // and the socket does not show it yet
				c.set(func() { c.closed = true })
				return mysql.ErrInvalidConn
			}
			return nil
		}
		db := handle(t, s, "pool_size=1&pool_max_overflow=0")
		ask(t, db)
		if _, err := db.Exec("SELECT SLEEP(9)"); mysqlerr.Number(err) != 1317 {
			t.Fatalf("got %v, want the server's error", err)
		}
		ask(t, db)
		synctest.Wait()
		wantOpen(t, s, 1, 2)
	})
}

// Which connection a KILL was for is not known: each is asked before it is used again.
func TestKillByAnotherIsVerified(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		killed := false
		s.query = func(_ context.Context, c *fakeConn, text string) error {
			switch {
			case text == "KILL 1":
				killed = true
			case killed && c.id == 1: // and the socket does not show it yet
				c.set(func() { c.closed = true })
				return mysql.ErrInvalidConn
			}
			return nil
		}
		victim, killer := handle(t, s, "pool_size=2"), handle(t, s, "pool_size=3")
		ask(t, victim)
		mustExec(t, killer, "KILL 1")
		ask(t, victim)
		wantOpen(t, s, 2, 3)
		before := len(s.conns[2].sent())
		ask(t, victim)
		if sent := s.conns[2].sent()[before:]; len(sent) != 1 {
			t.Errorf("afterwards: sent %q, want no ping", sent)
		}
	})
}

// A transaction that an error hides may hold locks. It ends soon after the
// connection's handle is closed, or is left unused: not only when somebody checks
// the connection out, which may be never.
func TestHiddenTransactionEndsSoon(t *testing.T) {
	for _, bare := range []bool{false, true} {
		for _, closes := range []bool{false, true} {
			bubble(t, func(t *testing.T, s *fakeServer) {
				s.bare = bare
				const text = "DELETE nonsense"
				s.query = failThen(text, true)
				a := handle(t, s, "pool_size=1&pool_max_overflow=0")
				ask(t, a)
				if _, err := a.Exec(text); mysqlerr.Number(err) != 1050 {
					t.Fatalf("got %v, want the server's error", err)
				}
				after := len(s.conns[0].sent())
				if closes {
					a.Close()
				} else {
					time.Sleep(3 * time.Second) // of the bubble's time
				}
				synctest.Wait()
				sent := s.conns[0].sent()[after:]
				if !slices.Contains(sent, "ROLLBACK") {
					t.Errorf("bare %v, handle closed %v: sent %q, want a ROLLBACK", bare, closes, sent)
				}
				if open, ever := s.open(); open != 1 || ever != 1 {
					t.Errorf("bare %v, handle closed %v: %d connections open of %d, want the one", bare, closes, open, ever)
				}
			})
		}
	}
}
