package mysqlpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"testing"
	"time"

	"github.com/DATA-DOG/go-sqlmock"
)

// mockConn is a connection of sqlmock with what the stock driver's has more.
type mockConn struct {
	fullMock
	closed bool
}

// fullMock is what sqlmock's connection implements.
type fullMock interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.NamedValueChecker
}

func (c *mockConn) Exec(string, []driver.Value) (driver.Result, error) { return nil, driver.ErrSkip }
func (c *mockConn) Query(string, []driver.Value) (driver.Rows, error)  { return nil, driver.ErrSkip }
func (c *mockConn) ResetSession(context.Context) error                 { return nil }
func (c *mockConn) IsValid() bool                                      { return !c.closed }
func (c *mockConn) Close() error                                       { c.closed = true; return c.fullMock.Close() }

// mockServer logs in to sqlmock.
type mockServer struct {
	mocked driver.Driver
	dsn    string
}

func (s mockServer) dial(context.Context, *host, string) (driver.Conn, error) {
	c, err := s.mocked.Open(s.dsn)
	if err != nil {
		return nil, err
	}
	return &mockConn{fullMock: c.(fullMock)}, nil
}

// The statements of many logical connections, in order, between one login and
// one physical close.
func TestPhysicalOpensAndCloses(t *testing.T) {
	dsn := fmt.Sprintf("physical %d", time.Now().UnixNano()) // sqlmock never forgets one
	mocked, mock, err := sqlmock.NewWithDSN(dsn, sqlmock.QueryMatcherOption(sqlmock.QueryMatcherEqual))
	if err != nil {
		t.Fatal(err)
	}
	server := mockServer{mocked.Driver(), dsn}
	row := func(values ...driver.Value) *sqlmock.Rows {
		return sqlmock.NewRows(make([]string, len(values))).AddRow(values...)
	}
	variables := sqlmock.NewRows([]string{"Variable_name", "Value"})
	for name, value := range map[string]string{"pseudo_thread_id": "1", "autocommit": "ON", "version": "8.4.0", "wait_timeout": "28800", "max_connections": "151"} {
		variables.AddRow(name, value)
	}
	mock.ExpectQuery(askServer).WillReturnRows(variables)
	mock.ExpectQuery("SELECT CURRENT_ROLE()").WillReturnRows(row("NONE"))
	const rounds = 10
	for i := range rounds {
		mock.ExpectQuery("SELECT 1").WillReturnRows(row(i))
		mock.ExpectBegin()
		mock.ExpectExec("UPDATE t SET n = 1").WillReturnResult(sqlmock.NewResult(0, 1))
		mock.ExpectCommit()
	}
	mock.ExpectClose()

	for range rounds {
		c, err := newConnector(mustParse(t, keyDSN+"?pool_size=1"))
		if err != nil {
			t.Fatal(err)
		}
		c.dial = server.dial
		db := sql.OpenDB(c)
		var n int
		if err := db.QueryRow("SELECT 1").Scan(&n); err != nil {
			t.Fatal(err)
		}
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec("UPDATE t SET n = 1"); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if p := onePool(t); p.Opened != 1 || p.Open != 1 {
		t.Errorf("got %+v, want one login and one connection", p)
	}
	if err := Dispose(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := mock.ExpectationsWereMet(); err != nil {
		t.Error(err)
	}
}
