package suite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// Where the rule is "as the stock driver", a test is written with the name of
// the driver as a parameter and runs with both: see asStock and onBoth.

// The variables that name the server. The user must have all rights, and the
// DSN a schema. Tests make schemas, and one or two users, of their own.
const (
	envDSN     = "MYSQL_POOL_TEST_DSN"      // over TCP
	envUnixDSN = "MYSQL_POOL_TEST_UNIX_DSN" // optional
	envTLSDSN  = "MYSQL_POOL_TEST_TLS_DSN"  // optional
)

const (
	stock  = "mysql"
	pooled = "mysql_pool"
)

var drivers = []string{stock, pooled}

func init() {
	// The stock driver logs each connection that was killed.
	mysql.SetLogger(&mysql.NopLogger{})
}

// patience is how long a test waits for what should happen at once.
const patience = 10 * time.Second

// server is the server, and a schema on it that one test has for itself: what is
// connected to the schema belongs to the test.
type server struct {
	dsn    string
	schema string
	admin  *sql.DB // the stock driver, one connection that is kept, to another schema
}

// needServer returns the server. After the test nothing may be in use, the sums
// in Stats must hold, the server must see no more connections than Stats says,
// and once the pools are disposed of neither a connection nor a goroutine may
// be left.
func needServer(t *testing.T) *server {
	t.Helper()
	return needServerAt(t, envDSN)
}

func needServerAt(t *testing.T, env string) *server {
	t.Helper()
	dsn := os.Getenv(env)
	if dsn == "" {
		t.Skipf("needs a server: set %s", env)
	}
	goroutines := runtime.NumGoroutine()
	admin, err := sql.Open(stock, dsn)
	if err != nil {
		t.Fatalf("%s: %v", env, err)
	}
	admin.SetMaxOpenConns(1)
	s := &server{schema: uniqueName(), admin: admin}
	s.dsn = s.of(dsn)
	s.exec(t, "CREATE DATABASE "+s.schema)
	t.Cleanup(func() {
		wantQuiet(t)
		s.wantNoMoreThanStats(t)
		dispose(t)
		s.wantConnections(t, 0)
		s.drop(t)
		admin.Close()
		eventually(t, func() error {
			if n := runtime.NumGoroutine(); n > goroutines {
				return fmt.Errorf("%d goroutines are left, %d were there before", n, goroutines)
			}
			return nil
		})
	})
	return s
}

// drop drops the test's schema, unless a connection that MySQL 5.6 does not get
// rid of (see connections) locks it.
func (s *server) drop(t *testing.T) {
	t.Helper()
	s.admin.Exec("SET lock_wait_timeout = 10")
	if _, err := s.admin.Exec("DROP DATABASE " + s.schema); err != nil {
		for _, p := range s.processes(t) {
			if p.schema == s.schema && p.killed {
				t.Logf("schema %s is left behind, locked by connection %d, which was killed: %v", s.schema, p.id, err)
				return
			}
		}
		t.Error(err)
	}
}

// of returns dsn with the test's schema in place of its own.
func (s *server) of(dsn string) string {
	slash := strings.LastIndexByte(dsn, '/')
	_, params, found := strings.Cut(dsn[slash:], "?")
	dsn = dsn[:slash+1] + s.schema
	if found {
		dsn += "?" + params
	}
	return dsn
}

// transports returns the ways in that the environment names, with the test's
// schema.
func (s *server) transports() map[string]string {
	all := map[string]string{"tcp": s.dsn}
	for name, env := range map[string]string{"unix": envUnixDSN, "tls": envTLSDSN} {
		if dsn := os.Getenv(env); dsn != "" {
			all[name] = s.of(dsn)
		}
	}
	return all
}

// onTransports runs a subtest for each way in.
func (s *server) onTransports(t *testing.T, run func(t *testing.T, dsn string)) {
	t.Helper()
	transports := s.transports()
	for name, env := range map[string]string{"tcp": envDSN, "unix": envUnixDSN, "tls": envTLSDSN} {
		t.Run(name, func(t *testing.T) {
			if transports[name] == "" {
				t.Skipf("needs a way into the server: set %s", env)
			}
			run(t, transports[name])
		})
	}
}

var uniqueNames atomic.Int64

// uniqueName is a name that no other test uses, nor another run of this one.
func uniqueName() string {
	return fmt.Sprintf("mp_%x_%d", time.Now().UnixNano(), uniqueNames.Add(1))
}

// withParams returns dsn with more parameters.
func withParams(dsn, params string) string {
	switch {
	case params == "":
		return dsn
	case strings.Contains(dsn[strings.LastIndexByte(dsn, '/'):], "?"):
		return dsn + "&" + params
	}
	return dsn + "?" + params
}

// open opens a handle on the test's schema, which is closed with the test.
func (s *server) open(t *testing.T, driver, params string) *sql.DB {
	t.Helper()
	return openDSN(t, driver, withParams(s.dsn, params))
}

func openDSN(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// exec runs a statement on the connection of the test itself.
func (s *server) exec(t *testing.T, query string) {
	t.Helper()
	if _, err := s.admin.Exec(query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// killWhenRunning makes the server close a connection as soon as that runs a
// statement. It may be called on any goroutine.
func (s *server) killWhenRunning(t *testing.T, id int64) {
	t.Helper()
	s.wantRunning(t, id)
	if _, err := s.admin.Exec(fmt.Sprintf("KILL %d", id)); err != nil {
		t.Errorf("KILL %d: %v", id, err)
	}
}

// row asks a query for one row on the connection of the test itself.
func (s *server) row(t *testing.T, query string) string {
	t.Helper()
	return row(t, s.admin, query)
}

// process is a connection as the server lists it.
type process struct {
	id       int64
	sleeping bool // it runs a SELECT SLEEP
	killed   bool // and not gone yet
	user     string
	schema   string
}

// processes lists the server's connections. As it may be called on any
// goroutine, it does not end the test.
func (s *server) processes(t testing.TB) (all []process) {
	t.Helper()
	rows, err := s.admin.Query("SHOW PROCESSLIST")
	if err != nil {
		t.Error(err)
		return nil
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Error(err)
		return nil
	}
	for rows.Next() {
		var p process
		var command, info, user, schema sql.NullString
		into := make([]any, len(columns))
		for i, column := range columns {
			switch column {
			case "Id":
				into[i] = &p.id
			case "User":
				into[i] = &user
			case "db":
				into[i] = &schema
			case "Command":
				into[i] = &command
			case "Info":
				into[i] = &info
			default:
				into[i] = new(any)
			}
		}
		if err := rows.Scan(into...); err != nil {
			t.Error(err)
			return nil
		}
		p.user, p.schema = user.String, schema.String
		p.killed = command.String == "Killed"
		p.sleeping = (command.String == "Query" || command.String == "Execute") && strings.Contains(info.String, "SLEEP(")
		all = append(all, p)
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
	return all
}

// connections returns the ids of the connections to the test's schema. Those
// that were killed do not count: MySQL 5.6 now and then keeps one for ever in its
// list, without a socket.
func (s *server) connections(t testing.TB) (ids []int64) {
	t.Helper()
	for _, p := range s.processes(t) {
		if p.schema == s.schema && !p.killed {
			ids = append(ids, p.id)
		}
	}
	return ids
}

// connected reports whether the server has a connection with that id.
func (s *server) connected(t testing.TB, id int64) bool {
	t.Helper()
	for _, p := range s.processes(t) {
		if p.id == id {
			return true
		}
	}
	return false
}

// wantConnections waits until there are n connections to the test's schema: the
// server takes a moment to notice that one was closed.
func (s *server) wantConnections(t *testing.T, n int) {
	t.Helper()
	eventually(t, func() error {
		if ids := s.connections(t); len(ids) != n {
			return fmt.Errorf("the server has connections %v, want %d of them", ids, n)
		}
		return nil
	})
}

// wantGone waits until the server does not have that connection any more.
func (s *server) wantGone(t *testing.T, id int64) {
	t.Helper()
	eventually(t, func() error {
		if s.connected(t, id) {
			return fmt.Errorf("the server still has connection %d", id)
		}
		return nil
	})
}

// wantRunning waits until the connection runs a SELECT SLEEP. (One that ran before
// may be shown for a while.)
func (s *server) wantRunning(t *testing.T, id int64) {
	t.Helper()
	eventually(t, func() error {
		for _, p := range s.processes(t) {
			if p.id == id && p.sleeping {
				return nil
			}
		}
		return fmt.Errorf("connection %d runs no SLEEP", id)
	})
}

// kill makes the server close a connection, and waits until it did.
func (s *server) kill(t *testing.T, id int64) {
	t.Helper()
	s.exec(t, fmt.Sprintf("KILL %d", id))
	s.wantGone(t, id)
}

// wantQuiet waits until no connection is in use and nobody waits, as it must be
// after every test, and checks the sums.
func wantQuiet(t *testing.T) {
	t.Helper()
	eventually(t, func() error {
		for _, p := range mysqlpool.Stats() {
			if p.InUse != 0 || p.LoggingIn != 0 || p.Waiting != 0 {
				return fmt.Errorf("at the end of the test something is under way: %+v", p)
			}
		}
		return checkSums()
	})
}

// checkSums checks what PoolStats says is always so.
func checkSums() error {
	for _, p := range mysqlpool.Stats() {
		if p.Open != p.InUse+p.Idle+p.Pinned {
			return fmt.Errorf("open is not in use + idle + pinned: %+v", p)
		}
		closed := p.Recycled + p.IdleClosed + p.Broken + p.Dirty + p.Overflow + p.Unclosed + p.Disposed + p.Invalidated
		if p.Opened != int64(p.Open)+closed {
			return fmt.Errorf("opened is not open + closed: %+v", p)
		}
	}
	return nil
}

// wantNoMoreThanStats waits until the server has no more connections to the
// schema than Stats says. (It has fewer if it dropped one, and nobody has tried
// to use that since.) Handles are closed by then.
func (s *server) wantNoMoreThanStats(t *testing.T) {
	t.Helper()
	eventually(t, func() error {
		open := 0
		for _, p := range mysqlpool.Stats() {
			open += p.Open
		}
		if ids := s.connections(t); len(ids) > open {
			return fmt.Errorf("the server has connections %v, and Stats says %d", ids, open)
		}
		return nil
	})
}

// onlyPool returns the statistics of the one pool there is.
func onlyPool(t *testing.T) mysqlpool.PoolStats {
	t.Helper()
	all := mysqlpool.Stats()
	if len(all) != 1 {
		t.Fatalf("want one pool: %+v", all)
	}
	return all[0]
}

func dispose(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := mysqlpool.Dispose(ctx); err != nil {
		t.Errorf("Dispose: %v", err)
	}
}

// eventually tries until there is no error, and fails the test with the last
// one if there is one for too long.
func eventually(t testing.TB, try func() error) {
	t.Helper()
	if err := tryFor(patience, try); err != nil {
		t.Errorf("after %v: %v", patience, err)
	}
}

func tryFor(d time.Duration, try func() error) error {
	var err error
	for deadline := time.Now().Add(d); ; time.Sleep(2 * time.Millisecond) {
		if err = try(); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// asStock runs the same with both drivers and wants the same of both.
func asStock[T any](t *testing.T, run func(t *testing.T, driver string) T) {
	t.Helper()
	results := map[string]T{}
	onBoth(t, func(t *testing.T, driver string) { results[driver] = run(t, driver) })
	if len(results) == len(drivers) {
		wantSame(t, reflect.ValueOf(results[stock]), reflect.ValueOf(results[pooled]))
	}
}

// wantSame says of two lists in which places they differ.
func wantSame(t *testing.T, a, b reflect.Value) {
	t.Helper()
	if (a.Kind() == reflect.Slice || a.Kind() == reflect.Array) && a.Len() == b.Len() {
		for i := range a.Len() {
			wantSame(t, a.Index(i), b.Index(i))
		}
		return
	}
	if !reflect.DeepEqual(a.Interface(), b.Interface()) {
		t.Errorf("the drivers differ:\n%-10s  %+v\n%-10s  %+v", stock, a, pooled, b)
	}
}

// onBoth runs a subtest with each driver.
func onBoth(t *testing.T, run func(t *testing.T, driver string)) {
	t.Helper()
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) { run(t, driver) })
	}
}

// errText is an error as two drivers are compared by it.
func errText(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprintf("%T %v", err, err)
}

func errNumber(err error) int {
	var answer *mysql.MySQLError
	if errors.As(err, &answer) {
		return int(answer.Number)
	}
	return 0
}

// querier is what runs statements: *sql.DB, *sql.Conn and *sql.Tx.
type querier interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
	PrepareContext(context.Context, string) (*sql.Stmt, error)
}

// mustExec runs statements that must work.
func mustExec(t *testing.T, q querier, queries ...string) {
	t.Helper()
	for _, query := range queries {
		if _, err := q.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
}

// connectionID asks the server which connection this is.
func connectionID(t testing.TB, q querier) int64 {
	t.Helper()
	id, err := askConnectionID(q)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func askConnectionID(q querier) (id int64, err error) {
	err = q.QueryRowContext(context.Background(), "SELECT CONNECTION_ID()").Scan(&id)
	return id, err
}

// row returns the one row that a query must have as text.
func row(t *testing.T, q querier, query string, args ...any) string {
	t.Helper()
	text, err := askRow(q, query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text
}

// askRow returns the first row of a query as text.
func askRow(q querier, query string, args ...any) (string, error) {
	rows, err := q.QueryContext(context.Background(), query, args...)
	if err != nil {
		return "", err
	}
	all, err := texts(rows)
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "no row", nil
	}
	return all[0], nil
}

// texts reads rows to their end and closes them.
func texts(rows *sql.Rows) (all []string, err error) {
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		var words []string
		for _, v := range values {
			if v.Valid {
				words = append(words, v.String)
			} else {
				words = append(words, "NULL")
			}
		}
		all = append(all, strings.Join(words, "|"))
	}
	return all, rows.Err()
}

// begin begins a transaction, which holds its connection until it ends.
func begin(t *testing.T, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tx.Rollback() })
	return tx
}

// oneConn reserves a connection of a handle.
func oneConn(t *testing.T, db *sql.DB) *sql.Conn {
	t.Helper()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// inParallel runs n goroutines and waits for them.
func inParallel(n int, run func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { run(i) })
	}
	wg.Wait()
}

// needRealServer skips a test of what the embedded server has not: limits on
// connections, XA, locks that time out, passwords that are changed, its own answers
// to earlier statements.
func needRealServer(t *testing.T) {
	t.Helper()
	if strings.Contains(os.Getenv("MYSQL_POOL_TEST_SERVER"), "embedded") {
		t.Skip("needs a real server")
	}
}
