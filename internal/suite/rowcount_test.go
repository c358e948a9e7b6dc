package suite

import "testing"

// Where another user's warnings are on the connection still (MariaDB keeps them through
// statements without tables), what empties them leaves ROW_COUNT() of rows.
func TestSuiteRowCountBesideWarnings(t *testing.T) {
	needRealServer(t)
	asStock(t, func(t *testing.T, driver string) (all []string) {
		s := needServer(t)
		const params = "@pool_size=1&@pool_max_overflow=0" + takesAtOnce
		for _, query := range []string{"SELECT 1", "SELECT CONCAT('a', 'b')", "SELECT 1 UNION SELECT 2"} {
			before := s.open(t, driver, params)
			if _, err := before.Exec("SELEKT"); err == nil {
				t.Fatal("want an error")
			}
			before.Close()
			db := s.open(t, driver, params)
			tx := begin(t, db)
			row(t, tx, query)
			all = append(all, row(t, tx, "SELECT @@warning_count, ROW_COUNT()"))
			tx.Rollback()
			db.Close()
		}
		return all
	})
}
