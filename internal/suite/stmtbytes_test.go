package suite

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"
)

// What kept statements take of the server's memory stays within what the documentation
// says, whatever the texts are.
func TestSuiteMemoryOfKeptStatements(t *testing.T) {
	s := needServer(t)
	ask := "SELECT MEMORY_USED FROM information_schema.PROCESSLIST WHERE ID = %d"
	if _, err := askRow(s.admin, fmt.Sprintf(ask, 0)); err != nil {
		ask = "SELECT SUM(CURRENT_NUMBER_OF_BYTES_USED) FROM performance_schema.memory_summary_by_thread_by_event_name JOIN performance_schema.threads USING (THREAD_ID) WHERE PROCESSLIST_ID = %d"
		if got, err := askRow(s.admin, fmt.Sprintf(ask, connectionID(t, s.admin))); err != nil || got == "NULL" {
			t.Skipf("the server does not tell the memory of a connection: %s, %v", got, err)
		}
	}
	s.tableOfOne(t)
	var columns []string
	for i := range 150 {
		columns = append(columns, fmt.Sprintf("c%d INT", i))
	}
	s.exec(t, "CREATE TABLE "+s.schema+".wide ("+strings.Join(columns, ", ")+")")
	const texts = 256
	for name, text := range map[string]func(i int) (query string, args int){
		"250 placeholders": func(i int) (string, int) {
			return fmt.Sprintf("SELECT v FROM t WHERE id IN (%s?) AND id <> %d", strings.Repeat("?,", 249), i), 250
		},
		"4000 placeholders": func(i int) (string, int) {
			return fmt.Sprintf("SELECT v FROM t WHERE id IN (%s?) AND id <> %d", strings.Repeat("?,", 3999), i), 4000
		},
		"columns": func(i int) (string, int) {
			return fmt.Sprintf("SELECT a.*, b.*, c.* FROM wide a, wide b, wide c WHERE a.c1 = ? AND %d < 1", i), 1
		},
		"expressions": func(i int) (string, int) {
			return fmt.Sprintf("SELECT v FROM t WHERE %s id = ? AND %d < 1", strings.Repeat("(v + 1 > 3 OR v * 2 < 4) AND ", 20), i), 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := s.open(t, pooled, poolOfOne)
			used := func() (n int64) {
				id := connectionID(t, db)
				if err := s.admin.QueryRow(fmt.Sprintf(ask, id)).Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			before := used()
			for i := range texts {
				query, n := text(i)
				if n > 1000 && i > 20 {
					break // none is kept
				}
				args := make([]any, n)
				for i := range args {
					args[i] = i
				}
				for range 2 {
					rows, err := db.Query(query, args...)
					if err != nil {
						t.Fatal(err)
					}
					rows.Close()
				}
			}
			p := onlyPool(t)
			const most = 8 << 20
			if got := used() - before; got > most+most/4 {
				t.Errorf("%d statements are kept in %d bytes of the server, want about %d at most", p.Stmts, got, most)
			} else {
				t.Logf("%d statements are kept in %d bytes", p.Stmts, got)
			}
			db.Close()
			dispose(t)
		})
	}
}

// A text that is too large to be kept costs no more round trips than with the stock driver.
func TestSuiteLargeTextsArePreparedAsOften(t *testing.T) {
	s := needServer(t)
	s.needCounters(t)
	s.tableOfOne(t)
	query := "SELECT v FROM t WHERE id IN (" + strings.Repeat("?,", 1999) + "?)"
	args := make([]any, 2000)
	for i := range args {
		args[i] = i
	}
	asStock(t, func(t *testing.T, driver string) int {
		db := s.open(t, driver, poolOfOne)
		before := s.prepares(t)
		for range 6 {
			rows, err := db.Query(query, args...)
			if err != nil {
				t.Fatal(err)
			}
			rows.Close()
		}
		return s.prepares(t) - before
	})
}

// Users of Conn.Raw may run by Exec what is kept from Query. (A second Exec of the same
// statement waits for ever on MariaDB, with the stock driver too.)
func TestSuiteRawStatementThatReturnsRows(t *testing.T) {
	s := needServer(t)
	s.tableOfOne(t)
	asStock(t, func(t *testing.T, name string) (results []string) {
		db := s.open(t, name, poolOfOne)
		mustExec(t, db, "DELETE FROM t WHERE id > 1")
		id := int64(10)
		for range 3 {
			for range 3 {
				id++
				row(t, db, "SELECT 1, 2, ?", id)
				results = append(results, fmt.Sprint(typedRowsOf(db.Query("INSERT INTO t VALUES (?, 1) RETURNING id", id))))
			}
			c := oneConn(t, db)
			err := c.Raw(func(dc any) error {
				for _, query := range []string{"INSERT INTO t VALUES (?, 1) RETURNING id", "SELECT 1, 2, ?"} {
					stmt, err := dc.(driver.Conn).Prepare(query)
					if err != nil {
						results = append(results, errText(err))
						continue
					}
					id++
					_, err = stmt.Exec([]driver.Value{id}) //lint:ignore SA1019 as users of Conn.Raw may
					results = append(results, errText(err))
					if err := stmt.Close(); err != nil {
						return err
					}
				}
				return nil
			})
			results = append(results, errText(err))
			c.Close()
		}
		return append(results, row(t, db, "SELECT COUNT(*) FROM t"))
	})
}

// A subquery is evaluated each time, whatever it found when the text first ran. MariaDB
// remembers for a statement what NULL is in it.
func TestSuiteSubqueriesWithNull(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE t (id INT, s VARCHAR(10))", "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, NULL)", "CREATE TABLE u (s VARCHAR(10))")
	asStock(t, func(t *testing.T, driver string) (results []string) {
		db := s.open(t, driver, poolOfOne)
		for i, arg := range []any{"a", "a", "z", []byte(nil), "a", nil, sql.NullString{}, []byte("z"), "é", "a"} {
			mustExec(t, setup, "DELETE FROM u")
			if i%3 > 0 {
				mustExec(t, setup, "INSERT INTO u VALUES ('b')")
			}
			for _, query := range []string{
				"SELECT id FROM t WHERE s NOT IN (SELECT s FROM t WHERE s > ?) ORDER BY id", "SELECT id FROM t WHERE s <> ALL (SELECT s FROM t WHERE s > ?) ORDER BY id",
				"SELECT id FROM t WHERE (s IN (SELECT s FROM t WHERE s > ?)) IS NULL ORDER BY id", "SELECT id FROM t WHERE s NOT IN (SELECT s FROM u) AND id > COALESCE(?, 0) ORDER BY id",
				"SELECT id FROM t WHERE s REGEXP ? ORDER BY id", "SELECT id FROM t WHERE s > ANY (SELECT s FROM u WHERE s >= ?) ORDER BY id", "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.s >= ? AND u.s <> t.s) ORDER BY id",
			} {
				results = append(results, fmt.Sprintf("%d %s %q: %v", i, query, arg, typedRowsOf(db.Query(query, arg))))
			}
		}
		return results
	})
}
