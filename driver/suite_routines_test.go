package mysqlpool_test

import (
	"fmt"
	"strings"
	"testing"
)

// A routine may prepare an XA transaction, which outlives its connection as with
// the stock driver. MariaDB breaks down when such a connection is reset.
func TestSuiteXAInARoutine(t *testing.T) {
	s := needServer(t)
	for _, end := range []string{"XA PREPARE", "", "none"} {
		t.Run(strings.Trim("ends with "+end, " "), func(t *testing.T) {
			asStock(t, func(t *testing.T, driver string) (answers []string) {
				setup := s.open(t, stock, "")
				defer setup.Close()
				xid := "'" + uniqueName() + "'"
				body := "XA START " + xid + "; UPDATE acc SET v = v + 1"
				if end != "none" {
					body += "; XA END " + xid
				}
				if end == "XA PREPARE" {
					body += "; XA PREPARE " + xid
				}
				for _, q := range []string{"DROP TABLE IF EXISTS acc", "CREATE TABLE acc (id INT PRIMARY KEY, v INT)", "INSERT INTO acc VALUES (1, 1)",
					"DROP PROCEDURE IF EXISTS xa", "CREATE PROCEDURE xa() BEGIN " + body + "; END"} {
					if _, err := setup.Exec(q); err != nil {
						t.Skipf("the server has no XA in routines: %v", err)
					}
				}
				params := ""
				if driver == pooled {
					params = poolOfOne
				}
				a := s.open(t, driver, params)
				id := connectionID(t, a)
				_, err := a.Exec("CALL xa()")
				answers = append(answers, "CALL: "+errText(err))
				a.Close()
				if driver == stock {
					s.wantGone(t, id)
				}
				if end == "XA PREPARE" {
					// Its connection has ended: else MySQL says that it is not known.
					eventually(t, func() error { _, err := setup.Exec("XA ROLLBACK " + xid); return err })
				}
				b := s.open(t, driver, params)
				defer b.Close()
				mustExec(t, setup, "SET innodb_lock_wait_timeout = 5")
				for _, q := range []string{"INSERT INTO acc VALUES (2, 2)", "BEGIN", "COMMIT", "INSERT INTO acc VALUES (3, 2)"} {
					_, err := b.Exec(q)
					answers = append(answers, q+": "+errText(err))
				}
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
