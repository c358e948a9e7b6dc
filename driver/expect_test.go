package mysqlpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/DATA-DOG/go-sqlmock"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// What reaches a server, in order, said as sqlmock's expectations. Each physical
// connection is a mock of its own: a statement that is not expected fails, and so
// does a connection that is closed without ExpectClose.

// mocked is what sqlmock's connections implement of physical.StockConn.
type mocked interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.Execer //lint:ignore SA1019 as the stock driver
	driver.ExecerContext
	driver.Queryer //lint:ignore SA1019 as the stock driver
	driver.QueryerContext
	driver.Pinger
	driver.NamedValueChecker
}

// mockConn adds the rest.
type mockConn struct{ mocked }

func (mockConn) ResetSession(context.Context) error { return nil }
func (mockConn) IsValid() bool                      { return true }

var _ physical.StockConn = mockConn{}

// mockServer opens its connections in turn, and fails when there is none left.
type mockServer struct {
	t      *testing.T
	addr   string // another one for each
	conns  []sqlmock.Sqlmock
	stock  []driver.Conn
	opened int
}

var mockServers atomic.Int64

// newMockServer makes a server that takes n connections. It is called outside of a
// bubble, since sqlmock has goroutines of its own.
func newMockServer(t *testing.T, n int) *mockServer {
	t.Helper()
	s := &mockServer{t: t, addr: fmt.Sprintf("mock%d:3306", mockServers.Add(1))}
	for i := range n {
		name := fmt.Sprintf("%s %d", t.Name(), i)
		db, mock, err := sqlmock.NewWithDSN(name, sqlmock.QueryMatcherOption(sqlmock.QueryMatcherEqual))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			mock.ExpectClose()
			db.Close()
		})
		conn, err := db.Driver().Open(name)
		if err != nil {
			t.Fatal(err)
		}
		s.conns, s.stock = append(s.conns, mock), append(s.stock, mockConn{conn.(mocked)})
	}
	return s
}

// dial returns the next connection. It is known already that the server does what
// restores a session.
func (s *mockServer) dial(_ context.Context, h *physical.Host, _ string) (driver.Conn, error) {
	h.Server.Proofs.Undo.Set(serverinfo.Works, serverinfo.ProofLife)
	if s.opened == len(s.conns) {
		s.t.Error("one more login than expected")
		return nil, errors.New("no more logins")
	}
	s.opened++
	return s.stock[s.opened-1], nil
}

// expectLogin is what the pool asks at its first login to a server.
func expectLogin(mock sqlmock.Sqlmock) {
	rows := sqlmock.NewRows([]string{"Variable_name", "Value"})
	for name, value := range map[string]string{
		"version": "10.11.19-MariaDB", "pseudo_thread_id": "7", "init_connect": "", "max_connections": "151", "wait_timeout": "28800",
		"autocommit": "ON", "time_zone": "SYSTEM", "sql_mode": "STRICT_TRANS_TABLES", "character_set_client": "utf8mb4",
		"character_set_results": "utf8mb4", "character_set_connection": "utf8mb4", "collation_connection": "utf8mb4_general_ci",
	} {
		rows.AddRow(name, value)
	}
	mock.ExpectQuery(serverinfo.AskServer).WillReturnRows(rows)
	mock.ExpectQuery("SELECT CURRENT_ROLE()").WillReturnRows(sqlmock.NewRows([]string{"role"}).AddRow(nil))
}

// expectNextLogin is what it asks at a later one.
func expectNextLogin(mock sqlmock.Sqlmock) {
	rows := sqlmock.NewRows([]string{"id", "autocommit", "init_connect", "client", "results", "collation", "time_zone", "sql_mode", "wait_timeout", "role"})
	mock.ExpectQuery("SELECT CONNECTION_ID(), @@autocommit, @@init_connect, @@character_set_client, @@character_set_results, @@collation_connection, @@time_zone, @@sql_mode, @@wait_timeout, CURRENT_ROLE()").
		WillReturnRows(rows.AddRow("8", "1", "", "utf8mb4", "utf8mb4", "utf8mb4_general_ci", "SYSTEM", "STRICT_TRANS_TABLES", "28800", nil))
}

// open opens a handle on a schema.
func (s *mockServer) open(t *testing.T, schema, params string) *sql.DB {
	t.Helper()
	cfg, err := dsn.Parse("app:secret@tcp(" + s.addr + ")/" + schema + "?" + params)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.Dial, c.Resolve = s.dial, nil
	return sql.OpenDB(c)
}

// met fails unless a connection had all that was expected.
func (s *mockServer) met(t *testing.T, i int) {
	t.Helper()
	if err := s.conns[i].ExpectationsWereMet(); err != nil {
		t.Error(err)
	}
}

// inBubble runs a test in fake time, and closes what it left.
func inBubble(t *testing.T, run func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		run(t)
		Dispose(context.Background())
		synctest.Wait()
	})
}

// A hundred handles, one after the other: one login, and one close at the end.
func TestExpectedOfAHundredHandles(t *testing.T) {
	s := newMockServer(t, 1)
	mock := s.conns[0]
	inBubble(t, func(t *testing.T) {
		expectLogin(mock)
		for range 100 {
			mock.ExpectExec("DELETE FROM jobs WHERE done").WillReturnResult(sqlmock.NewResult(0, 1))
		}
		mock.ExpectClose()
		for range 100 {
			db := s.open(t, "app", "")
			mustExec(t, db, "DELETE FROM jobs WHERE done")
			db.Close()
		}
	})
	s.met(t, 0)
}

// What a handle left is undone by exactly these statements, and what cannot be undone
// closes the connection, since a mock cannot be reset.
func TestExpectedOfSessionState(t *testing.T) {
	for _, row := range []struct {
		name   string
		leave  []string
		undo   []string
		closes bool
	}{
		{"nothing", []string{"UPDATE t SET v = 1"}, nil, false},
		{"variable", []string{"SET time_zone = '+00:00'"}, []string{"SET time_zone = 'SYSTEM'"}, false},
		{"variables", []string{"SET time_zone = '+00:00'", "SET sql_mode = ''"}, []string{"SET time_zone = 'SYSTEM', sql_mode = 'STRICT_TRANS_TABLES'"}, false},
		{"lock", []string{"DO GET_LOCK('a', 1)"}, []string{"DO RELEASE_ALL_LOCKS()"}, false},
		{"transaction, variable and lock", []string{"BEGIN", "SET time_zone = '+00:00'", "DO GET_LOCK('a', 1)"},
			[]string{"ROLLBACK", "SET time_zone = 'SYSTEM'", "DO RELEASE_ALL_LOCKS()"}, false},
		{"temporary table", []string{"CREATE TEMPORARY TABLE t (v INT)"}, nil, true},
		{"user variable", []string{"SET @a = 1"}, nil, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newMockServer(t, 1)
			mock := s.conns[0]
			inBubble(t, func(t *testing.T) {
				expectLogin(mock)
				for _, st := range append(row.leave, row.undo...) {
					mock.ExpectExec(st).WillReturnResult(sqlmock.NewResult(0, 0))
				}
				if row.closes {
					mock.ExpectClose()
				}
				db := s.open(t, "app", "pool_size=0") // or another is opened in its place
				db.SetMaxOpenConns(1)
				for _, st := range row.leave {
					mustExec(t, db, st)
				}
				db.Close()
				synctest.Wait()
				s.met(t, 0)
				if !row.closes {
					mock.ExpectClose()
				}
			})
			s.met(t, 0)
		})
	}
}

// An undo that the server refuses closes the connection: nobody gets it as it is.
func TestExpectedOfAnUndoThatFails(t *testing.T) {
	s := newMockServer(t, 1)
	mock := s.conns[0]
	inBubble(t, func(t *testing.T) {
		expectLogin(mock)
		mock.ExpectExec("SET time_zone = '+00:00'").WillReturnResult(sqlmock.NewResult(0, 0))
		mock.ExpectExec("SET time_zone = 'SYSTEM'").WillReturnError(errors.New("connection lost"))
		mock.ExpectClose()
		db := s.open(t, "app", "pool_size=0")
		mustExec(t, db, "SET time_zone = '+00:00'")
		db.Close()
		synctest.Wait()
		s.met(t, 0)
	})
}

// USE is sent when a connection changes its schema, and then alone.
func TestExpectedOfSchemas(t *testing.T) {
	s := newMockServer(t, 1)
	mock := s.conns[0]
	inBubble(t, func(t *testing.T) {
		expectLogin(mock)
		for i, schema := range []string{"app", "app", "shop", "shop", "app"} {
			if i == 2 || i == 4 {
				mock.ExpectExec("USE `" + schema + "`").WillReturnResult(sqlmock.NewResult(0, 0))
			}
			mock.ExpectExec("UPDATE visits SET n = n + 1").WillReturnResult(sqlmock.NewResult(1, 1))
			db := s.open(t, schema, "")
			mustExec(t, db, "UPDATE visits SET n = n + 1")
			db.Close()
			synctest.Wait()
			s.met(t, 0)
		}
		mock.ExpectClose()
	})
	s.met(t, 0)
}

// A connection is closed when it is as old as pool_recycle, and another is opened.
func TestExpectedOfRecycling(t *testing.T) {
	s := newMockServer(t, 2)
	inBubble(t, func(t *testing.T) {
		expectLogin(s.conns[0])
		s.conns[0].ExpectExec("DO 1").WillReturnResult(sqlmock.NewResult(0, 0))
		s.conns[0].ExpectClose()
		expectNextLogin(s.conns[1])
		s.conns[1].ExpectExec("DO 1").WillReturnResult(sqlmock.NewResult(0, 0))
		s.conns[1].ExpectClose()
		db := s.open(t, "app", "pool_recycle=10s")
		defer db.Close()
		mustExec(t, db, "DO 1")
		time.Sleep(10 * time.Second)
		s.met(t, 0)
		mustExec(t, db, "DO 1")
	})
	s.met(t, 1)
}
