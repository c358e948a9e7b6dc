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
