package mysqlpool

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// asksBaseline reports whether a text asks for the baseline.
func asksBaseline(text string) bool {
	return strings.HasPrefix(text, serverinfo.ConnQuery+", @@init_connect")
}

// refuseBaseline makes each reading of the baseline fail with the server's error.
func refuseBaseline(number uint16) func(context.Context, *fakeConn, string) error {
	return func(_ context.Context, _ *fakeConn, text string) error {
		if asksBaseline(text) {
			return &mysql.MySQLError{Number: number, Message: "fake: refused"}
		}
		return nil
	}
}

// countSent is how often texts of a kind were sent on a connection.
func countSent(c *fakeConn, is func(string) bool) (n int) {
	for _, text := range c.sent() {
		if is(text) {
			n++
		}
	}
	return n
}

// A proxy may have SHOW VARIABLES answered by another server than SELECT.
func TestServerThatTellsMoreThanItKnows(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.resets, s.role = true, "NONE"
		s.query = refuseBaseline(mysqlerr.UnknownVariable)
		for range 3 {
			db := handle(t, s, "pool_reset=always")
			mustExec(t, db, "SET @a = 1")
			db.Close()
			synctest.Wait()
		}
		wantOpen(t, s, 1, 1)
		if n := countSent(s.conns[0], asksBaseline); n != 1 {
			t.Errorf("the variables were asked for %d times, want once", n)
		}
	})
}

// What could not be read is unknown, also on the pool's first connection, of which the
// variables are known: a reset may leave the role.
func TestBaselineThatIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.resets, s.role = true, "NONE"
		s.query = refuseBaseline(mysqlerr.QueryInterrupted)
		db := handle(t, s, "")
		mustExec(t, db, "CALL p()")
		db.Close()
		synctest.Wait()
		if c := s.conns[0]; !c.closed {
			t.Errorf("it was kept: %q", c.sent())
		}
	})
}

// Error 1105 may be of the moment, or of a server without roles that has no other number
// for that. The role is compared after a reset unless it is refused again.
func TestRoleThatIsRefusedWithoutANumber(t *testing.T) {
	for name, test := range map[string]struct {
		times int  // how often it is refused
		asks  bool // a reset is followed by a look at the role
		later int  // how often a later login asks for it
	}{
		"once":   {1, true, 1},
		"always": {1000, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				s.resets, s.role = true, "NONE"
				asksRole := func(text string) bool { return strings.Contains(text, "CURRENT_ROLE()") }
				left := test.times
				s.query = func(_ context.Context, _ *fakeConn, text string) error {
					if asksRole(text) && left > 0 {
						left--
						return &mysql.MySQLError{Number: mysqlerr.Unknown, Message: "fake: no healthy backend"}
					}
					return nil
				}
				db := handle(t, s, "")
				mustExec(t, db, "CALL p()")
				before := len(s.conns[0].sent())
				db.Close()
				synctest.Wait()
				if s.conns[0].closed {
					t.Errorf("it was not kept: %q", s.conns[0].sent())
				}
				if got := slices.ContainsFunc(s.conns[0].sent()[before:], asksRole); got != test.asks {
					t.Errorf("the role was compared after the reset: got %v, want %v: %q", got, test.asks, s.conns[0].sent()[before:])
				}
				s.conns[0].set(func() { s.conns[0].dead = true })
				ask(t, handle(t, s, ""))
				if n := countSent(s.conns[1], asksRole); n != test.later {
					t.Errorf("a later login asked for the role %d times, want %d", n, test.later)
				}
			})
		})
	}
}

// A server that has roles after an upgrade is asked for them.
func TestRolesAfterAnUpgrade(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.resets = true
		s.others = map[string]string{"version": "5.7.44"}
		db := handle(t, s, "")
		mustExec(t, db, "CALL p()")
		db.Close()
		synctest.Wait()
		s.conns[0].set(func() { s.conns[0].dead = true })
		s.others, s.role = map[string]string{"version": "8.4.0"}, "NONE"
		refused := false
		s.query = func(ctx context.Context, c *fakeConn, text string) error {
			if asksBaseline(text) && !refused {
				refused = true
				return refuseBaseline(mysqlerr.UnknownVariable)(ctx, c, text)
			}
			return nil
		}
		db = handle(t, s, "")
		ask(t, db)
		mustExec(t, db, "CALL p()")
		db.Close()
		synctest.Wait()
		asksRole := func(text string) bool { return strings.Contains(text, "CURRENT_ROLE()") }
		if n := countSent(s.conns[1], asksRole); n != 2 {
			t.Errorf("the role was asked for %d times, want at the login and after the reset: %q", n, s.conns[1].sent())
		}
	})
}

// Behind a connection that was found dead the server may be another one by now, whose
// answers the pool would misread.
func TestServerIsAskedAfterADeadConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "pool_size=3")
		ask(t, db)
		s.conns[0].set(func() { s.conns[0].dead = true })
		for _, tx := range beginAll(t, db, 2) {
			defer tx.Rollback()
		}
		for i, want := range []int{0, 1, 0} {
			if n := countSent(s.conns[i], asksBaseline); n != want {
				t.Errorf("login %d: the variables were asked for %d times, want %d", i+1, n, want)
			}
		}
	})
}

// What statements undo is restored by a reset too, where the pool does not run these.
func TestResetOfWhatNeedsNoBaseline(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.resets = true
		const params = "pool_reset=never&pool_size=2&pool_max_overflow=0"
		other := handle(t, s, params)
		defer beginAll(t, other, 1)[0].Rollback()
		for range 5 {
			db := handle(t, s, params)
			s.query = refuse("begin", mysqlerr.ReadOnlyMode)
			if _, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable}); err == nil {
				t.Fatal("want an error")
			}
			db.Close()
			synctest.Wait()
			s.query = nil
		}
		wantOpen(t, s, 2, 2)
	})
}
