package suite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"
)

// What a server or the stock driver remembers of a statement that ran before
// must not show, since the stock driver has each text re-prepared.

// Exec of what returns rows.
func TestSuiteExecOfWhatReturnsRows(t *testing.T) {
	s := needServer(t)
	s.tableOfOne(t)
	asStock(t, func(t *testing.T, driver string) (results []string) {
		db := s.open(t, driver, poolOfOne)
		mustExec(t, db, "DELETE FROM t WHERE id > 1")
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for i := range 4 {
			for _, query := range []string{"INSERT INTO t VALUES (?, 1) RETURNING id, v", "DELETE FROM t WHERE id = ? RETURNING v", "SELECT 1, 2, 3, ?"} {
				_, err := db.ExecContext(ctx, query, 10+i)
				results = append(results, errText(err))
				results = append(results, strings.Join(typedRowsOf(db.QueryContext(ctx, query, 100+i)), "\n"))
				stmt, err := db.PrepareContext(ctx, query)
				if err != nil {
					continue
				}
				_, err = stmt.ExecContext(ctx, 1000+i)
				results = append(results, errText(err))
				stmt.Close()
			}
		}
		return append(results, row(t, db, "SELECT COUNT(*) FROM t"))
	})
}

// Texts that look like other types. MySQL, from 8.0.22 on, goes on to treat a
// placeholder as what such a one looked like.
func TestSuiteTextsOfOtherShapes(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	texts := []any{"5", "5", "5", "5.5", "5", "abc", "5", "", "5", "-5", "5", "1e2", "5", "99999999999999999999", "5", "2020-01-01", "2020-01-01 10:00:00", "2020-01-01", "10:00", "5"}
	for _, text := range texts {
		texts = append(texts, []byte(text.(string)))
	}
	day := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	texts = append(texts, day, day, day, day.Add(time.Hour), day, day.Add(time.Hour+time.Microsecond), day.Add(time.Hour), day)
	asStock(t, func(t *testing.T, driver string) (results []string) {
		setup.Exec("DROP TABLE t")
		mustExec(t, setup, "CREATE TABLE t (id INT PRIMARY KEY, n BIGINT, b BIT(8), d DATE, at DATETIME(6), s VARCHAR(40))",
			"INSERT INTO t VALUES (1, 1, 1, '2020-01-01', '2020-01-01 10:00:00', 'abc')")
		db := s.open(t, driver, poolOfOne)
		for i, arg := range texts {
			for _, query := range []string{"SELECT n + ? FROM t WHERE id = 1", "SELECT n = ?, COALESCE(?, n) FROM t WHERE id = 1", "SELECT d = ? FROM t WHERE id = 1",
				"SELECT COALESCE(?, d), COALESCE(at, ?) FROM t WHERE id = 1", "SELECT CONCAT(s, ?) FROM t WHERE id = 1 OR s = ?"} {
				args := []any{arg}
				if strings.Count(query, "?") == 2 {
					args = append(args, arg)
				}
				results = append(results, fmt.Sprintf("%d %s %q: %v", i, query, arg, typedRowsOf(db.Query(query, args...))))
			}
			for _, query := range []string{"INSERT IGNORE INTO t (id, b) VALUES (?, ?)", "INSERT IGNORE INTO t (id, n) VALUES (100 + ?, ?)"} {
				_, err := db.Exec(query, 10+i, arg)
				results = append(results, errText(err))
			}
			_, err := db.Exec("UPDATE t SET n = n + ? WHERE id = 1", arg)
			results = append(results, errText(err))
		}
		return append(results, typedRowsOf(setup.Query("SELECT id, n, HEX(b), d, s FROM t ORDER BY id"))...)
	})
}

// A statement that the server prepares again since its table was changed, by the
// arguments that it has just then.
func TestSuiteChangedTableAndTexts(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	asStock(t, func(t *testing.T, driver string) (results []string) {
		setup.Exec("DROP TABLE t")
		const large = "9007199254740993" // not a DOUBLE
		mustExec(t, setup, "CREATE TABLE t (id BIGINT, n BIGINT)", "INSERT INTO t VALUES (1, "+large+")")
		db := s.open(t, driver, poolOfOne)
		for i, text := range []string{"0", "0", "0", "abc", "0", "1.5", "0", "-1", "0", "99999999999999999999", "0"} {
			if i >= 3 && text != "0" {
				mustExec(t, setup, fmt.Sprintf("ALTER TABLE t ADD COLUMN w%d INT", i))
			}
			_, err := db.Exec("UPDATE t SET n = n + ? WHERE id = 1", text)
			results = append(results, text+errText(err), row(t, setup, "SELECT n FROM t"))
			mustExec(t, setup, "UPDATE t SET n = "+large)
		}
		return results
	})
}

// A statement that was cancelled before it ran means what it did.
func TestSuiteCancelledBeforeItRan(t *testing.T) {
	s := needServer(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	asStock(t, func(t *testing.T, driver string) (results []string) {
		c := oneConn(t, s.open(t, driver, poolOfOne))
		stmt, err := c.PrepareContext(t.Context(), `SELECT "u", ?`)
		if err != nil {
			t.Fatal(err)
		}
		mustExec(t, c, "SET sql_mode = 'ANSI_QUOTES'")
		for _, ctx := range []context.Context{ended, t.Context(), ended, t.Context()} {
			var text, arg string
			err := stmt.QueryRowContext(ctx, 7).Scan(&text, &arg)
			results = append(results, text+arg+errText(err))
		}
		_, err = stmt.ExecContext(ended, 7)
		results = append(results, errText(err))
		return results
	})
}

// Session state under which the server prepared a statement again.
func TestSuiteStateDuringAReprepare(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE t (v INT)", "INSERT INTO t VALUES (1)")
	for _, state := range []string{"SET NAMES latin1", "SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES'", "SET collation_connection = utf8_bin"} {
		asStock(t, func(t *testing.T, driver string) (results []string) {
			const query = "SELECT CHARSET('x'), 'é', \"x\", 1 || 0, 'a' = 'A', 'a\\n', v, ? FROM t"
			db := s.open(t, driver, poolOfOne)
			look := func(q querier) {
				for range 3 {
					text, err := askRow(q, query, 7)
					results = append(results, text+errText(err))
				}
			}
			look(db)
			c := oneConn(t, db)
			stmt, err := c.PrepareContext(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			mustExec(t, c, state)
			mustExec(t, setup, "ALTER TABLE t ADD COLUMN w INT", "ALTER TABLE t DROP COLUMN w")
			results = append(results, strings.Join(typedRowsOf(stmt.Query(7)), "\n"))
			look(c)
			stmt.Close()
			c.Close()
			db.Close()
			db = s.open(t, driver, poolOfOne)
			look(db)
			return results
		})
	}
}

// An error that a statement inside the one that runs met.
func TestSuiteErrorFromInside(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE t (v INT)")
	if _, err := setup.Exec("CREATE PROCEDURE p(n INT) BEGIN INSERT INTO t VALUES (n); SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1243, MESSAGE_TEXT = 'Unknown prepared statement handler'; END"); err != nil {
		t.Skipf("the server has no such procedures: %v", err)
	}
	asStock(t, func(t *testing.T, driver string) (results []string) {
		mustExec(t, setup, "DELETE FROM t")
		db := s.open(t, driver, poolOfOne)
		for range 3 {
			_, err := db.Exec("CALL p(?)", 1)
			results = append(results, errText(err))
			stmt, err := db.Prepare("CALL p(?)")
			if err != nil {
				t.Fatal(err)
			}
			_, err = stmt.Exec(1)
			results = append(results, errText(err))
			stmt.Close()
		}
		return append(results, row(t, setup, "SELECT COUNT(*) FROM t"))
	})
}

// An argument that the server does not take.
func TestSuiteArgumentThatIsTooLarge(t *testing.T) {
	s := needServer(t)
	packet := s.row(t, "SELECT @@max_allowed_packet")
	if _, err := s.admin.Exec("SET GLOBAL max_allowed_packet = 1048576"); err != nil {
		t.Skipf("the server has no such limit: %v", err)
	}
	t.Cleanup(func() { s.exec(t, "SET GLOBAL max_allowed_packet = "+packet) })
	large := strings.Repeat("x", 3<<20)
	asStock(t, func(t *testing.T, driver string) (results []string) {
		db := s.open(t, driver, poolOfOne+"&maxAllowedPacket=0")
		for range 3 {
			for _, arg := range []string{"a", "b", large, "c", "d"} {
				text, err := askRow(db, "SELECT LENGTH(?)", arg)
				results = append(results, text+errText(err))
			}
		}
		return results
	})
}

// Arguments of other kinds than before.
func TestSuiteArgumentsOfOtherKinds(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), d DATETIME)",
		"INSERT INTO t VALUES (1, 'a', '2020-01-01'), (2, '2', '2021-01-01'), (3, NULL, NULL), (4, 'd', '2022-01-01')")
	args := []any{1, "2", nil, 2.5, true, []byte("3"), uint64(1) << 63, time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC), 0, "", 3, nil, 1}
	asStock(t, func(t *testing.T, driver string) (results []string) {
		db := s.open(t, driver, poolOfOne)
		mustExec(t, db, "DELETE FROM t WHERE id > 4")
		for _, query := range []string{
			"SELECT id FROM t WHERE id NOT IN (?, 3) ORDER BY id", "SELECT ROUND(1.256, ?)", "SELECT -(?)",
			"SELECT id FROM t ORDER BY ?, id", "SELECT id FROM t WHERE v = ? ORDER BY id", "SELECT id FROM t WHERE d >= ? ORDER BY id",
			"SELECT COALESCE(?, v) FROM t ORDER BY id", "SELECT CONCAT(?, v), ? + 0 FROM t ORDER BY id", "SELECT CASE ? WHEN 1 THEN 'one' ELSE 'more' END",
		} {
			n := strings.Count(query, "?")
			for range 2 {
				for _, arg := range args {
					results = append(results, fmt.Sprint(query, arg, typedRowsOf(db.Query(query, []any{arg, arg}[:n]...))))
				}
			}
		}
		for i, arg := range args {
			_, err := db.Exec("INSERT INTO t VALUES (?, ?, NULL)", 10+i, arg)
			results = append(results, errText(err))
			_, err = db.Exec("UPDATE t SET v = ? WHERE id = ?", arg, 10+i)
			results = append(results, errText(err))
		}
		return append(results, typedRowsOf(db.Query("SELECT * FROM t ORDER BY id"))...)
	})
}

// A named argument is refused before anything is sent.
func TestSuiteNamedArgumentDuringRows(t *testing.T) {
	s := needServer(t)
	asStock(t, func(t *testing.T, driver string) (results []string) {
		db := s.open(t, driver, poolOfOne)
		for range 3 {
			row(t, db, "SELECT 1 + ?", 1)
		}
		tx := begin(t, db)
		rows, err := tx.Query("SELECT 1 UNION SELECT 2 UNION SELECT 3")
		if err != nil {
			t.Fatal(err)
		}
		rows.Next()
		for range 2 {
			_, err := tx.Query("SELECT 1 + ?", sql.Named("a", 1))
			results = append(results, errText(err))
		}
		n := 1
		for rows.Next() {
			n++
		}
		return append(results, fmt.Sprint(n, errText(rows.Err()), errText(rows.Close()), errText(tx.Rollback())))
	})
}
