package suite

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// The methods by which session state is restored.
const (
	undone  = "undone"
	isReset = "reset"
	closes  = "closed"
)

// leak is a kind of session state, and by which method it is restored.
type leak struct {
	name   string
	make   []string
	params string // of the DSN
	method string // anyMethod: that is not looked at
}

// anyMethod is for what may be restored in more than one way, or by none.
const anyMethod = "any"

// leaks is every kind. The tables t and u, the procedure p and the role are
// there, if the server has such.
func (s *server) leaks() []leak {
	return []leak{
		{"nothing", []string{"INSERT INTO t VALUES (7)"}, "", ""},
		{"open transaction", []string{"BEGIN", "INSERT INTO t VALUES (7)"}, "", undone},
		{"autocommit off", []string{"SET autocommit = 0", "INSERT INTO t VALUES (7)"}, "", undone},
		{"autocommit off by the DSN", []string{"INSERT INTO t VALUES (7)"}, "autocommit=0", undone},
		{"schema", []string{"USE information_schema"}, "", undone},
		{"time_zone", []string{"SET time_zone = '+03:00'"}, "", undone},
		{"time_zone of the DSN", []string{"SET time_zone = '+03:00'"}, "time_zone=%27%2B01:00%27", undone},
		{"sql_mode", []string{"SET SESSION sql_mode = 'ANSI_QUOTES'"}, "", undone},
		{"NO_BACKSLASH_ESCAPES", []string{"SET sql_mode = 'NO_BACKSLASH_ESCAPES'"}, "interpolateParams=true", undone},
		{"isolation", []string{"SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE"}, "", undone},
		{"isolation of the next", []string{"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"}, "", undone},
		{"read only", []string{"SET SESSION TRANSACTION READ ONLY"}, "", undone},
		{"SET NAMES", []string{"SET NAMES latin1"}, "", undone},
		{"SET NAMES, other login", []string{"SET NAMES latin1"}, "charset=utf8mb4&collation=utf8mb4_bin", undone},
		{"many variables", []string{"SET group_concat_max_len = 7, @@foreign_key_checks = 0, SESSION sql_select_limit = 3"}, "", undone},
		{"user variable", []string{"SET @a = 7"}, "", isReset},
		{"user variable in SELECT", []string{"SELECT @a := 7"}, "", isReset},
		{"user variable of the DSN", []string{"SET @a = 7"}, "@a=1", isReset},
		{"named lock", []string{"SELECT GET_LOCK('" + s.schema + "', 1)"}, "", undone},
		{"found rows", []string{"SELECT SQL_CALC_FOUND_ROWS * FROM u LIMIT 1"}, "", ""},
		{"timestamp", []string{"SET timestamp = 7"}, "", isReset},
		{"temporary table", []string{"CREATE TEMPORARY TABLE temporary (v INT)"}, "", isReset},
		{"temporary, other charset", []string{"CREATE TEMPORARY TABLE temporary (v INT)"}, "charset=latin1", isReset},
		{"temporary over another", []string{"CREATE TEMPORARY TABLE u (w INT)"}, "", isReset},
		{"locked table", []string{"LOCK TABLES t WRITE"}, "", isReset},
		{"global read lock", []string{"FLUSH TABLES WITH READ LOCK"}, "", isReset},
		{"PREPARE", []string{"PREPARE named FROM 'SELECT 7'"}, "", isReset},
		{"HANDLER", []string{"HANDLER t OPEN"}, "", isReset},
		{"CALL", []string{"CALL p()"}, "", isReset},
		{"many statements", []string{"SELECT 1; SET @a = 7; SET time_zone = '+03:00'"}, "multiStatements=true", isReset},
		{"executed comment", []string{"/*!50000 SET @a = 7 */"}, "", isReset},
		{"role", []string{"SET ROLE r" + s.schema[len(s.schema)-10:]}, "", closes},
		{"XA", []string{"XA START '" + s.schema + "'", "INSERT INTO t VALUES (7)"}, "", closes},
	}
}

// notOfASession is variables that differ from one session or moment to the next.
var notOfASession = []string{
	"timestamp", "pseudo_thread_id", "last_insert_id", "identity", "insert_id", "rand_seed1", "rand_seed2",
	"error_count", "warning_count", "last_gtid", "gtid_binlog_pos", "gtid_current_pos", "ft_boolean_syntax",
	"statement_id", "gtid_executed",
	"last_plan_from_binding", "last_plan_from_cache", "tidb_current_ts", "tidb_last_ddl_info", "tidb_last_plan_replayer_token", "tidb_last_query_info", "tidb_last_txn_info",
}

// probes is what a session shows beside its variables.
var probes = []string{
	"SELECT DATABASE()", "SELECT @a", "SELECT @@autocommit", "SELECT @@in_transaction", "SELECT @@timestamp > 1000000000",
	"SELECT COUNT(*) FROM temporary", "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_NAME = 'nothing_here'",
	"SELECT v FROM u", "EXECUTE named", "HANDLER t READ FIRST", "SELECT 1", "SELECT CURRENT_ROLE()",
	"SELECT 'a\\'b'", `SELECT "x"`,
}

// fingerprint is all that a session shows.
func (s *server) fingerprint(db *sql.DB) (lines []string, err error) {
	c, err := db.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for _, b := range behaviours {
		if strings.Contains(b.query, "LAST_INSERT_ID()") && strings.Contains(os.Getenv("MYSQL_POOL_TEST_SERVER"), "MySQL Router") {
			continue // refused whenever Router may share the connection
		}
		lines = append(lines, b.query+": "+b.ask(c))
	}
	rows, err := c.QueryContext(context.Background(), "SHOW SESSION VARIABLES")
	if err != nil {
		return nil, err
	}
	all, err := texts(rows)
	if err != nil {
		return nil, err
	}
	for _, line := range all {
		if name, _, _ := strings.Cut(line, "|"); !slices.Contains(notOfASession, strings.ToLower(name)) {
			lines = append(lines, line)
		}
	}
	for _, probe := range append(probes, "SELECT IS_USED_LOCK('"+s.schema+"')") {
		lines = append(lines, probe+": "+seen(c, probe))
	}
	return lines, nil
}

// wantFingerprint asserts that the next user of a connection sees what is wanted.
func (s *server) wantFingerprint(t *testing.T, db *sql.DB, want []string) {
	t.Helper()
	got, err := s.fingerprint(db)
	if err != nil {
		t.Fatal(err)
	}
	if d := difference(got, want); d != "" {
		t.Errorf("the next user sees:%s", d)
	}
}

// difference is the lines that the two do not share.
func difference(got, want []string) string {
	var b strings.Builder
	for _, line := range got {
		if !slices.Contains(want, line) {
			fmt.Fprintf(&b, "\n  got  %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			fmt.Fprintf(&b, "\n  want %s", line)
		}
	}
	return b.String()
}

// methodTaken is what Stats says that was done.
func methodTaken(t *testing.T) string {
	switch p := onlyPool(t); {
	case p.Undone == 1 && p.Reset == 0 && p.Dirty == 0:
		return undone
	case p.Undone == 0 && p.Reset == 1 && p.Dirty == 0:
		return isReset
	case p.Undone == 0 && p.Reset == 0 && p.Dirty == 1:
		return closes
	case p.Undone+p.Reset+p.Dirty == 0:
		return ""
	default:
		return fmt.Sprintf("%d undone, %d reset, %d dirty", p.Undone, p.Reset, p.Dirty)
	}
}

// A user leaves state behind in each of the ways, and closes. The next one must
// find what a new session of the stock driver shows, on the same connection
// unless the state takes that to be closed.
func TestSuiteLeakMatrix(t *testing.T) {
	if strings.Contains(os.Getenv("MYSQL_POOL_TEST_SERVER"), "embedded") {
		t.Skip("needs a real server: the embedded one has neither temporary tables nor DO, and SET TRANSACTION lasts there")
	}
	s := needServer(t)
	// The variables that come with a schema show in it.
	for _, charset := range []string{"ucs2", "latin1"} { // TiDB has no ucs2, Vitess cannot do it
		if _, err := s.admin.Exec("ALTER DATABASE " + s.schema + " CHARACTER SET " + charset); err == nil {
			break
		}
	}
	setup, role := s.leakSchema(t)
	if role != "" {
		defer s.exec(t, "DROP ROLE "+role)
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "state\tway\ttransport\tstock leaks\tmysql_pool")
	s.onTransports(t, func(t *testing.T, dsn string) {
		// The account may be another on each, and only its maker has the role, if that.
		itself := openDSN(t, stock, dsn)
		if role != "" {
			itself.Exec("GRANT " + role + " TO CURRENT_USER()")
		}
		itself.Close()
		hasReset := resetProofOf(t, dsn) == mysqlpool.ProofWorks
		if !hasReset && strings.Contains(row(t, setup, "SELECT VERSION()"), "MariaDB") {
			t.Error("MariaDB has COM_RESET_CONNECTION, and it was not used")
		}
		for _, x := range append(s.leaks(), s.halfLeaks()...) {
			for _, way := range ways {
				t.Run(x.name+"/"+way.name, func(t *testing.T) {
					leaks, taken := s.wantNoLeak(t, setup, withParams(dsn, x.params), x, way.run, way.name != "tx")
					fmt.Fprintf(w, "%s\t%s\t%s\t%v\t%s\n", x.name, way.name, strings.Split(t.Name(), "/")[1], leaks, taken)
					wantMethod := x.method
					if wantMethod == isReset && !hasReset {
						wantMethod = closes
					}
					if strings.Contains(os.Getenv("MYSQL_POOL_TEST_SERVER"), "Vitess") && taken == closes {
						wantMethod = closes // it does not put variables back
					}
					if taken != wantMethod && wantMethod != anyMethod && way.name != "tx" {
						t.Errorf("got %q, want %q", taken, wantMethod)
					}
				})
			}
		}
	})
	w.Flush()
	if os.Getenv("MYSQL_POOL_TEST_MATRIX") != "" {
		fmt.Fprint(os.Stderr, table.String())
	}
	setup.Close()
	mysqlpool.Dispose(t.Context())
}
