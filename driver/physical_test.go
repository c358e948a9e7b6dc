package mysqlpool

import (
	"database/sql"
	"slices"
	"testing"

	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// All that is sent between one login and one physical close, by many logical
// connections: what the pool asks once, and then nothing but the programs' own.
func TestPhysicalOpensAndCloses(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		want := []string{serverinfo.VariablesQuery}
		const rounds = 10
		for range rounds {
			db := sql.OpenDB(s.connector(t, "pool_size=1"))
			var n int
			if err := db.QueryRow("SELECT 1").Scan(&n); err != nil {
				t.Fatal(err)
			}
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec("UPDATE t SET n = 1"); err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			want = append(want, "SELECT 1", "begin", "UPDATE t SET n = 1", "commit")
		}
		wantOpen(t, s, 1, 1)
		if got := s.conns[0].sent(); !slices.Equal(got, want) {
			t.Errorf("sent\n%q, want\n%q", got, want)
		}
		if p := onePool(t); p.Opened != 1 || p.Open != 1 {
			t.Errorf("got %+v, want one login and one connection", p)
		}
		if err := Dispose(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantOpen(t, s, 0, 1)
	})
}
