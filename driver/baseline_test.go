package mysqlpool

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// asksBaseline reports whether a text asks for the baseline.
func asksBaseline(text string) bool {
	return strings.HasPrefix(text, serverinfo.AskConn+", @@init_connect")
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
