package mysqlpool

import (
	"context"
	"database/sql"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
)

// What reaches the server, in order.

// sql.DB.Close checks the connection in.
func TestExpectOneLoginForAHundredHandles(t *testing.T) {
	expecting(t, func(t *testing.T, s *mockServer) {
		c := s.expectLogin()
		for range 100 {
			c.expectRow("SELECT 1", int64(1))
		}
		for range 100 {
			db := s.handle("app", "")
			wantRow(t, db, "SELECT 1")
			db.Close()
		}
		c.ExpectClose()
		if err := Dispose(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func wantRow(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	var n int
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Errorf("%s: %v", query, err)
	}
}

// What a user leaves is undone by these statements, before the next user's, and the
// connection is kept.
func TestExpectUndo(t *testing.T) {
	for name, test := range map[string]struct{ leaves, undo []string }{
		"nothing":                {[]string{"INSERT INTO t VALUES (1)"}, nil},
		"character sets":         {[]string{"SET NAMES latin1"}, []string{"SET NAMES utf8mb4 COLLATE utf8mb4_bin"}},
		"a transaction":          {[]string{"BEGIN", "INSERT INTO t VALUES (1)"}, []string{"ROLLBACK"}},
		"one that ended":         {[]string{"BEGIN", "INSERT INTO t VALUES (1)", "COMMIT"}, nil},
		"a variable":             {[]string{"SET time_zone = '+00:00'"}, []string{"SET time_zone = 'SYSTEM'"}},
		"autocommit":             {[]string{"SET autocommit = 0"}, []string{"ROLLBACK", "SET autocommit = 1"}},
		"a lock":                 {[]string{"DO GET_LOCK('a', 1)"}, []string{"DO RELEASE_ALL_LOCKS()"}},
		"a lock that was freed":  {[]string{"DO GET_LOCK('a', 1)", "DO RELEASE_LOCK('a')"}, nil},
		"another schema":         {[]string{"USE other"}, []string{"USE `app`"}},
		"a variable and a lock":  {[]string{"DO GET_LOCK('a', 1)", "SET time_zone = '+00:00'"}, []string{"SET time_zone = 'SYSTEM'", "DO RELEASE_ALL_LOCKS()"}},
		"a transaction and more": {[]string{"BEGIN", "SET time_zone = '+00:00'"}, []string{"ROLLBACK", "SET time_zone = 'SYSTEM'"}},
	} {
		t.Run(name, func(t *testing.T) {
			expecting(t, func(t *testing.T, s *mockServer) {
				c := s.expectLogin()
				c.expectExec(test.leaves...)
				c.expectExec(test.undo...)
				c.expectRow("SELECT 1", int64(1))

				db := s.handle("app", "")
				db.SetMaxOpenConns(1) // so that all statements run on one connection
				for _, query := range test.leaves {
					mustExec(t, db, query)
				}
				db.Close()
				synctest.Wait()
				wantRow(t, s.handle("app", ""), "SELECT 1")
			})
		})
	}
}

// What cannot be undone closes the connection: temporary tables, since no name of them may
// be known, and anything after a statement that undoes was refused.
func TestExpectClose(t *testing.T) {
	refused := &mysql.MySQLError{Number: 1105, Message: "mock: refused"}
	for name, test := range map[string]struct {
		leaves string
		expect func(c *mockConn)
	}{
		"a temporary table": {"CREATE TEMPORARY TABLE t (a INT)", func(*mockConn) {}},
		"a user variable":   {"SET @a = 1", func(*mockConn) {}},
		"a failed rollback": {"BEGIN", func(c *mockConn) { c.ExpectExec("ROLLBACK").WillReturnError(refused) }},
		"a failed SET":      {"SET time_zone = '+00:00'", func(c *mockConn) { c.ExpectExec("SET time_zone = 'SYSTEM'").WillReturnError(refused) }},
	} {
		t.Run(name, func(t *testing.T) {
			expecting(t, func(t *testing.T, s *mockServer) {
				first := s.expectLogin()
				first.expectExec(test.leaves)
				test.expect(first)
				first.ExpectClose()
				again := s.expectLogin
				if test.leaves != "BEGIN" {
					again = s.expectLoginWithBaseline
				}
				second := again()
				second.expectRow("SELECT 1", int64(1))

				db := s.handle("app", "")
				mustExec(t, db, test.leaves)
				db.Close()
				synctest.Wait()
				wantRow(t, s.handle("app", ""), "SELECT 1")
			})
		})
	}
}

// A connection changes its schema when a statement needs another one, and not before.
func TestExpectNoUseWhereNoneIsNeeded(t *testing.T) {
	expecting(t, func(t *testing.T, s *mockServer) {
		const one = "pool_size=1&pool_max_overflow=0"
		c := s.expectLogin()
		c.expectRow("SELECT 1", int64(1))
		c.expectRow("SELECT 2", int64(2))
		c.expectExec("USE `b`")
		c.expectRow("SELECT 3", int64(3))
		c.expectRow("SELECT 4", int64(4))
		c.expectExec("USE `a`")
		c.expectRow("SELECT 5", int64(5))

		a, again, b := s.handle("a", one), s.handle("a", one), s.handle("b", one)
		wantRow(t, a, "SELECT 1")
		wantRow(t, again, "SELECT 2")
		wantRow(t, b, "SELECT 3")
		unused, err := a.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		unused.Close()
		wantRow(t, b, "SELECT 4")
		wantRow(t, again, "SELECT 5")
	})
}

// Older than pool_recycle, a connection is closed and not handed out.
func TestExpectRecycle(t *testing.T) {
	expecting(t, func(t *testing.T, s *mockServer) {
		const params = "pool_recycle=1m&pool_keepalive=0"
		first := s.expectLogin()
		first.expectRow("SELECT 1", int64(1))
		first.ExpectClose()
		second := s.expectLogin()
		second.expectRow("SELECT 2", int64(2))

		db := s.handle("app", params)
		wantRow(t, db, "SELECT 1")
		time.Sleep(time.Minute)
		wantRow(t, db, "SELECT 2")
	})
}

// Idle for pool_ping_after, a connection is pinged before it is handed out, and replaced if
// it does not answer.
func TestExpectPing(t *testing.T) {
	expecting(t, func(t *testing.T, s *mockServer) {
		const params = "pool_ping_after=5s"
		first := s.expectLogin()
		first.expectRow("SELECT 1", int64(1))
		first.expectRow("SELECT 2", int64(2))
		first.ExpectPing()
		first.expectRow("SELECT 3", int64(3))
		first.ExpectPing().WillReturnError(&mysql.MySQLError{Number: 1927, Message: "mock: killed"})
		first.ExpectClose()
		second := s.expectLogin()
		second.expectRow("SELECT 4", int64(4))

		ask := func(query string) {
			db := s.handle("app", params)
			wantRow(t, db, query)
			db.Close()
		}
		ask("SELECT 1")
		time.Sleep(5*time.Second - 1)
		ask("SELECT 2")
		time.Sleep(5 * time.Second)
		ask("SELECT 3")
		time.Sleep(5 * time.Second)
		ask("SELECT 4")
	})
}

// A text with arguments is prepared at its second use at the latest, and from then on it
// takes one round trip, whichever handle it comes from.
func TestExpectPreparedOnce(t *testing.T) {
	expecting(t, func(t *testing.T, s *mockServer) {
		const query = "SELECT id FROM t WHERE id = ?"
		c := s.expectLogin()
		c.ExpectPrepare(query)
		c.expectRow(query, int64(1))
		c.ExpectPrepare(query)
		for range 9 {
			c.expectRow(query, int64(1))
		}
		for i := range 10 {
			db := s.handle("app", "")
			wantRow(t, db, query, i)
			db.Close()
		}
	})
}

// awaitDone rolls back what the context left open, once, and keeps the connection since the
// driver has both ResetSession and IsValid.
func TestExpectRollbackOfAContext(t *testing.T) {
	expecting(t, func(t *testing.T, s *mockServer) {
		c := s.expectLogin()
		c.ExpectBegin()
		c.expectExec("UPDATE t SET a = 1")
		c.ExpectRollback()
		c.expectRow("SELECT 1", int64(1))

		db := s.handle("app", "")
		ctx, cancel := context.WithCancel(t.Context())
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec("UPDATE t SET a = 1"); err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		wantRow(t, db, "SELECT 1")
	})
}
