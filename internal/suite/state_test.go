package suite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"
)

// state is something that a statement leaves in its session.
type state struct {
	name   string
	make   []string
	params string // of the DSN
	probe  string // shows whether the state is there
	gone   string // what anybody can do once it is not, if that is worth a try
	goneIs string // the row that comes of that, if any
}

// states is what is tried. The tables t and u are there.
func (s *server) states() []state {
	return []state{
		{name: "user variable", make: []string{"SET @a = 7"}, probe: "SELECT @a"},
		{name: "user variable in a SELECT", make: []string{"SELECT @a := 7"}, probe: "SELECT @a"},
		{name: "statement in a comment", make: []string{"/*!50000 SET @a = 7 */"}, probe: "SELECT @a"},
		{name: "one of many statements", make: []string{"SELECT 1; SET @a = 7"}, params: "multiStatements=true", probe: "SELECT @a"},
		{name: "time zone", make: []string{"SET time_zone = '+03:00'"}, probe: "SELECT @@time_zone"},
		{name: "sql mode", make: []string{"SET sql_mode = 'ANSI_QUOTES'"}, probe: "SELECT @@sql_mode"},
		{name: "character set", make: []string{"SET NAMES latin1"}, probe: "SELECT @@character_set_client, @@collation_connection"},
		{name: "schema", make: []string{"USE information_schema"}, probe: "SELECT DATABASE()"},
		{name: "autocommit", make: []string{"SET autocommit = 0"}, probe: "SELECT @@autocommit"},
		{name: "temporary table", make: []string{"CREATE TEMPORARY TABLE temporary (v INT)"}, probe: "SELECT COUNT(*) FROM temporary"},
		{name: "temporary table over another", make: []string{"CREATE TEMPORARY TABLE u (v INT)", "INSERT INTO u VALUES (7)"}, probe: "SELECT COUNT(*) FROM u"},
		{name: "locked table", make: []string{"LOCK TABLES t WRITE"}, probe: "SELECT COUNT(*) FROM u", gone: "INSERT INTO t VALUES (1)"},
		{
			name: "named lock", make: []string{"SELECT GET_LOCK('" + s.schema + "', 1)"},
			probe: "SELECT COALESCE(IS_USED_LOCK('" + s.schema + "') = CONNECTION_ID(), 0)",
			gone:  "SELECT GET_LOCK('" + s.schema + "', 10)", goneIs: "1",
		},
		{name: "prepared by name", make: []string{"PREPARE named FROM 'SELECT 7'"}, probe: "EXECUTE named"},
	}
}

// ways is how a program can run statements.
var ways = []struct {
	name string
	run  func(t *testing.T, db *sql.DB, queries []string) error
}{
	{"db", func(t *testing.T, db *sql.DB, queries []string) error { return execAll(t, db, queries) }},
	{"conn", func(t *testing.T, db *sql.DB, queries []string) error {
		c := oneConn(t, db)
		defer c.Close()
		return execAll(t, c, queries)
	}},
	{"tx", func(t *testing.T, db *sql.DB, queries []string) error {
		tx := begin(t, db)
		defer tx.Commit()
		return execAll(t, tx, queries)
	}},
	{"stmt", func(t *testing.T, db *sql.DB, queries []string) error {
		for _, query := range queries {
			stmt, err := db.Prepare(query)
			if err != nil {
				return err
			}
			defer stmt.Close()
			if _, err := stmt.Exec(); err != nil {
				return err
			}
		}
		return nil
	}},
}

func execAll(t *testing.T, q querier, queries []string) error {
	for _, query := range queries {
		if _, err := q.ExecContext(t.Context(), query); err != nil {
			return err
		}
	}
	return nil
}

// seen is a probe's answer, or the server's error.
func seen(q querier, probe string) string {
	text, err := askRow(q, probe)
	return text + errText(err)
}

// forStates runs a subtest for each state that the server can make in each way.
// leave makes the state; fresh is what the probe shows in a session that nobody
// used before, made what it shows with the state in place, with the stock
// driver.
func (s *server) forStates(t *testing.T, run func(t *testing.T, x state, leave func(*sql.DB), fresh, made string)) {
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE t (v INT)", "CREATE TABLE u (v INT)")
	setup.Close()
	for _, x := range s.states() {
		for _, way := range ways {
			t.Run(x.name+"/"+way.name, func(t *testing.T) {
				unused := s.open(t, stock, x.params)
				fresh := seen(unused, x.probe)
				unused.Close()
				session := s.open(t, stock, x.params)
				session.SetMaxOpenConns(1)
				if err := way.run(t, session, x.make); err != nil {
					t.Skipf("the server does not do that: %v", err)
				}
				made := seen(session, x.probe)
				session.Close()
				if made == fresh {
					t.Skipf("the server shows %q with and without it", made)
				}
				leave := func(db *sql.DB) {
					t.Helper()
					if err := way.run(t, db, x.make); err != nil {
						t.Fatal(err)
					}
				}
				run(t, x, leave, fresh, made)
			})
		}
	}
}

// With one connection at most the next handle gets the same one, unless that
// was closed.
func TestSuiteStateEndsWithItsHandle(t *testing.T) {
	s := needServer(t)
	s.forStates(t, func(t *testing.T, x state, leave func(*sql.DB), fresh, _ string) {
		params := strings.Trim(x.params+"&pool_size=1&pool_max_overflow=0", "&")
		one, next := s.open(t, pooled, params), s.open(t, pooled, params)
		leave(one)
		one.Close()
		if got := seen(next, x.probe); got != fresh {
			t.Errorf("the next handle sees %q, want %q", got, fresh)
		}
		if x.gone != "" {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			rows, err := s.open(t, stock, "").QueryContext(ctx, x.gone)
			if err == nil {
				err = wantRow(rows, x.goneIs)
			}
			if err != nil {
				t.Errorf("%s: %v", x.gone, err)
			}
		}
	})
}

func TestSuiteStateStaysWithItsHandleAsWithTheStockDriver(t *testing.T) {
	s := needServer(t)
	s.forStates(t, func(t *testing.T, x state, leave func(*sql.DB), fresh, made string) {
		params := strings.Trim(x.params+"&pool_size=2&pool_max_overflow=0", "&")
		one, other := s.open(t, pooled, params), s.open(t, pooled, params)
		one.SetMaxOpenConns(1)
		leave(one)
		for range 2 {
			if got := seen(other, x.probe); got != fresh {
				t.Errorf("another handle sees %q, want %q", got, fresh)
			}
			if got := seen(one, x.probe); got != made {
				t.Errorf("its own handle sees %q, want %q", got, made)
			}
		}
	})
}

// wantRow wants the rows to be that one, or none.
func wantRow(rows *sql.Rows, want string) error {
	all, err := texts(rows)
	if got := strings.Join(all, ", "); err == nil && got != want {
		err = fmt.Errorf("got %q, want %q", got, want)
	}
	return err
}

// Handles on different schemas share a pool; each meets its own schema.
func TestSuiteHandlesMeetTheirOwnSchema(t *testing.T) {
	s := needServer(t)
	s.tableOfOne(t)
	asStock(t, func(t *testing.T, driver string) (result []string) {
		var dbs []*sql.DB
		for _, schema := range []string{s.schema, "information_schema", "", "no_such_schema", s.schema} {
			cfg := s.config(t)
			cfg.DBName = schema
			dbs = append(dbs, openDSN(t, driver, withParams(cfg.FormatDSN(), poolOfOne)))
		}
		for range 3 {
			for _, db := range dbs {
				result = append(result, seen(db, "SELECT DATABASE()"), seen(db, "SELECT COUNT(*) FROM t"))
			}
		}
		return result
	})
}

// tableOfOne makes a table with one row.
func (s *server) tableOfOne(t *testing.T) {
	t.Helper()
	db := s.open(t, stock, "")
	defer db.Close()
	mustExec(t, db, "CREATE TABLE t (id INT PRIMARY KEY, v INT)", "INSERT INTO t VALUES (1, 0)")
}

// What a handle left uncommitted must never be committed by the next one, which
// may get the same connection, nor keep anybody from the rows.
func TestSuiteUncommittedWritesAreRolledBack(t *testing.T) {
	for _, test := range []struct {
		name, params string
		leave        []string
	}{
		{"raw BEGIN", "", []string{"BEGIN", "UPDATE t SET v = 100 WHERE id = 1", "INSERT INTO t VALUES (2, 2)"}},
		{"raw START TRANSACTION", "", []string{"START TRANSACTION", "UPDATE t SET v = 100 WHERE id = 1", "INSERT INTO t VALUES (2, 2)"}},
		{"SET autocommit", "", []string{"SET autocommit = 0", "UPDATE t SET v = 100 WHERE id = 1", "INSERT INTO t VALUES (2, 2)"}},
		{"autocommit=0 in the DSN", "autocommit=0", []string{"UPDATE t SET v = 100 WHERE id = 1", "INSERT INTO t VALUES (2, 2)"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := needServer(t)
			s.tableOfOne(t)
			params := strings.Trim(test.params+"&pool_size=1&pool_max_overflow=0", "&")
			one, next := s.open(t, pooled, params), s.open(t, pooled, params)
			one.SetMaxOpenConns(1)
			mustExec(t, one, test.leave...)
			one.Close()

			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			tx, err := next.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec("UPDATE t SET v = v + 1 WHERE id = 1"); err != nil {
				t.Errorf("the row is locked: %v", err)
			}
			if err := tx.Commit(); err != nil {
				t.Error(err)
			}
			if got := row(t, s.open(t, stock, ""), "SELECT COUNT(*), SUM(v) FROM t"); got != "1|1" {
				t.Errorf("rows and their sum: got %s, want 1|1", got)
			}
		})
	}
}

// With autocommit off a handle sees its own uncommitted writes, as with the
// stock driver, also while others use the pool.
func TestSuiteUncommittedWritesStayWithTheirHandle(t *testing.T) {
	s := needServer(t)
	s.tableOfOne(t)
	asStock(t, func(t *testing.T, driver string) (counts []string) {
		params := "autocommit=0&@pool_size=2&@pool_max_overflow=0"
		one, other := s.open(t, driver, params), s.open(t, driver, params)
		one.SetMaxOpenConns(1)
		other.SetMaxOpenConns(1)
		mustExec(t, one, "INSERT INTO t VALUES (2, 2)")
		for range 2 {
			counts = append(counts, row(t, one, "SELECT COUNT(*) FROM t"), row(t, other, "SELECT COUNT(*) FROM t"))
		}
		mustExec(t, one, "ROLLBACK")
		return counts
	})
}

func TestSuiteIsolationOfATransactionEndsWithIt(t *testing.T) {
	s := needServer(t)
	s.tableOfOne(t)
	writer := begin(t, s.open(t, stock, ""))
	mustExec(t, writer, "UPDATE t SET v = 100")
	got := map[string][]string{}
	asStock(t, func(t *testing.T, driver string) (values []string) {
		for _, level := range []sql.IsolationLevel{
			sql.LevelDefault, sql.LevelReadUncommitted, sql.LevelDefault, sql.LevelSnapshot, sql.LevelDefault,
		} {
			db := s.open(t, driver, poolOfOne)
			tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: level})
			if err != nil {
				values = append(values, errText(err)) // MySQL has no snapshot level
			} else {
				values = append(values, row(t, tx, "SELECT v FROM t"))
				tx.Commit()
			}
			db.Close()
		}
		got[driver] = values
		return values
	})
	if values := got[stock]; values[0] == values[1] {
		t.Skipf("the server reads the same at every isolation level: %v", values)
	}
}

func TestSuiteReadOnlyTransaction(t *testing.T) {
	s := needServer(t)
	s.tableOfOne(t)
	asStock(t, func(t *testing.T, driver string) (result [3]string) {
		db := s.openOne(t, driver)
		tx, err := db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return [3]string{errText(err)}
		}
		result[0], _ = askRow(tx, "SELECT COUNT(*) FROM t")
		_, err = tx.Exec("INSERT INTO t VALUES (3, 3)")
		result[1] = errText(err)
		tx.Rollback()
		_, err = db.Exec("UPDATE t SET v = v + 1")
		result[2] = errText(err)
		return result
	})
}

// A plain read or write leaves nothing behind: its connection is kept, whichever
// way it was run, and so is that of a transaction that was ended.
func TestSuitePlainStatementsKeepTheirConnection(t *testing.T) {
	s := needServer(t)
	s.tableOfOne(t)
	var first int64
	for _, way := range ways {
		db := s.open(t, pooled, "pool_size=1&pool_max_overflow=0")
		if err := way.run(t, db, []string{"SELECT 1", "UPDATE t SET v = v + 1", "INSERT INTO t VALUES (5, 5)", "DELETE FROM t WHERE id = 5"}); err != nil {
			t.Fatal(err)
		}
		id := connectionID(t, db)
		if first != 0 && id != first {
			t.Errorf("through %s: connection %d, want %d as before", way.name, id, first)
		}
		first = id
		db.Close()
	}
	if p := onlyPool(t); p.Dirty != 0 || p.Opened != 1 {
		t.Errorf("want one connection that stays clean: %+v", p)
	}
}

// A duplicate key is the program's business, not the connection's.
func TestSuiteServerErrorsKeepTheConnection(t *testing.T) {
	s := needServer(t)
	s.tableOfOne(t)
	asStock(t, func(t *testing.T, driver string) (result []string) {
		db := s.openOne(t, driver)
		id := connectionID(t, db)
		for _, query := range []string{"INSERT INTO t VALUES (1, 1)", "SELECT nonsense", "SELECT * FROM no_such_table", "SELEKT"} {
			_, err := db.Exec(query)
			result = append(result, errText(err))
			_, err = db.Query(query)
			result = append(result, errText(err))
			stmt, err := db.Prepare(query)
			result = append(result, errText(err))
			if err == nil {
				_, err := stmt.Exec()
				result = append(result, errText(err))
				stmt.Close()
			}
		}
		return append(result, fmt.Sprint(connectionID(t, db) == id))
	})
}

// The stock driver leaves the deadlines of its last read and write on the socket.
// A reset that comes after them must not end by them.
func TestSuiteResetAfterOldDeadlines(t *testing.T) {
	s := needServer(t)
	const timeout = time.Second
	for _, mode := range []string{"state", "always"} {
		reused := func(held time.Duration) bool {
			defer dispose(t)
			db := s.open(t, pooled, "readTimeout=1s&writeTimeout=1s&pool_size=1&pool_max_overflow=0&pool_reset="+mode)
			c := oneConn(t, db)
			id := connectionID(t, c)
			mustExec(t, c, "PREPARE p FROM 'SELECT 1'") // which only a reset restores
			time.Sleep(held)
			db.SetMaxIdleConns(-1)
			c.Close()
			return connectionID(t, db) == id
		}
		if before, after := reused(0), reused(timeout+timeout/2); before != after {
			t.Errorf("pool_reset=%s: the connection is used again: %v, and held for longer than the timeouts: %v", mode, before, after)
		}
	}
}
