package suite

import (
	"fmt"
	"strings"
	"testing"
)

// A routine may prepare an XA transaction, which outlives its connection as with
// the stock driver. MariaDB breaks down when such a connection is reset.
func TestSuiteXAInARoutine(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	for _, c := range []struct{ end, call string }{
		{"XA PREPARE", "CALL prepares()"}, {"XA END", "CALL prepares()"}, {"none", "CALL prepares()"},
		{"XA PREPARE", "DO 1; CALL prepares()"}, {"XA PREPARE", "/*!50000 CALL prepares() */"}, {"XA PREPARE", "EXECUTE IMMEDIATE 'CALL prepares()'"},
		{"XA PREPARE", "BEGIN NOT ATOMIC CALL prepares(); END"}, {"XA PREPARE", "PREPARE called FROM 'CALL prepares()'; EXECUTE called"},
	} {
		end := c.end
		t.Run(c.call+" ends with "+end, func(t *testing.T) {
			if end == "XA PREPARE" && strings.HasPrefix(s.row(t, "SELECT VERSION()"), "5.6") {
				t.Skip("before MySQL 5.7.7 a prepared XA transaction ends with its connection")
			}
			asStock(t, func(t *testing.T, driver string) (answers []string) {
				setup := s.open(t, stock, "")
				defer setup.Close()
				setup.SetMaxOpenConns(1)
				mustExec(t, setup, "SET lock_wait_timeout = 5, innodb_lock_wait_timeout = 5")
				xid := "'" + uniqueName() + "'"
				body := "XA START " + xid + "; UPDATE acc SET v = v + 1"
				if end != "none" {
					body += "; XA END " + xid
				}
				if end == "XA PREPARE" {
					body += "; XA PREPARE " + xid
				}
				for _, q := range []string{"DROP TABLE IF EXISTS acc", "CREATE TABLE acc (id INT PRIMARY KEY, v INT)", "INSERT INTO acc VALUES (1, 1)",
					"DROP PROCEDURE IF EXISTS prepares", "CREATE PROCEDURE prepares() BEGIN " + body + "; END"} {
					if _, err := setup.Exec(q); err != nil {
						t.Skipf("the server has no XA in routines: %v", err)
					}
				}
				params := ""
				if driver == pooled {
					params = poolOfOne
				}
				a := s.open(t, driver, strings.Trim(params+"&multiStatements=true", "&"))
				a.SetMaxOpenConns(1)
				id := connectionID(t, a)
				_, err := a.Exec(c.call)
				a.Close()
				if err != nil {
					t.Skipf("the server does not know it: %v", err)
				}
				if driver == stock {
					s.wantGone(t, id)
				}
				b := s.open(t, driver, strings.Trim(params+"&multiStatements=true&innodb_lock_wait_timeout=1", "&"))
				defer b.Close()
				insert := func(id int) {
					// On MySQL it waits for what was prepared, in vain.
					_, err := b.Exec("INSERT INTO acc VALUES (?, 2)", id)
					answers = append(answers, fmt.Sprint("INSERT by the next: ", errNumber(err)))
				}
				insert(2)
				insert(3)
				if end == "XA PREPARE" {
					// Until its connection has ended it may be unknown.
					eventually(t, func() error { _, err := setup.Exec("XA ROLLBACK " + xid); return err })
				}
				insert(4)
				_, err = setup.Exec("UPDATE acc SET v = 5 WHERE id = 1")
				answers = append(answers, "UPDATE by another: "+errText(err))
				return append(answers, row(t, setup, "SELECT GROUP_CONCAT(CONCAT(id, '=', v) ORDER BY id) FROM acc"))
			})
		})
	}
	dispose(t)
}

// What a server keeps of earlier statements for SHOW PROFILES, or as traces of its
// optimizer, is not the next user's, be it a routine that had it kept; that of a
// function with pool_reset=always.
func TestSuiteStatementsOfOthersAreNotShown(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	defer setup.Close()
	for _, q := range []string{
		"CREATE PROCEDURE profiles() BEGIN SET profiling = 1; SELECT 'secret of A'; SET profiling = 0; END",
		"CREATE FUNCTION profile() RETURNS INT DETERMINISTIC BEGIN SET profiling = 1; RETURN 1; END",
		"CREATE PROCEDURE traces() BEGIN SET optimizer_trace = 'enabled=on'; SELECT 'secret of A'; SET optimizer_trace = 'enabled=off'; END",
		"CREATE FUNCTION trace() RETURNS INT DETERMINISTIC BEGIN SET optimizer_trace = 'enabled=on'; RETURN 1; END",
		"CREATE VIEW locks AS SELECT GET_LOCK('" + s.schema + "', 0) AS got",
	} {
		if _, err := setup.Exec(q); err != nil {
			t.Logf("%s: %v", q, err)
		}
	}
	probes := []string{
		"SELECT COUNT(*) FROM information_schema.PROFILING", "SELECT COUNT(*) FROM information_schema.OPTIMIZER_TRACE",
		"SELECT IFNULL(IS_USED_LOCK('" + s.schema + "') = CONNECTION_ID(), 0)",
	}
	for _, mode := range []string{"state", "always"} {
		for _, leave := range []string{
			"SET profiling = 1", "CALL profiles()", "SET optimizer_trace = 'enabled=on'", "CALL traces()",
			"SELECT profile()", "SELECT trace()", "SELECT * FROM locks",
		} {
			t.Run(mode+"/"+leave, func(t *testing.T) {
				if mode == "state" && (strings.HasPrefix(leave, "SELECT")) {
					t.Skip("no text shows it: the documentation says so")
				}
				dispose(t)
				params := poolOfOne + "&pool_reset=" + mode
				a, b := s.open(t, pooled, params), s.open(t, pooled, params)
				if !leaves(a, []string{leave, "SELECT 'secret of A'"}) {
					t.Skip("another server's")
				}
				a.Close()
				for _, probe := range probes {
					if got := seen(b, probe); got != "0" && !strings.Contains(got, "Error") {
						t.Errorf("the next user sees: %s: %s", probe, got)
					}
				}
				b.Close()
			})
		}
	}
	dispose(t)
}

// The Performance Schema's settings for a session outlive a reset.
func TestSuiteInstrumentsOfASession(t *testing.T) {
	s := needServer(t)
	for _, q := range []string{
		"UPDATE performance_schema.threads SET INSTRUMENTED = 'NO', HISTORY = 'NO' WHERE PROCESSLIST_ID = CONNECTION_ID()",
		"UPDATE `performance_schema`.`threads` AS t SET t.INSTRUMENTED = 'NO' WHERE PROCESSLIST_ID = CONNECTION_ID()",
	} {
		asStock(t, func(t *testing.T, driver string) string {
			params := ""
			if driver == pooled {
				defer dispose(t)
				params = poolOfOne
			}
			a, b := s.open(t, driver, params), s.open(t, driver, params)
			if _, err := a.Exec(q); err != nil {
				t.Skipf("the server does not have it: %v", err)
			}
			a.Close()
			defer b.Close()
			return fmt.Sprint(askRow(b, "SELECT INSTRUMENTED, HISTORY FROM performance_schema.threads WHERE PROCESSLIST_ID = CONNECTION_ID()"))
		})
	}
}
