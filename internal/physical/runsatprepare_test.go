package physical

import (
	"testing"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// What a server runs when a statement is prepared may be left then.
func TestPreparingLeavesStateWhereItRunsFunctions(t *testing.T) {
	for text, left := range map[string]session.Kinds{
		"SELECT GET_LOCK('a', 1)":                            session.Locks,
		"DO GET_LOCK('a', 1), (SELECT 1 UNION SELECT 2)":     session.Locks,
		"SELECT @a := 1":                                     session.UserVariables,
		"SELECT 1":                                           0,
		"SET time_zone = '+03:00'":                           0,
		"INSERT INTO t VALUES (GET_LOCK('a', 1), @a := 'x')": session.Locks | session.UserVariables,
	} {
		for _, runs := range []bool{false, true} {
			p := &Conn{Shared: &Shared{}, Host: &Host{}, config: &dsn.ConnConfig{}}
			p.Host.Learned.Store(&serverinfo.Facts{RunsAtPrepare: runs})
			st := p.scan(text)
			p.prepares(&st)
			want := left
			if !runs {
				want &= session.UserVariables
			}
			if got := p.state.Kinds(); got != want {
				t.Errorf("%s, runs functions: %v: got %v, want %v", text, runs, got, want)
			}
		}
	}
}
