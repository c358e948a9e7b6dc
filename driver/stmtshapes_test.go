package mysqlpool

import (
	"testing"
)

// A kept statement never runs with an argument of no kind, and runs with others
// afterwards.
func TestArgumentsOfNoKind(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, oneConnection)
		const query = "SELECT ?"
		askArg := func(arg any) {
			t.Helper()
			if err := db.QueryRow(query, arg).Scan(new(int)); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			askArg("1e5")
		}
		if p := onePool(t); p.StmtHits != 0 || p.Stmts > 1 {
			t.Errorf("%d hits, want none; %d statements, want the one at most that is kept for others", p.StmtHits, p.Stmts)
		}
		stmt, err := db.Prepare(query)
		if err != nil {
			t.Fatal(err)
		}
		stmt.QueryRow("1e5").Scan(new(int))
		stmt.Close()
		before := onePool(t).StmtHits
		for range 3 {
			askArg("abc")
		}
		if p := onePool(t); p.StmtHits-before < 2 {
			t.Errorf("%d hits, want 2 or 3 of 3", p.StmtHits-before)
		}
	})
}
