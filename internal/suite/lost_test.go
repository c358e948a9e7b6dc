package suite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// What breaks a connection must cost one connection and nothing else. A handle
// with SetMaxOpenConns(1), in a pool of one, shows it if one is lost.

const poolOfOne = "@pool_size=1&@pool_max_overflow=0&@pool_timeout=10"

// openOne opens a handle that has one connection at a time.
func (s *server) openOne(t *testing.T, driver string) *sql.DB {
	t.Helper()
	db := s.open(t, driver, poolOfOne)
	db.SetMaxOpenConns(1)
	return db
}

func TestSuiteCancelledQueryClosesItsConnection(t *testing.T) {
	s := needServer(t)
	var ids []int64
	asStock(t, func(t *testing.T, driver string) (errs []string) {
		db := s.openOne(t, driver)
		for query, args := range map[string][]any{"SELECT SLEEP(4)": nil, "SELECT SLEEP(?)": {4}} {
			id := connectionID(t, db)
			ids = append(ids, id)
			errs = append(errs, errText(s.cancelWhenRunning(t, db, id, query, args...)))
			if next := connectionID(t, db); next == id {
				t.Errorf("still on connection %d, where the query may run on", id)
			}
		}
		return errs
	})
	for _, id := range ids {
		s.wantGone(t, id)
	}
	if p := onlyPool(t); p.Broken != 2 {
		t.Errorf("want two broken: %+v", p)
	}
}

// cancelWhenRunning cancels a query as soon as connection id runs it.
func (s *server) cancelWhenRunning(t *testing.T, db *sql.DB, id int64, query string, args ...any) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		s.wantRunning(t, id)
		cancel()
	}()
	rows, err := db.QueryContext(ctx, query, args...)
	if err == nil {
		_, err = texts(rows)
	}
	return err
}

// manyRows makes a table and returns a query with ten thousand rows.
func (s *server) manyRows(t *testing.T) (query string) {
	t.Helper()
	db := s.open(t, stock, "")
	defer db.Close()
	mustExec(t, db, "CREATE TABLE digits (d INT PRIMARY KEY)", "INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")
	return "SELECT a.d + 10*b.d + 100*c.d + 1000*e.d FROM digits a, digits b, digits c, digits e"
}

func TestSuiteRowsClosedInMidResult(t *testing.T) {
	s := needServer(t)
	query := s.manyRows(t)
	asStock(t, func(t *testing.T, driver string) (same bool) {
		db := s.openOne(t, driver)
		id := connectionID(t, db)
		for range 3 {
			rows, err := db.Query(query)
			if err != nil {
				t.Fatal(err)
			}
			rows.Next()
			if err := rows.Close(); err != nil {
				t.Error(err)
			}
			if err := askOwnNumber(t.Context(), db, 7); err != nil {
				t.Error(err)
			}
		}
		return connectionID(t, db) == id
	})
}

func TestSuiteRowsAbandonedByTheirContext(t *testing.T) {
	s := needServer(t)
	query := s.manyRows(t)
	asStock(t, func(t *testing.T, driver string) (result string) {
		db := s.openOne(t, driver)
		for i := range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			rows, err := db.QueryContext(ctx, query)
			if err != nil {
				t.Fatal(err)
			}
			rows.Next()
			cancel()
			// The rows are not closed: database/sql does that, because of the context.
			if err := askOwnNumber(t.Context(), db, i); err != nil {
				t.Error(err)
			}
			for rows.Next() {
			}
			result = errText(rows.Err())
		}
		return result
	})
}

func TestSuiteConnectionKilledWhileIdle(t *testing.T) {
	s := needServer(t)
	s.onTransports(t, func(t *testing.T, dsn string) {
		dsn = withParams(dsn, poolOfOne)
		onBoth(t, func(t *testing.T, driver string) {
			db := openDSN(t, driver, dsn)
			for range 3 {
				id := connectionID(t, db)
				s.kill(t, id)
				if next := connectionID(t, db); next == id {
					t.Errorf("still connection %d", id)
				}
			}
		})
		t.Run("in the cache", func(t *testing.T) {
			id := openQueryClose(t, pooled, dsn)
			s.kill(t, id)
			if next := openQueryClose(t, pooled, dsn); next == id {
				t.Errorf("still connection %d", id)
			}
		})
	})
}

func TestSuiteConnectionKilledWhileIdleBeforeEachKindOfCall(t *testing.T) {
	s := needServer(t)
	mustExec(t, s.open(t, stock, ""), "CREATE TABLE t (v INT)")
	calls := map[string]func(db *sql.DB, stmt *sql.Stmt) error{
		"Ping":    func(db *sql.DB, _ *sql.Stmt) error { return db.Ping() },
		"Exec":    func(db *sql.DB, _ *sql.Stmt) error { _, err := db.Exec("INSERT INTO t VALUES (1)"); return err },
		"Query":   func(db *sql.DB, _ *sql.Stmt) error { _, err := askRow(db, "SELECT ?", 1); return err },
		"Prepare": func(db *sql.DB, _ *sql.Stmt) error { _, err := db.Prepare("SELECT 1"); return err },
		"Begin": func(db *sql.DB, _ *sql.Stmt) error {
			tx, err := db.Begin()
			if err == nil {
				err = tx.Rollback()
			}
			return err
		},
		"Stmt": func(_ *sql.DB, stmt *sql.Stmt) error { return stmt.QueryRow().Scan(new(any)) },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, driver string) {
				db := s.openOne(t, driver)
				stmt, err := db.Prepare("SELECT 1")
				if err != nil {
					t.Fatal(err)
				}
				defer stmt.Close()
				s.kill(t, connectionID(t, db))
				if err := call(db, stmt); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A statement that the server may have begun is not sent again, whatever
// became of its connection: sent again, it would take five seconds and succeed.
// (MySQL 5.6 may still insert the row when SLEEP is broken off.)
func TestSuiteConnectionKilledWhileInUse(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE t (v INT)")
	for _, way := range []string{"db", "conn", "tx", "stmt"} {
		t.Run(way, func(t *testing.T) {
			onBoth(t, func(t *testing.T, driver string) {
				mustExec(t, setup, "DELETE FROM t")
				db := s.openOne(t, driver)
				var id int64
				killed := make(chan struct{})
				err := throughEach(t, db, way, func(q querier) { id = connectionID(t, q) }, func() {
					go func() {
						defer close(killed)
						s.killWhenRunning(t, id)
					}()
				}, "INSERT INTO t SELECT SLEEP(5)")
				<-killed
				var answer *mysql.MySQLError
				if !errors.Is(err, mysql.ErrInvalidConn) && !errors.As(err, &answer) {
					t.Errorf("got %s, want the stock driver's ErrInvalidConn or the server's own error", errText(err))
				}
				if next := connectionID(t, db); next == id {
					t.Errorf("still connection %d", id)
				}
				s.wantGone(t, id)
				if n := row(t, setup, "SELECT COUNT(*) FROM t"); n != "0" && n != "1" {
					t.Errorf("the statement ran more than once: %s rows", n)
				}
			})
		})
	}
}

// throughEach runs a statement through a handle in one of four ways, after
// first, which gets to use the same connection, and then start.
func throughEach(t *testing.T, db *sql.DB, way string, first func(querier), start func(), query string) error {
	t.Helper()
	switch way {
	case "conn":
		c := oneConn(t, db)
		defer c.Close()
		first(c)
		start()
		_, err := c.ExecContext(t.Context(), query)
		return err
	case "tx":
		tx := begin(t, db)
		defer tx.Rollback()
		first(tx)
		start()
		_, err := tx.Exec(query)
		return err
	case "stmt":
		stmt, err := db.Prepare(query)
		if err != nil {
			t.Fatal(err)
		}
		defer stmt.Close()
		first(db)
		start()
		_, err = stmt.Exec()
		return err
	}
	first(db)
	start()
	_, err := db.Exec(query)
	return err
}

func TestSuiteRawEvicts(t *testing.T) {
	s := needServer(t)
	onBoth(t, func(t *testing.T, name string) {
		db := s.openOne(t, name)
		c := oneConn(t, db)
		id := connectionID(t, c)
		if err := c.Raw(func(any) error { return driver.ErrBadConn }); err != driver.ErrBadConn {
			t.Errorf("Raw: got %v, want what the function returned", err)
		}
		if err := c.PingContext(t.Context()); err != sql.ErrConnDone {
			t.Errorf("after the eviction: got %v, want %v", err, sql.ErrConnDone)
		}
		s.wantGone(t, id)
		if next := connectionID(t, db); next == id {
			t.Errorf("still connection %d", id)
		}
	})
}

func TestSuitePanicInRawEvicts(t *testing.T) {
	s := needServer(t)
	onBoth(t, func(t *testing.T, driver string) {
		db := s.openOne(t, driver)
		c := oneConn(t, db)
		id := connectionID(t, c)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			c.Raw(func(any) error { panic("the user's own") })
		}()
		s.wantGone(t, id)
		if next := connectionID(t, db); next == id {
			t.Errorf("still connection %d", id)
		}
	})
}

func TestSuiteTransactionRolledBackByItsContextLeavesNothing(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE t (id INT PRIMARY KEY, v INT)", "INSERT INTO t VALUES (1, 0)")
	onBoth(t, func(t *testing.T, driver string) {
		// Two connections: the other handle must not have to wait for this one's.
		const params = "@pool_size=2&@pool_max_overflow=0"
		db, other := s.open(t, driver, params), s.open(t, driver, params)
		for i := range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			mustExec(t, tx, "UPDATE t SET v = 100", "INSERT INTO t VALUES (2, 2)")
			cancel()
			within, done := context.WithTimeout(t.Context(), patience)
			if _, err := other.ExecContext(within, fmt.Sprintf("UPDATE t SET v = v + 1 /* %d */", i)); err != nil {
				t.Errorf("another handle cannot write: %v", err)
			}
			done()
			eventually(t, func() error {
				if err := tx.Commit(); err != sql.ErrTxDone && !errors.Is(err, context.Canceled) {
					return fmt.Errorf("Commit: %v", err)
				}
				return nil
			})
			want := fmt.Sprintf("%d|1", i+1)
			if got := row(t, db, "SELECT MAX(v), COUNT(*) FROM t"); got != want {
				t.Errorf("the table has %s, want %s", got, want)
			}
		}
		mustExec(t, setup, "UPDATE t SET v = 0")
	})
}

func TestSuiteTransactionOutlivesItsHandle(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE t (v INT)")
	asStock(t, func(t *testing.T, driver string) string {
		mustExec(t, setup, "DELETE FROM t")
		db := s.openOne(t, driver)
		tx := begin(t, db)
		mustExec(t, tx, "INSERT INTO t VALUES (1)")
		closed := db.Close()
		_, insert := tx.Exec("INSERT INTO t VALUES (2)")
		commit := tx.Commit()
		return fmt.Sprint(closed, insert, commit, row(t, setup, "SELECT COUNT(*) FROM t"))
	})
}

func TestSuiteQueryOutlivesItsHandle(t *testing.T) {
	s := needServer(t)
	asStock(t, func(t *testing.T, driver string) string {
		db := s.openOne(t, driver)
		id := connectionID(t, db)
		answer := make(chan string)
		go func() {
			text, err := askRow(db, "SELECT 40 + 2 + SLEEP(1)")
			answer <- text + errText(err)
		}()
		s.wantRunning(t, id)
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		_, after := askConnectionID(db)
		return <-answer + errText(after)
	})
}

func TestSuiteConnOutlivesItsHandle(t *testing.T) {
	s := needServer(t)
	asStock(t, func(t *testing.T, driver string) string {
		db := s.openOne(t, driver)
		c := oneConn(t, db)
		id := connectionID(t, c)
		closed := db.Close()
		again, err := askConnectionID(c)
		returned := c.Close()
		return fmt.Sprint(closed, again == id, errText(err), returned)
	})
	s.wantConnections(t, 1) // that one went back to the pool
}

// A connection that came back while Connect waited for another must not be lost.
func TestSuiteGivingUpLosesNothing(t *testing.T) {
	s := needServer(t)
	dbs := []*sql.DB{s.open(t, pooled, poolOfOne), s.open(t, pooled, poolOfOne), s.open(t, pooled, poolOfOne)}
	inParallel(24, func(i int) {
		for j := range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*j)*10*time.Microsecond)
			err := askOwnNumber(ctx, dbs[i%len(dbs)], i*100+j)
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
	})
	for _, db := range dbs {
		connectionID(t, db)
	}
	s.wantConnections(t, 1)
}
