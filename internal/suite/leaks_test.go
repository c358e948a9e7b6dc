package suite

import (
	"context"
	"database/sql"

	"database/sql/driver"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Leaks that were found once. Each is what a user does, and a probe of which the
// next one must see what a new session shows.
func TestSuiteLeaksFoundOnce(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	for _, query := range []string{
		"CREATE FUNCTION results() RETURNS TEXT DETERMINISTIC RETURN @@character_set_results",
		"CREATE TABLE t (v INT)",
	} {
		if _, err := setup.Exec(query); err != nil {
			t.Skipf("the server cannot do what this needs: %v", err)
		}
	}
	for _, x := range []struct {
		name   string
		params string
		make   []string
		probe  string
	}{
		{"its schema is replaced", "", []string{"CREATE OR REPLACE DATABASE replaced", "USE replaced", "CREATE OR REPLACE DATABASE replaced"}, "SELECT DATABASE()"},
		{"profiles", "", []string{"SET profiling = 1", "SELECT 12345", "SET profiling = 0"}, "SHOW PROFILES"},
		{"character set that takes a backtick", "charset=gbk", []string{"SELECT 1 AS `中``, @a := 5 AS `中``"}, "SELECT @a"},
		{"character_set_results in parentheses", "", []string{"SET character_set_results = (NULL)"}, "SELECT results()"},
	} {
		t.Run(x.name, func(t *testing.T) {
			dispose(t)
			fresh := s.open(t, stock, x.params)
			fresh.SetMaxOpenConns(1)
			want, err := askRow(fresh, x.probe)
			if err != nil {
				t.Skip(err)
			}
			params := strings.Trim(x.params+"&"+poolOfOne, "&")
			a, b := s.open(t, pooled, params), s.open(t, pooled, params)
			for _, query := range x.make {
				if _, err := a.Exec(query); err != nil {
					t.Logf("%s: %v", query, err)
				}
			}
			a.Close()
			if got := row(t, b, x.probe); got != want {
				t.Errorf("%s: got %s, want %s", x.probe, got, want)
			}
		})
	}
	setup.Exec("DROP DATABASE IF EXISTS replaced")
}

// A statement that assigns a user variable makes it when it is prepared, on
// MySQL, and its type shows even if the statement never runs.
func TestSuiteAssignmentThatIsPreparedAlone(t *testing.T) {
	s := needServer(t)
	const query = "SELECT @a := 4 + COALESCE(@a, 0)"
	kind := func(db *sql.DB) string {
		rows, err := db.Query(query)
		if err != nil {
			t.Skipf("the server cannot do that: %v", err)
		}
		defer rows.Close()
		types, err := rows.ColumnTypes()
		if err != nil {
			t.Fatal(err)
		}
		return types[0].DatabaseTypeName()
	}
	want := kind(s.open(t, stock, ""))
	dispose(t)
	a, b := s.open(t, pooled, poolOfOne), s.open(t, pooled, poolOfOne)
	stmt, err := a.Prepare(query)
	if err != nil {
		t.Fatal(err)
	}
	stmt.Close()
	a.Close()
	if got := kind(b); got != want {
		t.Errorf("the next user computes a %s, want %s as on a new connection", got, want)
	}
}

// roleOfARoutine makes the routines p and f, which set a role.
func (s *server) roleOfARoutine(t *testing.T) {
	t.Helper()
	setup := s.open(t, stock, "")
	role := "r" + s.schema[len(s.schema)-10:]
	for _, query := range []string{
		"CREATE ROLE " + role,
		"CREATE PROCEDURE p() SQL SECURITY INVOKER SET ROLE " + role,
		"CREATE FUNCTION f() RETURNS INT SQL SECURITY INVOKER BEGIN SET ROLE " + role + "; RETURN 1; END",
	} {
		if _, err := setup.Exec(query); err != nil {
			t.Skipf("the server has no roles that a routine can set: %v", err)
		}
	}
	t.Cleanup(func() { s.exec(t, "DROP ROLE "+role) })
	setup.Exec("GRANT " + role + " TO CURRENT_USER()") // MariaDB does that by itself
}

// A proxy may answer OK to SET, and do nothing: then the role is compared by a query.
func TestSuiteRoleBehindAProxyThatIgnoresSet(t *testing.T) {
	s := needServer(t)
	s.roleOfARoutine(t)
	relay := newRelay(t, s.dsn, func(command byte, text string) []byte {
		if command == comQuery && strings.HasPrefix(text, "SET SESSION sql_notes = IF(") {
			return okPacket
		}
		return nil
	})
	dsn := relay.through(t, s.dsn, "pool_pipeline=off&"+poolOfOne)
	for range 2 {
		a, b := openDSN(t, pooled, dsn), openDSN(t, pooled, dsn)
		want := row(t, b, "SELECT CURRENT_ROLE()")
		mustExec(t, a, "CALL p()")
		a.Close()
		if got := row(t, b, "SELECT CURRENT_ROLE()"); got != want {
			t.Errorf("the next user has the role %s, want %s", got, want)
		}
		b.Close()
	}
	dispose(t)
}

// A routine may change the role, and a reset leaves that in place.
func TestSuiteRoleThatARoutineSets(t *testing.T) {
	s := needServer(t)
	s.roleOfARoutine(t)
	for _, x := range []struct{ params, query string }{
		{"", "CALL p()"},
		{"sql_select_limit=40", "CALL p()"},
		{"sql_select_limit=1", "CALL p()"},
		{"pool_reset=always", "CALL p()"},
		{"pool_reset=always", "SELECT f()"},
	} {
		t.Run(x.params+" "+x.query, func(t *testing.T) {
			dispose(t)
			a, b := s.open(t, pooled, strings.Trim(x.params+"&"+poolOfOne, "&")), s.open(t, pooled, strings.Trim(x.params+"&"+poolOfOne, "&"))
			want := row(t, b, "SELECT CURRENT_ROLE()")
			for range 2 { // the second connection was not the pool's first
				c := oneConn(t, a)
				if _, err := c.ExecContext(t.Context(), x.query); err != nil {
					t.Fatal(err)
				}
				if got := row(t, c, "SELECT CURRENT_ROLE()"); got == want {
					t.Fatalf("the routine does not set the role: %s", got)
				}
				c.Close()
				a.Close()
				if got := row(t, b, "SELECT CURRENT_ROLE()"); got != want {
					t.Errorf("the next user has the role %s, want %s", got, want)
				}
				a = s.open(t, pooled, strings.Trim(x.params+"&"+poolOfOne, "&"))
			}
		})
	}
}

// A login works whatever the DSN makes of the answers' length.
func TestSuiteSelectLimitOfTheDSN(t *testing.T) {
	s := needServer(t)
	for _, limit := range []int{0, 1, 5, 20, 45, 60} {
		asStock(t, func(t *testing.T, driver string) (results []string) {
			params := fmt.Sprintf("sql_select_limit=%d", limit)
			db := s.open(t, driver, params)
			for range 3 {
				text, err := askRow(db, "SELECT 1 UNION SELECT 2")
				results = append(results, text+errText(err))
				c := oneConn(t, db)
				_, err = c.ExecContext(t.Context(), "SET @a = 7")
				c.Close()
				db.Close()
				results = append(results, errText(err))
				db = s.open(t, driver, params)
				text, err = askRow(db, "SELECT @a")
				results = append(results, text+errText(err))
			}
			return results
		})
	}
}

// What comes behind the first answer of several statements may open a
// transaction of which no later answer tells.
func TestSuiteTransactionBehindTheFirstAnswer(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE t (v INT) ENGINE=InnoDB")
	if _, err := setup.Exec("SELECT COUNT(*) FROM information_schema.innodb_trx"); err != nil {
		t.Skipf("the server does not list transactions: %v", err)
	}
	a, b := s.open(t, pooled, poolOfOne+"&multiStatements=true&autocommit=0"), s.open(t, pooled, poolOfOne+"&multiStatements=true&autocommit=0")
	rows, err := a.Query("INSERT INTO t VALUES (77), (78); SELECT 1; COMMIT; SELECT (SELECT v FROM t FOR UPDATE)")
	if err != nil {
		t.Skip(err)
	}
	rows.Close()
	a.Close()
	eventually(t, func() error {
		if n := row(t, setup, "SELECT COUNT(*) FROM information_schema.innodb_trx"); n != "0" {
			return fmt.Errorf("%s transactions are open, want none", n)
		}
		return nil
	})
	if got := row(t, b, "SELECT COUNT(*) FROM t"); got != "2" {
		t.Errorf("got %s rows, want the 2 that were committed", got)
	}
}

// A transaction that was begun in Raw and kept ends nobody else's.
func TestSuiteTransactionKeptBeyondRaw(t *testing.T) {
	s := needServer(t)
	s.tableOfOne(t)
	db := s.open(t, pooled, poolOfOne)
	c := oneConn(t, db)
	var kept driver.Tx
	err := c.Raw(func(dc any) (err error) {
		kept, err = dc.(driver.ConnBeginTx).BeginTx(context.Background(), driver.TxOptions{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	db.Close()
	other := s.open(t, pooled, poolOfOne)
	tx := begin(t, other)
	if _, err := tx.Exec("UPDATE t SET v = 5"); err != nil {
		t.Fatal(err)
	}
	for _, end := range []func() error{kept.Rollback, kept.Commit} {
		if err := end(); err != mysql.ErrInvalidConn {
			t.Errorf("got %v, want %v", err, mysql.ErrInvalidConn)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	if got := row(t, other, "SELECT v FROM t"); got != "5" {
		t.Errorf("got %s, want what was committed: 5", got)
	}
}

// A routine may prepare an XA transaction, and MariaDB breaks when a session that
// did is reset: others then get error 1031, and its rows stay locked until the
// server is restarted.
func TestSuiteXATransactionThatARoutinePrepares(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	setup := s.open(t, stock, "")
	xid := s.schema
	mustExec(t, setup, "CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB")
	setup.SetMaxOpenConns(1)
	mustExec(t, setup, "SET innodb_lock_wait_timeout = 3")
	for _, query := range []string{
		"CREATE PROCEDURE prepares() BEGIN XA START '" + xid + "'; UPDATE t SET v = v + 1; XA END '" + xid + "'; XA PREPARE '" + xid + "'; END",
		"CREATE PROCEDURE begins() BEGIN XA START '" + xid + "'; UPDATE t SET v = v + 1; END",
		"CREATE PROCEDURE nests() CALL prepares()",
	} {
		if _, err := setup.Exec(query); err != nil {
			t.Skipf("the server has no XA in routines: %v", err)
		}
	}
	defer setup.Exec("XA ROLLBACK '" + xid + "'")
	for _, params := range []string{"", "@pool_reset=%27always%27"} {
		for _, query := range []string{"CALL prepares()", "CALL begins()", "CALL nests()"} {
			t.Run(params+" "+query, func(t *testing.T) {
				asStock(t, func(t *testing.T, driver string) (results []string) {
					dispose(t)
					mustExec(t, setup, "TRUNCATE TABLE t", "INSERT INTO t VALUES (1, 1)") // deleted rows would be locked until they are purged
					p := strings.Trim(params+"&"+poolOfOne+"&innodb_lock_wait_timeout=1", "&")
					a := s.open(t, driver, p)
					_, err := a.Exec(query)
					results = append(results, errText(err))
					a.Close()
					b := s.open(t, driver, p)
					for i := range 3 {
						_, err := b.Exec("INSERT INTO t VALUES (?, 2)", 2+i)
						results = append(results, "next user: "+errText(err))
					}
					if driver == stock {
						s.wantConnections(t, 2) // setup's and b's
					}
					setup.Exec("XA ROLLBACK '" + xid + "'") // as a transaction manager does
					_, err = setup.Exec("UPDATE t SET v = 5 WHERE id = 1")
					results = append(results, "others, once it is rolled back: "+errText(err))
					b.Close()
					return results
				})
			})
			if t.Failed() {
				return // what is broken at the server is in the way of the others
			}
		}
	}
}

// With pool_reset=always nothing is left of what a text does not show, also where
// the pool took the connection because its handle did not use it for a while.
func TestSuiteLockThatIdlesWithItsConnection(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	if _, err := setup.Exec("CREATE VIEW locker AS SELECT GET_LOCK('" + s.schema + "', 0) AS got"); err != nil {
		t.Skipf("the server cannot do that: %v", err)
	}
	free := func() error {
		if id := row(t, setup, "SELECT IS_USED_LOCK('"+s.schema+"')"); id != "NULL" {
			return fmt.Errorf("connection %s has the lock", id)
		}
		return nil
	}
	a := s.open(t, pooled, "@pool_reset=%27always%27")
	if got := row(t, a, "SELECT * FROM locker"); got != "1" {
		t.Fatalf("got %s, want the lock", got)
	}
	tryFor(2*time.Second, free) // the pool takes it after a second, and may release it then
	a.Close()
	eventually(t, free)
}
