package suite

import (
	"strings"
	"testing"
)

// On a server that ignores LAST_INSERT_ID(0), as TiDB does, nobody gets another
// user's id: the session is reset for who asks, or the statement fails if more is
// on it than that id.
func TestSuiteLastIDThatStays(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	s.exec(t, "CREATE TABLE "+s.schema+".t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")
	ok := []byte{0, 0, 0, 2, 0, 0, 0}
	relay := newRelay(t, s.dsn, func(command byte, text string) []byte {
		if command == comQuery && strings.HasPrefix(text, "DO LAST_INSERT_ID(0)") {
			return ok
		}
		return nil
	})
	open := func() (a, b querier, done func()) {
		first, second := openDSN(t, pooled, relay.through(t, s.dsn, poolOfOne)), openDSN(t, pooled, relay.through(t, s.dsn, poolOfOne))
		first.SetMaxOpenConns(1)
		second.SetMaxOpenConns(1)
		return first, second, func() { first.Close(); second.Close() }
	}
	for range 2 { // the first time it is found out
		a, b, done := open()
		mustExec(t, a, "INSERT INTO t (v) VALUES (1)")
		if got := row(t, b, "SELECT LAST_INSERT_ID()"); got != "0" {
			t.Errorf("another user has the id %s", got)
		}
		if got := row(t, b, "SELECT LAST_INSERT_ID() + ?", 0); got != "0" {
			t.Errorf("another user has the id %s", got)
		}
		mustExec(t, a, "INSERT INTO t (v) VALUES (1)")
		mustExec(t, b, "INSERT INTO t (v) VALUES (1) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)")
		if a, b := row(t, a, "SELECT LAST_INSERT_ID()"), row(t, b, "SELECT LAST_INSERT_ID()"); a == b {
			t.Errorf("both have the id %s", a)
		}
		done()
	}
	a, b, done := open()
	defer done()
	mustExec(t, a, "INSERT INTO t (v) VALUES (1)")
	mustExec(t, b, "BEGIN")
	if got, err := askRow(b, "SELECT LAST_INSERT_ID()"); err == nil || !strings.Contains(err.Error(), "ignores LAST_INSERT_ID(0)") {
		t.Errorf("in a transaction another user has the id %s, %v", got, err)
	}
	if _, err := b.ExecContext(t.Context(), "INSERT INTO t VALUES (LAST_INSERT_ID(), ?)", 1); err == nil || !strings.Contains(err.Error(), "ignores LAST_INSERT_ID(0)") {
		t.Errorf("in a transaction another user's id is written: %v", err)
	}
	mustExec(t, b, "ROLLBACK")
	dispose(t) // or the relay has connections for ever
}
