package suite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// execOn runs statements on a connection of a driver, with database/sql's ways of
// passing arguments.
func execOn(ctx context.Context, conn driver.Conn, queries ...string) error {
	for _, query := range queries {
		if _, err := conn.(driver.ExecerContext).ExecContext(ctx, query, nil); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
	}
	return nil
}

// afterStock is the stock driver's connector with a function after each login.
type afterStock struct {
	driver.Connector
	after func(ctx context.Context, conn driver.Conn) error
}

func (a afterStock) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := a.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.after(ctx, c); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// openAfter opens a handle whose connections a function readies.
func openAfter(t *testing.T, which string, cfg *mysql.Config, after func(ctx context.Context, conn driver.Conn) error, opts ...mysqlpool.Option) *sql.DB {
	t.Helper()
	if which == stock {
		c, err := mysql.NewConnector(cfg)
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(afterStock{c, after})
		t.Cleanup(func() { db.Close() })
		return db
	}
	return openConfig(t, cfg, append(opts, mysqlpool.WithAfterLogin(after))...)
}

// afterLogins is what functions set, each kind.
func afterLogins(other, role string) []struct {
	name string
	sets []string
	each bool // the connection is reset after each use
} {
	return []struct {
		name string
		sets []string
		each bool
	}{
		{"variables", []string{"SET SESSION time_zone = '+05:00', sql_mode = 'ANSI_QUOTES', group_concat_max_len = 2000"}, false},
		{"a variable that is not known", []string{"SET SESSION max_seeks_for_key = 77"}, false},
		{"names", []string{"SET NAMES latin1"}, false},
		{"one charset of several", []string{"SET character_set_results = 'latin1'"}, false},
		{"user variables", []string{"SET @a = 1, @b = 'x'"}, false},
		{"autocommit", []string{"SET autocommit = 0"}, false},
		{"isolation", []string{"SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE"}, false},
		{"network timeouts", []string{"SET net_read_timeout = 55, net_write_timeout = 77"}, false},
		{"role", []string{"SET ROLE " + role}, false},
		{"schema", []string{"USE " + other}, false},
		{"temporary table", []string{"CREATE TEMPORARY TABLE temporary (v INT)", "INSERT INTO temporary VALUES (1)"}, true},
		{"PREPARE", []string{"PREPARE named FROM 'SELECT 8'"}, true},
		{"CALL", []string{"CALL p()"}, true},
	}
}

// afterLoginLeaves is what users leave, and by which method it is restored where the
// server can.
var afterLoginLeaves = []struct {
	leaves []string
	method string
}{
	{[]string{"DO 1"}, ""},
	{[]string{"SET time_zone = '+09:00', sql_mode = ''"}, undone},
	{[]string{"SET NAMES utf8mb4"}, anyMethod},
	{[]string{"SET autocommit = 1"}, undone},
	{[]string{"BEGIN", "INSERT INTO t VALUES (7)"}, undone},
	{[]string{"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"}, undone},
	{[]string{"USE information_schema"}, undone},
	{[]string{"SELECT GET_LOCK('matrix', 1)"}, undone},
	{[]string{"SET @a = 9"}, isReset},
	{[]string{"SET SESSION max_seeks_for_key = 99, net_write_timeout = 99"}, isReset},
	{[]string{"CREATE TEMPORARY TABLE gone (v INT)"}, isReset},
	{[]string{"PREPARE named FROM 'SELECT 9'"}, isReset},
	{[]string{"DEALLOCATE PREPARE named"}, anyMethod},
	{[]string{"INSERT INTO temporary VALUES (7)"}, anyMethod},
	{[]string{"DROP TEMPORARY TABLE temporary"}, anyMethod},
	{[]string{"SET ROLE NONE"}, closes},
	{[]string{"USE information_schema", "SET @a = 9, time_zone = '+09:00'"}, isReset},
}

// What the function sets is what every user of the connection finds, whatever the user
// before left, and in whichever way that is restored.
func TestSuiteAfterLoginIsRestored(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	setup, of := s.leakSchema(t)
	defer setup.Close()
	if of != "" {
		defer s.exec(t, "DROP ROLE "+of)
	}
	other := uniqueName()
	role := "r" + other[len(other)-10:]
	if _, err := setup.Exec("CREATE ROLE " + role); err != nil {
		t.Skipf("needs roles, and resets, which came before them: %v", err)
	}
	defer s.exec(t, "DROP ROLE "+role)
	mustExec(t, setup, "GRANT "+role+" TO CURRENT_USER()")
	s.exec(t, "CREATE DATABASE "+other)
	defer s.exec(t, "DROP DATABASE "+other)
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "function sets\tuser leaves\tpool_reset\tmethod")
	for _, a := range afterLogins(other, role) {
		after := func(ctx context.Context, conn driver.Conn) error { return execOn(ctx, conn, a.sets...) }
		t.Run(a.name, func(t *testing.T) {
			for _, reset := range []string{"state", "always"} {
				for _, x := range afterLoginLeaves {
					t.Run(reset+"/"+strings.Join(x.leaves, "; "), func(t *testing.T) {
						taken := s.wantAfterLogin(t, setup, after, reset, x.leaves)
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", a.name, strings.Join(x.leaves, "; "), reset, taken)
						want := x.method
						if a.name == "autocommit" && want == "" {
							want = undone // any statement may open a transaction
						}
						if a.each && want != closes {
							want = isReset
						}
						if reset == "state" && taken != want && want != anyMethod {
							t.Errorf("got %q, want %q", taken, want)
						}
					})
				}
			}
		})
	}
	w.Flush()
	if os.Getenv("MYSQL_POOL_TEST_MATRIX") != "" {
		fmt.Fprint(os.Stderr, table.String())
	}
}

// wantAfterLogin has a user leave state on a connection that a function readied, and
// compares what the next one finds with the stock driver's new connection.
func (s *server) wantAfterLogin(t *testing.T, setup *sql.DB, after func(context.Context, driver.Conn) error, reset string, leaves []string) (taken string) {
	t.Helper()
	dispose(t)
	defer dispose(t)
	mustExec(t, setup, "DELETE FROM t")
	cfg := s.config(t)
	fresh := openAfter(t, stock, cfg, after)
	defer fresh.Close()
	fresh.SetMaxOpenConns(1)
	if _, err := askRow(fresh, "SELECT COUNT(*) FROM "+s.schema+".parent"); err != nil {
		t.Skipf("the server cannot do that: %v", err)
	}
	mustExec(t, fresh, "ROLLBACK") // without autocommit that opened a transaction
	want, err := s.fingerprint(fresh)
	if err != nil {
		t.Fatal(err)
	}
	fresh.Close()

	db := openAfter(t, pooled, cfg, after, mysqlpool.WithReset(reset), mysqlpool.WithSize(1), mysqlpool.WithMaxOverflow(0))
	defer db.Close()
	db.SetMaxIdleConns(-1) // every use is another user's
	db.SetMaxOpenConns(1)
	c := oneConn(t, db)
	for _, query := range leaves {
		c.ExecContext(t.Context(), query) // which may fail, where there is no such table
	}
	c.Close()
	s.wantFingerprint(t, db, want)
	return s.methodOfFirst(t, db, leaves)
}

// methodOfFirst tells by which method the state is restored that statements leave, on a
// fresh pool.
func (s *server) methodOfFirst(t *testing.T, db *sql.DB, leaves []string) string {
	t.Helper()
	dispose(t)
	c := oneConn(t, db)
	for _, query := range leaves {
		c.ExecContext(t.Context(), query)
	}
	c.Close()
	next := oneConn(t, db) // held, or what it leaves would be restored too
	defer next.Close()
	mustExec(t, next, "DO 1")
	return methodTaken(t)
}

// It runs once for each connection that is handed out, and not for each handle.
func TestSuiteAfterLoginWithShareKey(t *testing.T) {
	s := needServer(t)
	var calls atomic.Int64
	after := func(ctx context.Context, conn driver.Conn) error {
		calls.Add(1)
		return execOn(ctx, conn, "SET time_zone = '+05:00'")
	}
	open := func(schema string, opts ...mysqlpool.Option) *sql.DB {
		cfg := s.config(t)
		cfg.DBName = schema
		return openAfter(t, pooled, cfg, after, opts...)
	}
	var first int64
	for i := range 10 {
		db := open([]string{s.schema, "information_schema"}[i%2], mysqlpool.WithShareKey("same"))
		id := connectionID(t, db)
		if first == 0 {
			first = id
		}
		if got := row(t, db, "SELECT @@time_zone"); got != "+05:00" || id != first {
			t.Errorf("handle %d: connection %d with %s, want %d with +05:00", i, id, got, first)
		}
		db.Close()
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("the function ran %d times, want once", n)
	}
	for name, db := range map[string]*sql.DB{
		"another key":      open(s.schema, mysqlpool.WithShareKey("other")),
		"another option":   open(s.schema, mysqlpool.WithShareKey("same"), mysqlpool.WithSize(3)),
		"no key":           open(s.schema),
		"another function": openConfig(t, s.config(t), mysqlpool.WithShareKey("same")),
		"the DSN":          s.open(t, pooled, ""),
	} {
		if id := connectionID(t, db); id == first {
			t.Errorf("%s: shares the connection", name)
		}
	}
}

// A function that fails, blocks, or breaks its connection leaves none on the server.
func TestSuiteAfterLoginThatFails(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	own := errors.New("no settings today")
	for name, test := range map[string]struct {
		after func(ctx context.Context, conn driver.Conn) error
		is    func(err error) bool
	}{
		"its own error": {func(context.Context, driver.Conn) error { return own }, func(err error) bool { return errors.Is(err, own) }},
		"the server's": {func(ctx context.Context, conn driver.Conn) error {
			return execOn(ctx, conn, "SET no_such_variable = 1")
		},
			func(err error) bool { return errNumber(err) == 1193 }},
		"blocks on the server": {func(_ context.Context, conn driver.Conn) error {
			return execOn(context.Background(), conn, "DO SLEEP(15)")
		}, func(err error) bool { return err != nil }},
		"blocks on rows": {func(_ context.Context, conn driver.Conn) error {
			rows, err := conn.(driver.QueryerContext).QueryContext(context.Background(), "SELECT SLEEP(15) UNION ALL SELECT 1", nil)
			if err != nil {
				return err
			}
			return rows.Next(make([]driver.Value, 1))
		}, func(err error) bool { return err != nil }},
		"heeds nothing": {func(context.Context, driver.Conn) error { <-t.Context().Done(); return nil },
			func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }},
		"ends its connection": {func(ctx context.Context, conn driver.Conn) error {
			execOn(ctx, conn, "KILL CONNECTION_ID()")
			return nil
		}, func(err error) bool { return errors.Is(err, mysql.ErrInvalidConn) }},
		"a transaction": {func(ctx context.Context, conn driver.Conn) error {
			_, err := conn.(driver.ConnBeginTx).BeginTx(ctx, driver.TxOptions{})
			return errors.Join(err, execOn(ctx, conn, "DO 1"))
		}, func(err error) bool { return strings.Contains(err.Error(), "transaction") }},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := s.config(t)
			cfg.Timeout = time.Second
			db := openAfter(t, pooled, cfg, test.after)
			defer db.Close()
			for range 2 {
				start := time.Now()
				err := db.Ping()
				if took := time.Since(start); err == nil || !test.is(err) || errors.Is(err, driver.ErrBadConn) || took > 10*time.Second {
					t.Fatalf("after %v: got %v", took, err)
				}
			}
			db.Close()
			s.wantConnections(t, 0)
		})
	}
}

// A row that the function inserts is no user's: LAST_INSERT_ID() is 0 at first, and each
// one's own later. What it prepares and reads by itself is not in the way.
func TestSuiteAfterLoginInserts(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	s.exec(t, "CREATE TABLE "+s.schema+".logins (id INT AUTO_INCREMENT PRIMARY KEY, who BIGINT)")
	db := openAfter(t, pooled, s.config(t), func(ctx context.Context, conn driver.Conn) error {
		stmt, err := conn.(driver.ConnPrepareContext).PrepareContext(ctx, "INSERT INTO "+s.schema+".logins (who) SELECT ? + CONNECTION_ID()")
		if err != nil {
			return err
		}
		tx, err := conn.(driver.ConnBeginTx).BeginTx(ctx, driver.TxOptions{})
		if err != nil {
			return err
		}
		if _, err := stmt.(driver.StmtExecContext).ExecContext(ctx, []driver.NamedValue{{Ordinal: 1, Value: int64(0)}}); err != nil {
			return err
		}
		return tx.Commit()
	}, mysqlpool.WithSize(1), mysqlpool.WithMaxOverflow(0))
	db.SetMaxIdleConns(-1)
	db.SetMaxOpenConns(1)
	for _, leaves := range []string{"DO 1", "SET @a = 1", "DO 1"} {
		c := oneConn(t, db)
		if got := row(t, c, "SELECT LAST_INSERT_ID(), ROW_COUNT(), @@warning_count"); got != "0|0|0" {
			t.Errorf("a new user finds %s", got)
		}
		mustExec(t, c, leaves, "INSERT INTO logins (who) VALUES (1)")
		if got, want := row(t, c, "SELECT LAST_INSERT_ID()"), row(t, c, "SELECT MAX(id) FROM logins"); got != want {
			t.Errorf("LAST_INSERT_ID() is %s, want %s", got, want)
		}
		c.Close()
	}
	if got := s.row(t, "SELECT COUNT(*) FROM "+s.schema+".logins WHERE who > 1"); got != "2" && got != "3" {
		t.Errorf("the function inserted %s rows, want 2, at the login and after the reset, or 3 if that was the first, which is tried", got)
	}
}

// On MariaDB character_set_client has a collation that no variable shows, and that
// arguments have. Where the function sets the variables one by one, no SET NAMES makes it.
func TestSuiteAfterLoginSetsCharsetsOneByOne(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	after := func(ctx context.Context, conn driver.Conn) error {
		return execOn(ctx, conn, "SET collation_connection = 'utf8mb4_swedish_ci'")
	}
	const probe = "SELECT COLLATION(?), COLLATION('x'), @@collation_connection"
	asStock(t, func(t *testing.T, which string) (answers []string) {
		db := openAfter(t, which, s.config(t), after, mysqlpool.WithSize(1), mysqlpool.WithMaxOverflow(0))
		defer db.Close()
		db.SetMaxIdleConns(-1)
		db.SetMaxOpenConns(1)
		for _, leaves := range []string{"DO 1", "SET NAMES latin1", "SET @a = 1", "SET collation_connection = 'utf8mb4_bin'"} {
			c := oneConn(t, db)
			answers = append(answers, row(t, c, probe, "x"))
			mustExec(t, c, leaves)
			c.Close()
			answers = append(answers, row(t, db, probe, "x"))
		}
		return answers
	})
}
