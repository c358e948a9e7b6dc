package suite

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// The role is not taken for known because it was asked for: nobody answered. Both
// connections log in before state is left; one is the pool's first.
func TestSuiteRoleThatNobodyAnswered(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	setup := s.open(t, stock, "")
	role := "r" + s.schema[len(s.schema)-10:]
	for _, query := range []string{"CREATE ROLE " + role, "CREATE PROCEDURE p() SQL SECURITY INVOKER SET ROLE " + role} {
		if _, err := setup.Exec(query); err != nil {
			t.Skipf("the server has no roles that a routine can set: %v", err)
		}
	}
	defer s.exec(t, "DROP ROLE "+role)
	setup.Exec("GRANT " + role + " TO CURRENT_USER()") // MariaDB does that by itself
	want := row(t, setup, "SELECT CURRENT_ROLE()")
	ended, end := context.WithCancel(t.Context())
	end()
	const params = "pool_size=2&pool_max_overflow=0"
	var dbs []*sql.DB
	var conns []*sql.Conn
	for range 2 {
		db := s.open(t, pooled, params)
		dbs, conns = append(dbs, db), append(conns, oneConn(t, db))
	}
	for i, c := range conns {
		if _, err := c.ExecContext(ended, "CALL p()"); err == nil {
			t.Fatal("want an error")
		}
		if _, err := c.ExecContext(t.Context(), "CALL p()"); err != nil {
			t.Fatal(err)
		}
		if got := row(t, c, "SELECT CURRENT_ROLE()"); got == want {
			t.Fatalf("the routine does not set the role: %s", got)
		}
		c.Close()
		dbs[i].Close()
	}
	for range 2 {
		if got := row(t, begin(t, s.open(t, pooled, params)), "SELECT CURRENT_ROLE()"); got != want {
			t.Errorf("the next user has the role %s, want %s", got, want)
		}
	}
}

// To prepare a statement changes no answer, as with the stock driver.
func TestSuiteAnswersAfterPrepare(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE t (v TINYINT)")
	for _, text := range []string{"SELECT @a := 1", "SET @a = ?", "CALL p(?)"} {
		asStock(t, func(t *testing.T, driver string) []string {
			const params = "@pool_size=2&@pool_max_overflow=0"
			first, db := s.open(t, driver, params), s.open(t, driver, params)
			tx := begin(t, first)
			defer tx.Rollback()
			c := oneConn(t, db)
			defer c.Close()
			if _, err := c.ExecContext(t.Context(), "INSERT INTO t VALUES (1), (2)"); err != nil {
				t.Fatal(err)
			}
			stmt, err := c.PrepareContext(t.Context(), text)
			if err == nil {
				stmt.Close()
			}
			return []string{errText(err), row(t, c, "SELECT @@warning_count, ROW_COUNT()")}
		})
	}
}

// MySQL before 8.0 has no roles, and says of CURRENT_ROLE() what it says of any function
// that is not there: to an account without EXECUTE, that it may not call it.
func TestSuiteAccountThatMayCallNothing(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	cfg, err := mysql.ParseDSN(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.User, cfg.Passwd = uniqueName()[:16], "secret"
	for _, host := range []string{"%", "localhost"} {
		account := fmt.Sprintf("'%s'@'%s'", cfg.User, host)
		s.exec(t, "CREATE USER "+account+" IDENTIFIED BY 'secret'")
		defer s.exec(t, "DROP USER "+account)
		s.exec(t, "GRANT SELECT ON "+s.schema+".* TO "+account)
	}
	defer dispose(t)
	for range 3 {
		db := openDSN(t, pooled, withParams(cfg.FormatDSN(), "pool_size=2&pool_max_overflow=0"))
		first, second := oneConn(t, db), oneConn(t, db)
		for _, c := range []*sql.Conn{first, second} {
			if _, err := c.ExecContext(t.Context(), "SET time_zone = '+03:00'"); err != nil {
				t.Fatal(err)
			}
		}
		first.Close()
		second.Close()
		db.Close()
	}
}

// The warnings that a user may ask for are his own statement's, where it keeps them
// through the next one (MariaDB, and MySQL before 5.7).
func TestSuiteWarningsBehindTheBaseline(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE t (v TINYINT)")
	for _, earlier := range []string{"INSERT IGNORE INTO t VALUES (1000)", "INSERT INTO t VALUES (1)", "DROP TABLE IF EXISTS nosuch"} {
		asStock(t, func(t *testing.T, driver string) string {
			defer dispose(t)
			const params = "@pool_size=2&@pool_max_overflow=0"
			first, db := s.open(t, driver, params), s.open(t, driver, params)
			defer begin(t, first).Rollback()
			tx := begin(t, db)
			defer tx.Rollback()
			for _, query := range []string{earlier, "SET @a = 1"} {
				if _, err := tx.Exec(query); err != nil {
					t.Fatal(err)
				}
			}
			return seen(tx, "SHOW WARNINGS")
		})
	}
}
