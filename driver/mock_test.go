package mysqlpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/DATA-DOG/go-sqlmock"
	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/hosts"
	"github.com/mysqlpool/mysqlpool/internal/loginpace"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// mockServer stands in for a server behind the stock driver: each physical connection is
// one of sqlmock's, of which a test says what reaches it, in this order. fakeServer is for
// tests of what the pool does; mockServer is for tests of what it sends. sqlmock has no lock
// for what is expected, and timers use connections too: so expect first, then act.
type mockServer struct {
	t     *testing.T
	facts *fakeServer // what the server says of itself

	mu       sync.Mutex
	expected []*mockConn // logins that are expected, and those that were, in this order
	logins   int

	handles []*sql.DB
}

// expecting runs a test on fake time. What a test expects must have happened when it ends,
// and nothing else: then the handles and pools are closed, which closes the connections
// that are left.
func expecting(t *testing.T, test func(t *testing.T, s *mockServer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		hosts.ForgetServers()
		loginpace.Accounts.ForgetAll()
		s := &mockServer{t: t, facts: newFakeServer()}
		test(t, s)
		synctest.Wait()
		s.wantMet()
		for _, c := range s.expected {
			if !c.isClosed() {
				c.ExpectClose()
			}
		}
		for _, db := range s.handles {
			db.Close()
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := Dispose(ctx); err != nil {
			t.Error(err)
		}
		s.wantMet()
	})
}

func (s *mockServer) wantMet() {
	s.t.Helper()
	if s.logins < len(s.expected) {
		s.t.Errorf("got %d logins, want %d", s.logins, len(s.expected))
	}
	for _, c := range s.expected {
		if err := c.ExpectationsWereMet(); err != nil {
			s.t.Errorf("connection %d: %v", c.id, err)
		}
	}
}

// handle opens a handle on a schema, with the options of a DSN's parameters.
func (s *mockServer) handle(schema, params string) *sql.DB {
	s.t.Helper()
	cfg, err := dsn.Parse("app:secret@tcp(mock)/" + schema + "?" + params)
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := newConnector(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	c.Dial, c.Resolve = s.dial, nil
	db := sql.OpenDB(c)
	s.handles = append(s.handles, db)
	return db
}

// expectLogin expects one more login, with what the pool asks in it, and returns the
// connection.
func (s *mockServer) expectLogin() *mockConn {
	s.t.Helper()
	c := s.newConn()
	if c.id > 1 {
		c.expectRow(serverinfo.ConnQuery, int64(c.id), c.variables()["autocommit"]) // which the stock driver's status flags tell
		return c
	}
	rows := sqlmock.NewRows([]string{"Variable_name", "Value"})
	for name, value := range c.variables() {
		rows.AddRow(name, value)
	}
	c.ExpectQuery(serverinfo.VariablesQuery).WillReturnRows(rows) // what the server is
	return c
}

// expectLoginWithBaseline is expectLogin after a user has left state.
func (s *mockServer) expectLoginWithBaseline() *mockConn {
	s.t.Helper()
	c := s.newConn()
	c.expectBaseline()
	return c
}

// newConn returns the connection of one more login, on which nothing is expected.
func (s *mockServer) newConn() *mockConn {
	s.t.Helper()
	db, mock, err := sqlmock.New(sqlmock.QueryMatcherOption(sqlmock.QueryMatcherEqual), sqlmock.MonitorPingsOption(true))
	if err != nil {
		s.t.Fatal(err)
	}
	// The connection itself, without sqlmock's handle.
	inner, err := db.Driver().Open(fmt.Sprintf("sqlmock_db_%d", mocks))
	mocks++
	if err != nil {
		s.t.Fatal(err)
	}
	mock.ExpectClose()
	if err := db.Close(); err != nil {
		s.t.Fatal(err)
	}
	c := &mockConn{Sqlmock: mock, s: s, id: len(s.expected) + 1, inner: inner.(sqlmockConn)}
	s.expected = append(s.expected, c)
	return c
}

func (c *mockConn) variables() map[string]string {
	return (&fakeConn{server: c.s.facts, id: c.id, waitTimeout: c.s.facts.waitTimeout}).variables()
}

// baseline is how it is asked for, and the answer.
func (c *mockConn) baseline() (query string, row []driver.Value) {
	values := c.variables()
	facts, _ := serverinfo.FactsOf(values, nil, false)
	row = []driver.Value{int64(c.id), values["autocommit"], values["init_connect"]}
	for _, name := range facts.Variables {
		row = append(row, values[name])
	}
	return "SELECT " + strings.Join(facts.BaselineColumns(), ", "), row
}

// expectBaseline expects that the baseline is read, for the first time.
func (c *mockConn) expectBaseline() {
	query, row := c.baseline()
	c.ExpectQuery(query + ", CURRENT_ROLE()").WillReturnError(&mysql.MySQLError{Number: mysqlerr.NoSuchFunction, Message: "mock: no roles"})
	c.expectRow(query, row...)
}

// mocks is how many sqlmock has made, which names them so.
var mocks int

// dial is the stock driver's login: the one place where the pool meets sqlmock.
func (s *mockServer) dial(_ context.Context, h *physical.Host, _ string) (driver.Conn, error) {
	const forever = 100 * 365 * 24 * time.Hour
	h.Server.Proofs.Undo.Set(serverinfo.Works, forever)
	h.Server.Proofs.Reset.Set(serverinfo.Works, forever)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logins == len(s.expected) {
		s.t.Errorf("a login that is not expected, after %d", s.logins)
		return nil, errors.New("mock: not expected")
	}
	s.logins++
	return s.expected[s.logins-1], nil
}

// sqlmockConn is what sqlmock's connection implements.
type sqlmockConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.NamedValueChecker
}

// mockConn is a connection of sqlmock's as one of the stock driver's. Whoever gets an
// answer that the test did not give, the test fails.
type mockConn struct {
	sqlmock.Sqlmock
	s     *mockServer
	id    int
	inner sqlmockConn

	mu     sync.Mutex
	closed bool
}

// expectRow expects a query, and answers it with one row.
func (c *mockConn) expectRow(query string, row ...driver.Value) {
	c.ExpectQuery(query).WillReturnRows(sqlmock.NewRows(make([]string, len(row))).AddRow(row...))
}

// expectExec expects statements, in this order.
func (c *mockConn) expectExec(queries ...string) {
	for _, q := range queries {
		c.ExpectExec(q).WillReturnResult(sqlmock.NewResult(0, 0))
	}
}

// check fails the test if an error is sqlmock's own.
func (c *mockConn) check(err error) error {
	var answer *mysql.MySQLError
	if err != nil && !errors.As(err, &answer) {
		c.s.t.Errorf("connection %d: %v", c.id, err)
	}
	return err
}

func (c *mockConn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *mockConn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	return c.check(c.inner.Close())
}

func (c *mockConn) IsValid() bool                               { return !c.isClosed() }
func (c *mockConn) ResetSession(context.Context) error          { return nil }
func (c *mockConn) Ping(ctx context.Context) error              { return c.check(c.inner.Ping(ctx)) }
func (c *mockConn) CheckNamedValue(nv *driver.NamedValue) error { return c.inner.CheckNamedValue(nv) }
func (c *mockConn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}
func (c *mockConn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}
func (c *mockConn) Exec(string, []driver.Value) (driver.Result, error) { return nil, driver.ErrSkip }
func (c *mockConn) Query(string, []driver.Value) (driver.Rows, error)  { return nil, driver.ErrSkip }

func (c *mockConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.inner.BeginTx(ctx, opts)
	return mockTx{c, tx}, c.check(err)
}

func (c *mockConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) > 0 {
		return nil, driver.ErrSkip // as the stock driver does
	}
	result, err := c.inner.ExecContext(ctx, query, nil)
	return result, c.check(err)
}

func (c *mockConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) > 0 {
		return nil, driver.ErrSkip
	}
	if query == serverinfo.LimitsQuery { // in the background, now and then
		return nil, &mysql.MySQLError{Number: mysqlerr.UnknownVariable, Message: "mock: no limits"}
	}
	rows, err := c.inner.QueryContext(ctx, query, nil)
	return rows, c.check(err)
}

func (c *mockConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	inner, err := c.inner.PrepareContext(ctx, query)
	if err != nil {
		return nil, c.check(err)
	}
	return &mockStmt{Stmt: inner, c: c, query: query}, nil
}

type mockTx struct {
	c *mockConn
	driver.Tx
}

func (t mockTx) Commit() error   { return t.c.check(t.Tx.Commit()) }
func (t mockTx) Rollback() error { return t.c.check(t.Tx.Rollback()) }

// mockStmt is a prepared statement; to sqlmock, running it is a query with its text.
type mockStmt struct {
	driver.Stmt
	c     *mockConn
	query string

	columns []string //lint:ignore U1000 stockdriver.ColumnsOf looks for it
}

func (s *mockStmt) NumInput() int                               { return strings.Count(s.query, "?") }
func (s *mockStmt) CheckNamedValue(nv *driver.NamedValue) error { return s.c.CheckNamedValue(nv) }
func (s *mockStmt) ColumnConverter(int) driver.ValueConverter {
	return driver.DefaultParameterConverter
}

func (s *mockStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	result, err := s.c.inner.ExecContext(ctx, s.query, args)
	return result, s.c.check(err)
}

func (s *mockStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := s.c.inner.QueryContext(ctx, s.query, args)
	return rows, s.c.check(err)
}
