package suite

import (
	"fmt"
	"testing"
)

// A handle keeps its LAST_INSERT_ID() though the pool closes the connection that has
// it, as surplus, at once.
func TestSuiteLastIDOutlivesItsConnection(t *testing.T) {
	s := needServer(t)
	asStock(t, func(t *testing.T, driver string) []string {
		params := ""
		if driver == pooled {
			params = "pool_size=0&pool_idle_timeout=0"
		}
		db := s.open(t, driver, params)
		defer db.Close()
		db.SetMaxOpenConns(1)
		if _, err := db.Exec("DO LAST_INSERT_ID(2 + 40)"); err != nil {
			t.Skip(err)
		}
		if driver == pooled {
			eventually(t, func() error {
				if p := onlyPool(t); p.Open > 0 {
					return fmt.Errorf("%d connections are open", p.Open)
				}
				return nil
			})
		}
		return []string{seen(db, "SELECT LAST_INSERT_ID()")}
	})
}
