package mysqlpool

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

func TestSessionStateStaysWithItsLogicalConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.resets = true
		const one = "pool_size=2&pool_max_overflow=0"
		a, b := handle(t, s, one), handle(t, s, one)
		a.SetMaxOpenConns(1)
		mustExec(t, a, "SET @a = 1")
		if p := onePool(t); p.Pinned != 1 || p.Idle != 0 {
			t.Errorf("got %+v, want one pinned", p)
		}
		for range 2 {
			if id := ask(t, b); id != 2 {
				t.Errorf("another handle: got connection %d, want its own", id)
			}
			if id := ask(t, a); id != 1 {
				t.Errorf("the same handle: got connection %d, want the one with its state", id)
			}
		}
		a.Close()
		synctest.Wait()
		wantOpen(t, s, 2, 2)
		if p := onePool(t); p.Reset != 1 || p.Pinned != 0 {
			t.Errorf("got %+v, want one reset", p)
		}
	})
}

func mustExec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatal(err)
	}
}

// methods is what is done at check-in after a statement.
func TestRestoreMethods(t *testing.T) {
	const (
		nothing = ""
		closes  = "closes"
		resets  = "reset; SET NAMES utf8mb4 COLLATE utf8mb4_bin; USE `app`"
	)
	plain := &fakeServer{resets: true}
	setAgain := func(also string) string { return strings.Replace(resets, "USE", also+"; USE", 1) }
	for _, test := range []struct {
		name, params, query string
		server              *fakeServer
		want                string // what is sent
	}{
		{"read", "", "SELECT 1", plain, nothing},
		{"write", "", "INSERT INTO t VALUES (1)", plain, nothing},
		{"DDL", "", "CREATE TABLE t (a int)", plain, nothing},
		{"autocommit is called ON", "", "SELECT 1", &fakeServer{autocommit: "ON"}, nothing},
		{"user variable", "", "SET @a = 1", plain, resets},
		{"user variable that the DSN sets too", "@a=7", "SET @a = 1", plain, setAgain("SET @a = 7")},
		{"variable", "", "SET time_zone = '+00:00'", plain, "SET time_zone = 'SYSTEM'"},
		{"variable after init_connect", "", "SET time_zone = '+00:00'", &fakeServer{resets: true, initConnect: "SET time_zone = '+01:00'"}, "SET time_zone = 'SYSTEM'"},
		{"transaction", "", "BEGIN", plain, "ROLLBACK"},
		{"transaction, without the status", "", "BEGIN", &fakeServer{resets: true, bare: true}, "ROLLBACK"},
		{"without autocommit", "", "SELECT 1", &fakeServer{autocommit: "0"}, "ROLLBACK"},
		{"without autocommit and the status", "", "SELECT 1", &fakeServer{autocommit: "0", bare: true}, "ROLLBACK"},
		{"lock", "", "SELECT GET_LOCK('a', 1)", plain, "DO RELEASE_ALL_LOCKS()"},
		{"lock, on MySQL 5.6", "", "SELECT GET_LOCK('a', 1)",
			&fakeServer{query: refuse("DO RELEASE_ALL_LOCKS()", 1305)}, "DO RELEASE_ALL_LOCKS(); DO RELEASE_LOCK('a')"},
		{"schema", "", "USE other", plain, "USE `app`"},
		{"schema, to one that is gone", "", "USE other", &fakeServer{query: refuse("USE `app`", 1049)}, "USE `app`; SELECT DATABASE()"},
		{"temporary table", "", "CREATE TEMPORARY TABLE t (a int)", plain, resets},
		{"anything", "", "CALL p()", plain, "ROLLBACK; " + resets},
		{"a prepared XA transaction", "", "CALL p()", &fakeServer{resets: true, query: refuse("ROLLBACK", 1399)}, "ROLLBACK; " + closes},
		{"variable that is not known", "time_zone=%27UTC%27", "SET timestamp = 1", plain, "ROLLBACK; " + setAgain("SET time_zone = 'UTC'")},
		{"undo that fails", "", "SET time_zone = '+00:00'", &fakeServer{resets: true, query: refuse("SET time_zone = 'SYSTEM'", 1064)},
			"SET time_zone = 'SYSTEM'; " + resets},
		{"no reset", "", "CREATE TEMPORARY TABLE t (a int)", &fakeServer{}, closes},
		{"no reset on MySQL 5.6", "", "CREATE TEMPORARY TABLE t (a int)", &fakeServer{resets: true, query: refuse("reset", 1047)}, resets + "; " + closes},
		{"autocommit after a ROLLBACK that is refused", "", "SET autocommit = 0", &fakeServer{resets: true, query: refuse("ROLLBACK", 1105)}, "ROLLBACK; " + resets},
		{"no reset after init_connect", "", "CREATE TEMPORARY TABLE t (a int)", &fakeServer{resets: true, initConnect: "SELECT 1"}, closes},
		{"user variable after init_connect", "", "SET @a = 1", &fakeServer{resets: true, initConnect: "SET @a = 7"}, closes},
		{"no reset without the socket", "", "CREATE TEMPORARY TABLE t (a int)", &fakeServer{resets: true, bare: true}, closes},
		{"role", "", "SET ROLE r", plain, closes},
		{"read, always", "pool_reset=always", "SELECT 1", plain, resets},
		{"state, always", "pool_reset=always", "SET @a = 1", plain, resets},
		{"always, but no reset", "pool_reset=always", "SELECT 1", &fakeServer{}, closes},
		{"state, never", "pool_reset=never", "SET @a = 1", plain, nothing},
	} {
		for _, way := range []string{"text", "prepared"} {
			t.Run(test.name+"/"+way, func(t *testing.T) {
				bubble(t, func(t *testing.T, s *fakeServer) {
					s.resets, s.bare, s.query, s.initConnect = test.server.resets, test.server.bare, test.server.query, test.server.initConnect
					s.autocommit = cmp.Or(test.server.autocommit, "1")
					db := handle(t, s, test.params)
					if way == "text" {
						mustExec(t, db, test.query)
					} else {
						stmt, err := db.Prepare(test.query)
						if err != nil {
							t.Fatal(err)
						}
						if test.query == "BEGIN" {
							s.conns[0].status |= stockdriver.StatusInTransaction
						}
						if _, err := stmt.Exec(); err != nil {
							t.Fatal(err)
						}
						stmt.Close()
					}
					before := len(s.conns[0].sent())
					db.Close()
					synctest.Wait()
					got := s.conns[0].sent()[before:]
					if s.conns[0].closed {
						got = append(got, closes)
					}
					if got := strings.Join(got, "; "); got != test.want {
						t.Errorf("got  %q\nwant %q", got, test.want)
					}
					if n := s.conns[0].late; n != 0 {
						t.Errorf("%d statements after it was closed", n)
					}
				})
			})
		}
	}
}

// A failed statement may have done half of what it says.
func TestFailedStatementCountsAsState(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.resets = true
		db := handle(t, s, "")
		s.query = refuse("SET @a = 1, @b = oops", 1054)
		if _, err := db.Exec("SET @a = 1, @b = oops"); mysqlerr.Number(err) != 1054 {
			t.Fatalf("got %v, want the server's own error", err)
		}
		db.Close()
		synctest.Wait()
		if sent := s.conns[0].sent(); !slices.Contains(sent, "reset") {
			t.Errorf("got %q, want a reset", sent)
		}
	})
}

func TestStateThatEndsUnpins(t *testing.T) {
	for _, test := range []struct{ begin, end string }{
		{"BEGIN", "COMMIT"},
		{"SELECT GET_LOCK('a', 1)", "SELECT RELEASE_LOCK('a')"},
		{"CREATE TEMPORARY TABLE t (a int)", "DROP TEMPORARY TABLE t"},
	} {
		for _, bare := range []bool{false, true} {
			bubble(t, func(t *testing.T, s *fakeServer) {
				s.bare = bare
				db := handle(t, s, "")
				mustExec(t, db, test.begin)
				if p := onePool(t); p.Pinned != 1 || len(p.PinnedBy) != 1 {
					t.Errorf("%s: got %+v, want one pinned", test.begin, p)
				}
				mustExec(t, db, test.end)
				if p := onePool(t); p.Pinned != 0 {
					t.Errorf("%s: got %+v, want none pinned", test.end, p)
				}
			})
		}
	}
}

// database/sql asks with arguments first, is declined, and prepares.
func TestDeclinedStatementCountsOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		mustExec(t, db, "SELECT GET_LOCK(?, 1)", "a")
		mustExec(t, db, "SELECT RELEASE_LOCK(?)", "a")
		if p := onePool(t); p.Pinned != 0 {
			t.Errorf("got %+v, want none pinned", p)
		}
	})
}

// Checked-out connections are reset for a new owner only: not for the one that
// put them away.
func TestAlwaysResetsForAnotherOwner(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.resets = true
		const params = "pool_reset=always&pool_size=1&pool_max_overflow=0"
		a, b := handle(t, s, params), handle(t, s, params)
		count := func() (n int) {
			for _, text := range s.conns[0].sent() {
				if text == "reset" {
					n++
				}
			}
			return n
		}
		for range 3 {
			ask(t, a)
		}
		if n := count(); n != 0 {
			t.Errorf("%d resets for the same owner", n)
		}
		ask(t, b) // takes it
		ask(t, a)
		if n := count(); n != 2 {
			t.Errorf("resets: got %d, want 2", n)
		}
		wantOpen(t, s, 1, 1)
	})
}

// A reset closes every prepared statement on the server; their numbers may be
// given out again.
func TestPreparedStatementsAfterAReset(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.resets = true
		const params = "pool_reset=always&pool_size=1&pool_max_overflow=0"
		a, b := handle(t, s, params), handle(t, s, params)
		stmt, err := a.Prepare("SELECT 1")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := stmt.Exec(); err != nil {
				t.Fatal(err)
			}
			ask(t, b)
		}
		stmt.Close()
		ask(t, a)
		prepared, closed := 0, 0
		for _, text := range s.conns[0].sent() {
			switch text {
			case "prepare SELECT 1":
				prepared++
			case "close SELECT 1":
				closed++
			}
		}
		if prepared != 2 || closed != 0 {
			t.Errorf("prepared %d times, want 2; closed %d times, want 0: %q", prepared, closed, s.conns[0].sent())
		}
	})
}

func TestSlowRestoreClosesAndReplaces(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.query = func(ctx context.Context, _ *fakeConn, text string) error {
			if text == "ROLLBACK" {
				<-ctx.Done()
			}
			return nil
		}
		db := handle(t, s, "")
		mustExec(t, db, "BEGIN")
		start := time.Now()
		db.Close()
		if took := time.Since(start); took != 0 {
			t.Errorf("Close took %v", took)
		}
		time.Sleep(physical.RestoreTimeout - 1)
		wantOpen(t, s, 1, 1)
		time.Sleep(2 * time.Nanosecond)
		wantOpen(t, s, 1, 2)
		if p := onePool(t); p.Dirty != 1 {
			t.Errorf("got %+v, want one closed as dirty", p)
		}
	})
}

// database/sql does not know of a transaction that was begun in Conn.Raw.
func TestTransactionLeftOpenInRawIsNotHandedOn(t *testing.T) {
	for _, ended := range []bool{false, true} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			db := handle(t, s, "")
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			err = c.Raw(func(dc any) error {
				tx, err := dc.(physical.StockConn).BeginTx(t.Context(), driver.TxOptions{})
				if err == nil && ended {
					err = tx.Rollback()
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			db.Close()
			synctest.Wait()
			sent := s.conns[0].sent()
			if rolledBack := sent[len(sent)-1] == "ROLLBACK"; rolledBack == ended {
				t.Errorf("ended: %v; sent %q", ended, sent)
			}
			wantOpen(t, s, 1, 1)
		})
	}
}

// Whoever reads rows in Conn.Raw is not made to close them.
func TestRawQueryIsNotHandedOn(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = c.Raw(func(dc any) error {
			_, err := dc.(physical.StockConn).Query("SELECT 1", nil)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		db.Close()
		synctest.Wait()
		if !s.conns[0].closed {
			t.Error("the connection was kept")
		}
	})
}
