package suite

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"
)

// behaviour is a statement of which the answer shows what SHOW VARIABLES does not.
type behaviour struct {
	query string
	args  []any
}

// behaviours is asked before anything else. The first ones are about the
// statement that ran last: they must not show another user's.
var behaviours = []behaviour{
	{"SHOW WARNINGS", nil},
	{"SHOW ERRORS", nil},
	{"SELECT @@warning_count, @@error_count", nil},
	{"SELECT LAST_INSERT_ID(), @@identity", nil},
	{"SELECT COLLATION(?), COERCIBILITY(?), CHARSET(?)", []any{"Łukasz", "Łukasz", "Łukasz"}},
	{"SELECT COLLATION(?), COERCIBILITY(?), CHARSET(?)", []any{[]byte("x"), []byte("x"), []byte("x")}},
	{"SELECT COLLATION('x'), COERCIBILITY('x'), CHARSET('x'), HEX('ü')", nil},
	{"SELECT COLLATION(CONCAT(?, 'x')), COERCIBILITY(CONCAT('x', ?)), CHARSET(CONCAT(?, _binary'x'))", []any{"a", "b", "c"}},
	{"SELECT ? = ?, CONCAT(?, '') = 'lukasz'", []any{"Łukasz", "lukasz", "Łukasz"}},
	{"SELECT 'Łukasz' = 'lukasz', 'Müller' LIKE 'muller'", nil},
	{"SELECT COUNT(*) FROM people WHERE g LIKE CONCAT('%', ?, '%')", []any{"ü"}},
	{"SELECT COUNT(*) FROM people WHERE u = ?", []any{"muller"}},
	{"SHOW PROFILES", nil},
	{"SELECT @@profiling", nil},
	{"SELECT FROM_UNIXTIME(1000000000), UNIX_TIMESTAMP('2020-01-01 00:00:00')", nil},
	{"SELECT DATE_FORMAT('2020-05-01', '%M %W'), 7 / 3, 1 || 0, GROUP_CONCAT(id ORDER BY id) FROM people", nil},
	{"INSERT INTO child VALUES (4711)", nil},
	{"INSERT INTO small VALUES (?)", []any{int64(99999999999)}},
	{"SELECT IS_USED_LOCK('matrix') = CONNECTION_ID()", nil},
}

// ask returns the columns, the rows and the error.
func (b behaviour) ask(q querier) string {
	rows, err := q.QueryContext(context.Background(), b.query, b.args...)
	return diffRows(rows, err, everyRow)
}

// leakSchema makes what the statements of the matrix are about. role is "" if the
// server has none.
func (s *server) leakSchema(t *testing.T) (setup *sql.DB, role string) {
	t.Helper()
	setup = s.open(t, stock, "")
	setup.SetMaxOpenConns(1)
	mustExec(t, setup, "SET innodb_lock_wait_timeout = 5, lock_wait_timeout = 5",
		"CREATE TABLE t (v INT) ENGINE=InnoDB", "CREATE TABLE u (v INT)", "INSERT INTO u VALUES (1), (2)",
		"CREATE TABLE unique_v (v INT PRIMARY KEY) ENGINE=InnoDB", "CREATE TABLE ids (id INT AUTO_INCREMENT PRIMARY KEY, v INT UNIQUE) ENGINE=InnoDB",
		"CREATE TABLE loaded (a INT, b INT, c VARCHAR(9))", "CREATE TABLE survives (v INT) ENGINE=InnoDB",
		"CREATE TABLE parent (id INT PRIMARY KEY) ENGINE=InnoDB", "CREATE TABLE child (p INT, FOREIGN KEY (p) REFERENCES parent (id)) ENGINE=InnoDB",
		"CREATE TABLE small (v TINYINT)")
	if _, err := setup.Exec("CREATE TABLE people " + diffPeople); err != nil { // TiDB has fewer collations
		mustExec(t, setup, "CREATE TABLE people "+strings.ReplaceAll(diffPeople, "latin1_german2_ci", "latin1_bin"))
	}
	mustExec(t, setup, "INSERT INTO people VALUES "+diffPeopleRows)
	for _, query := range []string{
		"CREATE PROCEDURE p() SET @a = 7, time_zone = '+03:00'",
		"CREATE PROCEDURE halfway() BEGIN SET @a = 7; SET time_zone = '+03:00'; START TRANSACTION; INSERT INTO t VALUES (7); SIGNAL SQLSTATE '45000'; END",
		"CREATE PROCEDURE profiles() BEGIN SET profiling = 1; SELECT 'a secret'; SET profiling = 0; END",
		"CREATE PROCEDURE locks() BEGIN DO GET_LOCK('matrix', 1); CREATE TEMPORARY TABLE temporary (v INT); INSERT INTO ids VALUES (NULL, NULL); END",
		"CREATE FUNCTION breaks() RETURNS INT DETERMINISTIC NO SQL BEGIN SIGNAL SQLSTATE '45000'; RETURN 1; END",
		"CREATE FUNCTION hides() RETURNS INT DETERMINISTIC NO SQL BEGIN SET @a = 7; SET time_zone = '+03:00', foreign_key_checks = 0, sql_mode = ''; RETURN 1; END",
		"CREATE FUNCTION profiling_on() RETURNS INT DETERMINISTIC NO SQL BEGIN SET profiling = 1; RETURN 1; END",
		"CREATE VIEW locker AS SELECT GET_LOCK('matrix', 1) AS got",
		"CREATE TABLE triggers (v INT)",
		"CREATE TRIGGER before_insert BEFORE INSERT ON triggers FOR EACH ROW BEGIN SET @a = NEW.v; SET time_zone = '+03:00'; DO GET_LOCK('matrix', 1); END",
	} {
		if _, err := setup.Exec(query); err != nil {
			t.Logf("the server cannot do %s: %v", query, err)
		}
	}
	setup.Exec("DO RELEASE_LOCK('matrix')") // TiDB takes it when it makes the view
	role = "r" + s.schema[len(s.schema)-10:]
	if _, err := setup.Exec("CREATE ROLE " + role); err != nil {
		role = ""
	}
	return setup, role
}

// halfLeaks is what statements leave that fail after half their work, and what
// stays of the last statement.
func (s *server) halfLeaks() []leak {
	return []leak{
		{"failed CREATE and START TRANSACTION", []string{"CREATE TABLE u (v INT) START TRANSACTION"}, "", anyMethod},
		{"failed CREATE and START TRANSACTION by name", []string{"PREPARE named FROM 'CREATE TABLE u (v INT) START TRANSACTION'", "EXECUTE named"}, "", anyMethod},
		{"failed CREATE TEMPORARY", []string{"CREATE TEMPORARY TABLE temporary (v INT UNIQUE) AS SELECT 1 AS v UNION ALL SELECT 1"}, "", anyMethod},
		{"failed DROP TEMPORARY", []string{"CREATE TEMPORARY TABLE u (w INT)", "DROP TEMPORARY TABLE nothing_here, u"}, "", anyMethod},
		{"failed RENAME of a temporary table", []string{"CREATE TEMPORARY TABLE temporary (v INT)", "ALTER TABLE temporary RENAME TO u, ADD COLUMN v INT"}, "", anyMethod},
		{"half of a SET", []string{"SET @a = 7, sql_mode = 'NONSENSE'"}, "", anyMethod},
		{"half of a SET of variables", []string{"SET time_zone = '+03:00', foreign_key_checks = 0, sql_mode = 'NONSENSE'"}, "", anyMethod},
		{"half of a SET with a function", []string{"SET time_zone = '+03:00', @a = breaks()"}, "", anyMethod},
		{"half of a SET NAMES", []string{"SET NAMES latin1, time_zone = 'Nowhere/Nothing'"}, "", anyMethod},
		{"half of a SET autocommit", []string{"SET autocommit = 0, sql_mode = 'NONSENSE'"}, "", anyMethod},
		{"failed CALL", []string{"CALL halfway()"}, "", anyMethod},
		{"failed INSERT with autocommit off", []string{"SET autocommit = 0", "INSERT INTO t VALUES (7)", "INSERT INTO unique_v VALUES (1), (1)"}, "", anyMethod},
		{"failed INSERT with autocommit off by the DSN", []string{"INSERT INTO t VALUES (7)", "INSERT INTO unique_v VALUES (1), (1)"}, "autocommit=0", anyMethod},
		{"failed INSERT in a transaction", []string{"BEGIN", "INSERT INTO t VALUES (7)", "INSERT INTO unique_v VALUES (1), (1)"}, "", anyMethod},
		{"failed BEGIN of another", []string{"BEGIN", "INSERT INTO t VALUES (7)", "SELEKT"}, "", anyMethod},
		{"failed write in READ ONLY", []string{"START TRANSACTION READ ONLY", "INSERT INTO t VALUES (7)"}, "", anyMethod},
		{"failed lock", []string{"DO GET_LOCK('matrix', 1), (SELECT 1 UNION SELECT 2)"}, "", anyMethod},
		{"failed lock in values", []string{"INSERT INTO unique_v VALUES (GET_LOCK('matrix', 1)), (1)"}, "", anyMethod},
		{"failed lock beside a function", []string{"DO GET_LOCK('matrix', 1), breaks()"}, "", anyMethod},
		{"failed LOCK TABLES", []string{"LOCK TABLES t WRITE, nothing_here READ"}, "", anyMethod},
		{"failed LOAD DATA", []string{"LOAD DATA LOCAL INFILE 'Reader::diff-breaks' INTO TABLE loaded FIELDS TERMINATED BY ','"}, "", anyMethod},
		{"failed LOAD DATA, no reader", []string{"LOAD DATA LOCAL INFILE 'Reader::diff-nothing' INTO TABLE loaded"}, "", anyMethod},
		{"failed SELECT INTO", []string{"SELECT v INTO @a FROM u"}, "", anyMethod},
		{"failed PREPARE", []string{"PREPARE named FROM 'SELECT 7'", "PREPARE other FROM 'SELEKT'"}, "", anyMethod},
		{"failed statement of many", []string{"SELECT 1; SET @a = 7; SELEKT"}, "multiStatements=true", anyMethod},
		{"failed BEGIN among many", []string{"BEGIN; INSERT INTO t VALUES (7); SELEKT"}, "multiStatements=true", anyMethod},
		{"killed query", []string{"BEGIN", "INSERT INTO t VALUES (7)", "KILL QUERY CONNECTION_ID()"}, "", anyMethod},
		{"lock and temporary table of a CALL", []string{"CALL locks()"}, "", anyMethod},
		{"profiles of a CALL", []string{"CALL profiles()"}, "", anyMethod},

		{"SET NAMES with a collation", []string{"SET NAMES utf8 COLLATE utf8_bin"}, "", anyMethod},
		{"SET NAMES by default", []string{"SET NAMES DEFAULT"}, "", anyMethod},
		{"SET CHARACTER SET", []string{"SET CHARACTER SET latin1"}, "", anyMethod},
		{"character_set_client", []string{"SET character_set_client = latin1"}, "", anyMethod},
		{"collation_connection", []string{"SET collation_connection = utf8mb4_bin"}, "", anyMethod},

		{"last id", []string{"INSERT INTO ids VALUES (4710, 1)", "DELETE FROM ids", "INSERT INTO ids VALUES (NULL, NULL)"}, "", anyMethod},
		{"last id of an expression", []string{"SELECT LAST_INSERT_ID(4711)"}, "", anyMethod},
		{"last id that is set", []string{"SET last_insert_id = 4711"}, "", anyMethod},
		{"insert id", []string{"SET insert_id = 4711"}, "", anyMethod},
		{"warnings", []string{"DROP TABLE IF EXISTS nothing_here, nothing_there"}, "", anyMethod},
		{"warnings of an expression", []string{"SELECT CAST('x' AS SIGNED)"}, "", anyMethod},
		{"error", []string{"SELECT nothing FROM t"}, "", anyMethod},
		{"signal", []string{"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'a secret'"}, "", anyMethod},
	}
}

// hiddenLeaks is what texts do not show.
func (s *server) hiddenLeaks() []leak {
	return []leak{
		{"lock of a view", []string{"SELECT * FROM locker"}, "", anyMethod},
		{"state of a function", []string{"SELECT hides()"}, "", anyMethod},
		{"state of a function in a WHERE", []string{"UPDATE t SET v = 1 WHERE v = hides()"}, "", anyMethod},
		{"state of a function that fails", []string{"SELECT hides() + (SELECT 1 UNION SELECT 2)"}, "", anyMethod},
		{"state and lock of a trigger", []string{"INSERT INTO triggers VALUES (7)"}, "", anyMethod},
		{"profiles of a function", []string{"SELECT profiling_on()", "SELECT 'a secret'"}, "", anyMethod},
	}
}

// wantNoLeak has a user leave state behind, and close. The next one must find what
// a new session of the stock driver shows. It returns whether the stock driver's
// next user would meet the state, and how it was restored.
func (s *server) wantNoLeak(t *testing.T, setup *sql.DB, dsn string, x leak, run func(*testing.T, *sql.DB, []string) error, noRows bool) (leaks bool, taken string) {
	t.Helper()
	half := x.method == anyMethod
	dispose(t)
	mustExec(t, setup, "DELETE FROM t", "DELETE FROM survives", "DELETE FROM child")
	fresh := openDSN(t, stock, dsn)
	fresh.SetMaxOpenConns(1)
	// A login may leave warnings of its own, as of a character set that is not there.
	// A statement that reads a table ends them.
	if _, err := askRow(fresh, "SELECT COUNT(*) FROM parent"); err != nil {
		t.Skipf("the server does not take such a login: %v", err)
	}
	want, err := s.fingerprint(fresh)
	if err != nil {
		t.Skip(err)
	}
	fresh.Close()

	leaking := openDSN(t, stock, dsn)
	leaking.SetMaxOpenConns(1)
	if err := run(t, leaking, x.make); err != nil && !half {
		leaking.Close()
		t.Skipf("the server does not do that: %v", err)
	}
	dirty, err := s.fingerprint(leaking)
	leaks = err != nil || difference(dirty, want) != ""
	leaking.Close()
	setup.Exec("UNLOCK TABLES")
	eventually(t, func() error { _, err := setup.Exec("DELETE FROM t"); return err })
	mustExec(t, setup, "DELETE FROM child")
	eventually(t, func() error {
		if used := row(t, setup, "SELECT IS_USED_LOCK('matrix')"); used != "NULL" {
			return fmt.Errorf("the stock driver's session still has its lock")
		}
		return nil
	})

	dsn = withParams(dsn, "pool_size=1&pool_max_overflow=0")
	a, b := openDSN(t, pooled, dsn), openDSN(t, pooled, dsn)
	if err := run(t, a, x.make); err != nil && !half {
		t.Fatal(err)
	}
	a.Close()
	s.wantFingerprint(t, b, want)
	if got := row(t, setup, "SELECT COUNT(*) FROM t"); x.method != "" && got != "0" && noRows && !strings.Contains(x.name, "many") {
		t.Errorf("rows: got %s, want none: what was left open is rolled back", got)
	}
	if !strings.Contains(dsn, "autocommit=0") {
		// What the next user writes stays, whatever becomes of the connection.
		mustExec(t, b, "INSERT INTO survives VALUES (1)")
		if got := row(t, setup, "SELECT COUNT(*) FROM survives"); got != "1" {
			t.Errorf("the next user's insert, which was acknowledged: others see %s rows, want 1", got)
		}
	}
	return leaks, methodTaken(t)
}

// matrixLogins is what a DSN may have beside the user.
var matrixLogins = []struct{ name, params string }{
	{"default", ""},
	{"two charsets", "charset=nonsense,latin1"},
	{"collation", "collation=utf8mb4_unicode_ci"},
	{"charset and collation", "charset=latin1&collation=latin1_german2_ci"},
	{"parameters", "time_zone=%27%2B01:00%27&group_concat_max_len=99&lc_time_names=%27de_DE%27&div_precision_increment=2&foreign_key_checks=0"},
}

// The same for other logins, and with pool_reset=always, where nothing is left of
// what texts do not show either.
func TestSuiteLeakMatrixOfLogins(t *testing.T) {
	if strings.Contains(os.Getenv("MYSQL_POOL_TEST_SERVER"), "embedded") {
		t.Skip("needs a real server: see TestSuiteLeakMatrix")
	}
	s := needServer(t)
	setup, role := s.leakSchema(t)
	if role != "" {
		defer s.exec(t, "DROP ROLE "+role)
	}
	for _, login := range matrixLogins {
		for _, reset := range []string{"state", "always"} {
			all := append(s.leaks(), s.halfLeaks()...)
			if reset == "always" {
				all = append(all, s.hiddenLeaks()...)
			}
			for i, x := range all {
				if login.params != "" && (x.params != "" || (i%2 == 0) == (reset == "state")) {
					continue // together they may be no login; of the others every other one
				}
				t.Run(login.name+"/"+reset+"/"+x.name, func(t *testing.T) {
					params := strings.Trim(x.params+"&"+login.params, "&")
					dsn := withParams(s.dsn, strings.Trim(params+"&@pool_reset=%27"+reset+"%27", "&"))
					s.wantNoLeak(t, setup, dsn, x, func(t *testing.T, db *sql.DB, queries []string) error { return execAll(t, db, queries) }, true)
				})
			}
		}
	}
	setup.Close()
}
