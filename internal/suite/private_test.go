package suite

import (
	"database/sql"
	"io"
	"log"
	"testing"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// A sql.Conn outlives its handle, be it used or not, and whoever has the pool.
func TestSuiteUnusedConnOutlivesItsHandle(t *testing.T) {
	s := needServer(t)
	open := map[string]func(t *testing.T) *sql.DB{
		"stock":  func(t *testing.T) *sql.DB { return s.open(t, stock, "") },
		"shared": func(t *testing.T) *sql.DB { return s.open(t, pooled, "") },
		"private": func(t *testing.T) *sql.DB {
			cfg := s.config(t)
			cfg.Logger = log.New(io.Discard, "", 0)
			return openConfig(t, cfg)
		},
	}
	for name, open := range open {
		t.Run(name, func(t *testing.T) {
			dispose(t)
			for _, used := range []bool{false, true} {
				db := open(t)
				c, unused := oneConn(t, db), oneConn(t, db)
				tx := begin(t, db)
				if used {
					connectionID(t, c)
				}
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					for i, q := range []querier{c, unused, tx} {
						if _, err := askConnectionID(q); err != nil {
							t.Errorf("used before: %v; conn %d: %v", used, i, err)
						}
					}
				}
				for _, err := range []error{tx.Commit(), c.Close(), unused.Close()} {
					if err != nil {
						t.Error(err)
					}
				}
			}
			if name == "private" {
				for _, p := range mysqlpool.Stats() {
					if p.Open > 0 {
						t.Errorf("a pool is left behind: %+v", p)
					}
				}
			}
		})
	}
	s.wantNoMoreThanStats(t)
}
