package suite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// prepares is how many statements the server prepared for everybody, ever.
func (s *server) prepares(t *testing.T) int { return s.status(t, "Com_stmt_prepare") }

// needCounters skips the test if the server does not count what it prepares.
func (s *server) needCounters(t *testing.T) {
	t.Helper()
	s.needStatements(t)
	if s.row(t, "SHOW GLOBAL STATUS LIKE 'Com_stmt_prepare'") == "no row" {
		t.Skip("the server does not count what it prepares")
	}
}

// A text with arguments is prepared once to see it, once to keep it, and then no
// more; wherever it runs.
func TestSuiteTextsArePreparedTwice(t *testing.T) {
	s := needServer(t)
	s.needCounters(t)
	s.tableOfOne(t)
	const rounds = 20
	runs := map[string]func(t *testing.T, q querier){
		"query": func(t *testing.T, q querier) {
			if got := row(t, q, "SELECT v FROM t WHERE id = ?", 1); got == "no row" {
				t.Error("got no row")
			}
		},
		"exec": func(t *testing.T, q querier) {
			if _, err := q.ExecContext(t.Context(), "UPDATE t SET v = v + ? WHERE id = 1", 1); err != nil {
				t.Error(err)
			}
		},
		"prepare": func(t *testing.T, q querier) {
			stmt, err := q.PrepareContext(t.Context(), "SELECT v FROM t WHERE id <> ?")
			if err != nil {
				t.Fatal(err)
			}
			if err := stmt.QueryRow(0).Scan(new(int)); err != nil {
				t.Error(err)
			}
			stmt.Close()
		},
	}
	for name, run := range runs {
		for where, with := range map[string]func(t *testing.T, db *sql.DB, run func(querier)){
			"db":   func(t *testing.T, db *sql.DB, run func(querier)) { run(db) },
			"conn": func(t *testing.T, db *sql.DB, run func(querier)) { run(oneConn(t, db)) },
			"tx": func(t *testing.T, db *sql.DB, run func(querier)) {
				tx := begin(t, db)
				run(tx)
				tx.Commit()
			},
		} {
			for params, want := range map[string]int{
				poolOfOne:                                  2,
				poolOfOne + "&pool_stmt_cache=1":           2,
				poolOfOne + "&pool_stmt_cache=0":           rounds,
				poolOfOne + "&multiStatements=true":        2,
				poolOfOne + "&interpolateParams=true":      0,
				"pool_size=1&pool_max_overflow=0":          2,
				poolOfOne + "&clientFoundRows=true":        2,
				poolOfOne + "&parseTime=true&charset=utf8": 2,
			} {
				if name == "prepare" {
					want = rounds // the server is asked each time
				}
				t.Run(strings.Join([]string{name, where, params}, "/"), func(t *testing.T) {
					dispose(t)
					s.wantConnections(t, 0) // MySQL 5.6 counts one that is being closed twice
					db := s.open(t, pooled, params)
					before := s.prepares(t)
					with(t, db, func(q querier) {
						for range rounds {
							run(t, q)
						}
					})
					if got := s.prepares(t) - before; got != want {
						t.Errorf("prepared %d times, want %d", got, want)
					}
					p := onlyPool(t)
					s.wantStmtsOfStats(t)
					if p.StmtHits+p.StmtMisses != rounds && want > 0 || p.StmtMisses != int64(want) {
						t.Errorf("got %d hits and %d misses, want %d and %d", p.StmtHits, p.StmtMisses, rounds-want, want)
					}
				})
			}
		}
	}
}

// Twenty texts on eight connections stay on the server, whatever runs in between
// and never again.
func TestSuiteOneOffTextsPushNothingOut(t *testing.T) {
	s := needServer(t)
	s.needCounters(t)
	const texts, conns = 20, 8
	queries := max(manyQueries(t), 10*texts*conns)
	db := s.open(t, pooled, fmt.Sprintf("pool_size=%d&pool_max_overflow=0&pool_stmt_cache=%d", conns, texts))
	db.SetMaxIdleConns(conns)
	var oneOffs, counter atomic.Int64
	run := func(withOneOffs bool) (prepared, most int) {
		before := s.prepares(t)
		counter.Store(0)
		done := make(chan struct{})
		go func() {
			defer close(done)
			inParallel(conns, func(int) {
				for n := counter.Add(1); n <= int64(queries); n = counter.Add(1) {
					var got int64
					err := db.QueryRow(fmt.Sprintf("SELECT %d + ?", n%texts), n).Scan(&got)
					if err != nil || got != n%texts+n {
						t.Errorf("got %d, %v, want %d", got, err, n%texts+n)
					}
					if withOneOffs {
						one := oneOffs.Add(1)
						if err := db.QueryRow(fmt.Sprintf("SELECT 0 + ? /* %d */", one), n).Scan(&got); err != nil || got != n { // not "SELECT ?", which MySQL from 8.0 on prepares again for a number
							t.Errorf("got %d, %v, want %d", got, err, n)
						}
					}
				}
			})
		}()
		for {
			select {
			case <-done:
				return s.prepares(t) - before, most
			case <-time.After(time.Millisecond):
				most = max(most, s.statements(t))
			}
		}
	}
	before := s.statements(t)
	prepared, most := run(false)
	if prepared > 2*texts*conns {
		t.Errorf("prepared %d statements, want at most %d", prepared, 2*texts*conns)
	}
	t.Logf("%d queries of %d texts on %d connections: prepared %d, at most %d at once", queries, texts, conns, prepared, most)
	// One more on each connection runs and is not kept.
	bound := before + (texts+1)*conns
	if most > bound {
		t.Errorf("the server had %d statements, want at most %d", most, bound)
	}
	hits := onlyPool(t).StmtEvictions
	prepared, most = run(true)
	missed := prepared - int(oneOffs.Load())
	t.Logf("with %d other texts in between: prepared %d of the same again, at most %d at once", oneOffs.Load(), missed, most)
	if p := onlyPool(t); p.StmtEvictions != hits {
		t.Errorf("%d evictions, want none", p.StmtEvictions-hits)
	}
	if missed > 2*texts*conns || most > bound {
		t.Errorf("prepared %d of the same, had %d, want at most %d and %d", missed, most, 2*texts*conns, bound)
	}
}

// A server with room for few statements refuses none of ours.
func TestSuiteFewStatementsAllowed(t *testing.T) {
	s := needServer(t)
	s.needCounters(t)
	variable := s.row(t, "SELECT @@max_prepared_stmt_count")
	if _, err := s.admin.Exec("SET GLOBAL max_prepared_stmt_count = " + variable); err != nil || strings.HasPrefix(variable, "-") {
		t.Skipf("the server has no such limit, or does not let it be set: it is %s, %v", variable, err)
	}
	t.Cleanup(func() { s.exec(t, "SET GLOBAL max_prepared_stmt_count = "+variable) })
	const limit = 10
	for _, test := range []struct {
		name, params string
		goroutines   int
		late         bool // the pool had kept statements before
	}{
		{"auto", "", 8, false},
		{"more at once than allowed", "", 32, false},
		{"limited while it runs", "", 8, true},
		{"told to keep more", "pool_stmt_cache=100", 8, false},
		{"told to keep more, at once", "pool_stmt_cache=100", 32, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dispose(t)
			db := s.open(t, pooled, test.params)
			db.SetMaxIdleConns(test.goroutines)
			run := func(queries int) {
				inParallel(test.goroutines, func(g int) {
					for i := range queries {
						var got int
						if err := db.QueryRow(fmt.Sprintf("SELECT %d + ?", i%20), g).Scan(&got); err != nil || got != i%20+g {
							t.Errorf("got %d, %v, want %d", got, err, i%20+g)
						}
					}
				})
			}
			s.exec(t, "SET GLOBAL max_prepared_stmt_count = "+variable)
			if test.late {
				run(60)
			}
			s.exec(t, fmt.Sprintf("SET GLOBAL max_prepared_stmt_count = %d", limit))
			run(60)
			stmt, err := db.Prepare("SELECT ?")
			if err != nil {
				t.Fatal(err)
			}
			stmt.Close()
		})
	}
	t.Run("whoever holds all of them is told", func(t *testing.T) {
		dispose(t)
		db := s.open(t, pooled, "")
		var err error
		for range limit + 1 {
			var stmt *sql.Stmt
			if stmt, err = db.Prepare("SELECT 1"); err == nil {
				defer stmt.Close()
			}
			if stmt, err = db.Prepare(fmt.Sprint("SELECT ", time.Now().UnixNano())); err != nil {
				break
			}
			defer stmt.Close()
		}
		if errNumber(err) != 1461 {
			t.Errorf("got %v, want Error 1461", err)
		}
	})
}

// What a kept statement answers after its table changed is what a new one
// answers.
func TestSuiteChangedTables(t *testing.T) {
	s := needServer(t)
	changes := []string{
		"INSERT INTO changing VALUES (1, 2), (3, 4)",
		"ALTER TABLE changing ADD COLUMN c VARCHAR(10) DEFAULT 'new'",
		"ALTER TABLE changing DROP COLUMN c",
		"ALTER TABLE changing ADD COLUMN c VARCHAR(10) DEFAULT 'first' FIRST",
		"ALTER TABLE changing MODIFY v VARCHAR(30)",
		"ALTER TABLE changing MODIFY v DATETIME",
		"ALTER TABLE changing MODIFY v BIGINT UNSIGNED",
		"ALTER TABLE changing CHANGE id id2 INT",
		"ALTER TABLE changing CHANGE id2 id BIGINT",
		"ALTER TABLE changing MODIFY c VARCHAR(10) CHARACTER SET latin1",
		"ALTER TABLE changing MODIFY c ENUM('first', 'b')",
		"DROP TABLE changing",
		"CREATE TABLE changing (w DECIMAL(9,2), v INT, id INT)",
		"INSERT INTO changing VALUES (1.5, 7, 1), (2.5, 8, 3)",
		"DROP TABLE changing",
		"CREATE VIEW changing AS SELECT 9 AS v, 1 AS id",
		"DROP VIEW changing",
		"CREATE TABLE changing (v INT, id INT)",
		"INSERT INTO changing VALUES (7, 1)",
		"ALTER TABLE changing ADD INDEX (id)",
		"RENAME TABLE changing TO changed",
		"CREATE TABLE changing (v TEXT, id TEXT)",
		"INSERT INTO changing VALUES ('text', '1')",
		"TRUNCATE TABLE changing",
		"DROP TABLE changing",
		"CREATE TEMPORARY TABLE changing (v INT, id INT)",
		"INSERT INTO changing VALUES (99, 1)",
		"DROP TABLE changing",
		"DROP TABLE changed",
	}
	for _, params := range []string{"", "parseTime=true", "columnsWithAlias=true"} {
		t.Run(params, func(t *testing.T) {
			asStock(t, func(t *testing.T, driver string) (results []string) {
				db := s.open(t, driver, params)
				db.SetMaxOpenConns(1)
				stmt := (*sql.Stmt)(nil)
				look := func() {
					for range 3 { // the third time it is kept for sure
						for _, query := range []string{
							"SELECT * FROM changing WHERE id > ? ORDER BY id",
							"SELECT id, v FROM changing WHERE id = ?",
							"SELECT COUNT(*), MAX(v), ? FROM changing",
						} {
							results = append(results, strings.Join(typedRowsOf(db.Query(query, 0)), "\n"))
						}
						_, err := db.Exec("UPDATE changing SET v = v WHERE id = ?", 3)
						results = append(results, errText(err))
					}
					if stmt != nil {
						results = append(results, strings.Join(typedRowsOf(stmt.Query(0)), "\n"))
					}
				}
				mustExec(t, db, "CREATE TABLE changing (id INT, v INT)")
				look()
				var err error
				if stmt, err = db.Prepare("SELECT * FROM changing WHERE id > ? ORDER BY id"); err != nil {
					t.Fatal(err)
				}
				defer stmt.Close()
				for _, change := range changes {
					if _, err := db.Exec(change); err != nil {
						results = append(results, errText(err))
					}
					look()
				}
				return results
			})
		})
	}
}

// typedRowsOf is typedRows, and the columns' types, of a query.
func typedRowsOf(rows *sql.Rows, err error) (all []string) {
	if err != nil {
		return []string{errText(err)}
	}
	defer rows.Close()
	types, err := columnTypes(rows)
	return append(append(types, errText(err)), typedRows(rows)...)
}

// A text means what the session makes of it, also if it was kept from before.
func TestSuiteSessionStatePassesTheCacheBy(t *testing.T) {
	s := needServer(t)
	s.exec(t, "CREATE TABLE "+s.schema+".u (v INT)")
	other := s.schema + "other"
	s.exec(t, "CREATE DATABASE "+other)
	t.Cleanup(func() { s.exec(t, "DROP DATABASE "+other) })
	s.exec(t, "CREATE TABLE "+other+".u (v INT)")
	s.exec(t, "INSERT INTO "+other+".u VALUES (1), (2)")
	asStock(t, func(t *testing.T, driver string) (results []string) {
		db := s.open(t, driver, poolOfOne)
		look := func(q querier) {
			for range 3 {
				for _, query := range []string{
					`SELECT "u", ?`, "SELECT 1 || ?", "SELECT COUNT(*) + ? FROM u", "SELECT DATABASE() = ?",
					"SELECT @a, ?", "SELECT CHARSET('x'), ?", `SELECT 'a\n', ?`, "SELECT CAST(? AS DATE)",
				} {
					text, err := askRow(q, query, "7")
					results = append(results, query+": "+text+errText(err))
				}
			}
		}
		look(db)
		for _, change := range []string{
			"SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES'", "USE " + other, "SET @a = 'x'", "SET NAMES latin1",
			"CREATE TEMPORARY TABLE u (v INT)", "SET lc_time_names = 'de_DE'", "SET sql_mode = 'ALLOW_INVALID_DATES'",
		} {
			c := oneConn(t, db)
			look(c)
			_, err := c.ExecContext(t.Context(), change)
			results = append(results, errText(err))
			look(c)
			c.Close()
			look(db) // with the same connection
			db.Close()
			db = s.open(t, driver, poolOfOne)
			look(db)
		}
		return results
	})
}

// While rows are being read nothing is sent on their connection, such as that a
// statement is not wanted any more.
func TestSuiteEvictionWaitsForRows(t *testing.T) {
	s := needServer(t)
	s.needStatements(t)
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE big (id INT PRIMARY KEY, v VARCHAR(1000))")
	for i := range 100 {
		mustExec(t, setup, fmt.Sprintf("INSERT INTO big VALUES (%d, REPEAT('x', 1000))", i))
	}
	const params = poolOfOne + "&pool_stmt_cache=1"
	asStock(t, func(t *testing.T, driver string) (results []string) {
		p := ""
		if driver == pooled {
			p = params
		}
		db := s.open(t, driver, p)
		for range 3 {
			tx := begin(t, db)
			for range 2 {
				results = append(results, row(t, tx, "SELECT 5 + ?", 5))
			}
			rows, err := tx.Query("SELECT id, v FROM big WHERE id >= ? ORDER BY id", 0)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				rows.Next()
				_, err := tx.Exec("DO ?", i)
				results = append(results, errText(err))
				_, err = tx.Exec("DO 2 * ?", i)
				results = append(results, errText(err))
			}
			n := 0
			for rows.Next() {
				n++
			}
			results = append(results, fmt.Sprint(n, errText(rows.Err()), errText(rows.Close())))
			results = append(results, errText(tx.Rollback()), row(t, db, "SELECT 6 + ?", 6))
		}
		return results
	})
}

// Two logical statements of one text share what the server has. The end of one
// is not the end of the other.
func TestSuiteStatementsOfOneText(t *testing.T) {
	s := needServer(t)
	s.needCounters(t)
	db := s.open(t, pooled, poolOfOne+"&pool_stmt_cache=1")
	const query = "SELECT 1 + ?"
	row(t, db, query, 1)
	row(t, db, query, 1) // it is kept from here
	before := s.prepares(t)
	var stmts []*sql.Stmt
	for range 3 {
		stmt, err := db.Prepare(query)
		if err != nil {
			t.Fatal(err)
		}
		stmts = append(stmts, stmt)
	}
	for i, stmt := range stmts {
		if err := stmt.Close(); err != nil {
			t.Error(err)
		}
		for _, other := range stmts[i+1:] {
			var got int
			if err := other.QueryRow(5).Scan(&got); err != nil || got != 6 {
				t.Errorf("got %d, %v, want 6", got, err)
			}
		}
		row(t, db, query, 1)
	}
	if n := s.prepares(t) - before; n != len(stmts) {
		t.Errorf("prepared %d times more, want once for each statement", n)
	}
	// What somebody prepared is kept for others too, and they go instead of it.
	const another = "SELECT 2 + ?"
	row(t, db, another, 1)
	stmt, err := db.Prepare(another)
	if err != nil {
		t.Fatal(err)
	}
	before = s.prepares(t)
	row(t, db, another, 1)
	if n := s.prepares(t) - before; n != 0 {
		t.Errorf("prepared %d times more, want 0: somebody has it", n)
	}
	evictions := onlyPool(t).StmtEvictions
	for range 3 {
		row(t, db, "SELECT 3 + ?", 1)
	}
	if p := onlyPool(t); p.StmtEvictions != evictions {
		t.Errorf("%d evictions of a statement in use", p.StmtEvictions-evictions)
	}
	stmt.Close()
	for range 3 {
		row(t, db, "SELECT 4 + ?", 1)
	}
	if p := onlyPool(t); p.StmtEvictions != evictions+1 || p.Stmts != 1 {
		t.Errorf("got %d evictions, %d statements on the server, want 1 and 1", p.StmtEvictions-evictions, p.Stmts)
	}
	s.wantStatements(t, s.statements(t), func() {})
}

// A reset closes every statement on the server; what is kept of them is not used.
func TestSuiteResetEmptiesTheCache(t *testing.T) {
	s := needServer(t)
	s.needStatements(t)
	db := s.open(t, pooled, poolOfOne)
	const query = "SELECT 1 + ?"
	stmt, err := db.Prepare(query)
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	for i := range 5 {
		for range 3 {
			if got := row(t, db, query, i); got != fmt.Sprint(1+i) {
				t.Errorf("got %s, want %d", got, 1+i)
			}
		}
		var got int
		if err := stmt.QueryRow(i).Scan(&got); err != nil || got != 1+i {
			t.Errorf("prepared: got %d, %v, want %d", got, err, 1+i)
		}
		other := s.open(t, pooled, poolOfOne)
		c := oneConn(t, other)
		mustExec(t, c, "PREPARE p FROM 'SELECT 1'", "DEALLOCATE PREPARE p", "SET @a = 1")
		row(t, c, "SELECT 7 + ?", 1) // of a number that the server gives again
		c.Close()
		other.Close()
	}
	s.wantStmtsOfStats(t)
}

// wantStmtsOfStats waits until the server has as many statements as Stats says:
// it does not answer when one is closed.
func (s *server) wantStmtsOfStats(t *testing.T) {
	t.Helper()
	eventually(t, func() error {
		if got, says := s.statements(t), onlyPool(t).Stmts; int64(got) != says {
			return fmt.Errorf("the server has %d statements, Stats says %d", got, says)
		}
		return nil
	})
}

// What cannot be prepared is refused with the stock driver's words.
func TestSuiteTextsThatCannotBePrepared(t *testing.T) {
	s := needServer(t)
	asStock(t, func(t *testing.T, driver string) (results []string) {
		db := s.open(t, driver, "")
		for range 3 {
			for _, query := range []string{
				"LOCK TABLES t READ /* ? */", "USE ?", "PREPARE p FROM ?", "SELECT ? FROM", "LOAD DATA LOCAL INFILE ? INTO TABLE t",
				"XA START ?", "HANDLER t OPEN AS ?", "SELECT * FROM nothing WHERE id = ?", "CHANGE MASTER TO MASTER_HOST = ?",
			} {
				_, err := db.Exec(query, "x")
				results = append(results, query+": "+errText(err))
				results = append(results, strings.Join(typedRowsOf(db.Query(query, "x")), "\n"))
			}
		}
		return results
	})
}

// Arguments that need several packets, on statements that are kept and run again
// with small ones.
func TestSuiteLargeArguments(t *testing.T) {
	s := needServer(t)
	packet := s.row(t, "SELECT @@max_allowed_packet")
	if _, err := s.admin.Exec("SET GLOBAL max_allowed_packet = 67108864"); err != nil {
		t.Skipf("the server takes no large packets: %v", err)
	}
	t.Cleanup(func() { s.exec(t, "SET GLOBAL max_allowed_packet = "+packet) })
	large := strings.Repeat("0123456789abcdef", 1<<20+1)
	asStock(t, func(t *testing.T, driver string) (results []string) {
		db := s.open(t, driver, "maxAllowedPacket=0")
		const query = "SELECT LENGTH(?), LENGTH(?), MD5(?)"
		for range 4 {
			for _, args := range [][]any{{large, "a", []byte(large)}, {"a", "b", "c"}, {[]byte(large), nil, 1}, {nil, "", time.Unix(0, 0)}} {
				text, err := askRow(db, query, args...)
				results = append(results, text+errText(err))
			}
			// Both together are more than a packet.
			_, err := askRow(db, "SELECT LENGTH(CONCAT(?, ?, ?, ?, ?))", large, large, large, large, large)
			results = append(results, errText(err))
		}
		return results
	})
}

// A context that ends leaves nothing half done.
func TestSuiteCancelledTextWorksAgain(t *testing.T) {
	s := needServer(t)
	onBoth(t, func(t *testing.T, driver string) {
		db := s.openOne(t, driver)
		for i := range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			err := db.QueryRowContext(ctx, "SELECT SLEEP(?)", 0.2).Scan(new(int))
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want the deadline's error", err)
			}
			cancel()
			if err := db.QueryRowContext(ctx, "SELECT SLEEP(?)", 0.2).Scan(new(int)); err == nil {
				t.Error("no error under a context that is over")
			}
			if got := row(t, db, "SELECT SLEEP(?) + ?", 0, i); got != fmt.Sprint(i) {
				t.Errorf("got %s, want %d", got, i)
			}
		}
	})
}

// A statement that takes a lock by its argument is kept, and still seen.
func TestSuiteKeptStatementTakesALock(t *testing.T) {
	s := needServer(t)
	name := s.schema
	for range 4 {
		db := s.open(t, pooled, poolOfOne)
		if got := row(t, db, "SELECT GET_LOCK(?, 5)", name); got != "1" {
			t.Fatalf("GET_LOCK: got %s, want 1", got)
		}
		if by := mysqlpool.Stats()[0].PinnedBy; by["locks"] != 1 {
			t.Errorf("pinned by %v, want a lock", by)
		}
		if got := row(t, db, "SELECT RELEASE_LOCK(?)", name); got != "1" {
			t.Errorf("RELEASE_LOCK: got %s, want 1", got)
		}
		if by := mysqlpool.Stats()[0].PinnedBy; len(by) > 0 {
			t.Errorf("pinned by %v after RELEASE_LOCK, want nothing", by)
		}
		row(t, db, "SELECT GET_LOCK(?, 5)", name)
		db.Close() // gives it back
	}
}
