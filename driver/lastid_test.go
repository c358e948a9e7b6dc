package mysqlpool

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
)

// The connection dies while it is the pool's again, and nobody else used it since. The pool
// finds that when it hands it out, or closes it for its age.
func TestWhatDiesWithItsConnection(t *testing.T) {
	for _, test := range []struct {
		dies, growsOld bool
	}{{false, false}, {true, false}, {false, true}, {true, true}} {
		dies := test.dies
		bubble(t, func(t *testing.T, s *fakeServer) {
			connector := s.connector(t, "pool_keepalive=0")
			lc, err := connector.Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer lc.Close()
			c := lc.(*conn)
			if _, err := c.ExecContext(t.Context(), "INSERT 1", nil); err != nil {
				t.Fatal(err)
			}
			c.holder.LastID.Set(41)
			prepared, err := c.PrepareContext(t.Context(), "SELECT 2")
			if err != nil {
				t.Fatal(err)
			}
			c.IsValid() // offered
			time.Sleep(5 * time.Second)
			s.mu.Lock()
			s.conns[0].dead = dies
			s.mu.Unlock()
			if test.growsOld {
				time.Sleep(24 * time.Hour)
			}
			if err := c.ResetSession(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := c.ExecContext(t.Context(), "INSERT 2", nil); err != nil {
				t.Fatal(err)
			}
			want := uint64(41)
			if dies {
				want = 0
			}
			if got := c.holder.LastID.Now(); got != want {
				t.Errorf("%+v: got %d, want %d", test, got, want)
			}
			if lost := prepared.(*stmt).held.Lost(); lost != dies {
				t.Errorf("%+v: the prepared statement is lost: %v", test, lost)
			}
		})
	}
}

// idOwner is a logical connection whose LAST_INSERT_ID() is 41, on the server's first
// connection, which it has offered.
func idOwner(t *testing.T, s *fakeServer, connector *connector) *conn {
	t.Helper()
	lc, err := connector.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lc.Close() })
	owner := lc.(*conn)
	if _, err := owner.ExecContext(t.Context(), "INSERT 1", nil); err != nil {
		t.Fatal(err)
	}
	owner.holder.LastID.Set(41)
	owner.IsValid() // offered
	time.Sleep(10 * time.Millisecond)
	return owner
}

// ownerRuns runs a statement of it, wherever that is.
func ownerRuns(t *testing.T, owner *conn) {
	t.Helper()
	if err := owner.ResetSession(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.ExecContext(t.Context(), "SELECT 2", nil); err != nil {
		t.Fatal(err)
	}
}

// Somebody else has an offered connection checked, and its owner goes on with another one
// meanwhile. If it turns out to be dead, it was so when its owner left it.
func TestOwnerMovesOnWhileItsConnectionIsChecked(t *testing.T) {
	for _, test := range []struct {
		name                   string
		dies, insertsMeanwhile bool
		want                   uint64
	}{
		{"it lives", false, false, 41},
		{"it is dead", true, false, 0},
		{"it is dead, and its owner has a new id by then", true, true, 42},
	} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			connector := s.connector(t, "pool_ping_after=1ms")
			owner := idOwner(t, s, connector)
			s.query = func(ctx context.Context, c *fakeConn, text string) error {
				if c != s.conns[0] || text != "ping" {
					return nil
				}
				time.Sleep(100 * time.Millisecond)
				if test.dies {
					return driver.ErrBadConn
				}
				return ctx.Err()
			}
			taken := make(chan error)
			go func() {
				other, err := connector.Connect(t.Context())
				if err == nil {
					_, err = other.(*conn).ExecContext(t.Context(), "SELECT 1", nil)
					other.Close()
				}
				taken <- err
			}()
			synctest.Wait()
			ownerRuns(t, owner)
			if test.insertsMeanwhile {
				owner.holder.LastID.Set(42)
			}
			if err := <-taken; err != nil {
				t.Error(err)
			}
			if got := owner.holder.LastID.Now(); got != test.want {
				t.Errorf("%s: got %d, want %d", test.name, got, test.want)
			}
		})
	}
}

// Somebody else's context ends while an offered connection is readied for them, which closes
// it. Its owner lost nothing.
func TestOwnerLosesNothingToAnothersContext(t *testing.T) {
	for during, params := range map[string]string{"ping": "pool_ping_after=1ms", "USE `other`": "pool_size=1&pool_max_overflow=0"} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			owner := idOwner(t, s, s.connector(t, params))
			s.query = hangOn(during)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			other, err := s.connectorTo(t, "other", params).Connect(ctx)
			if err == nil {
				_, err = other.(*conn).ExecContext(ctx, "SELECT 1", nil)
				other.Close()
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: got %v, want %v", during, err, context.DeadlineExceeded)
			}
			if !s.conns[0].get(func() bool { return s.conns[0].closed }) {
				t.Errorf("%s: the connection was not closed", during)
			}
			ownerRuns(t, owner)
			if got := owner.holder.LastID.Now(); got != 41 {
				t.Errorf("%s: got %d, want 41", during, got)
			}
		})
	}
}

// A connection that is closed because it could not be restored may have an answer unread:
// nobody looks whether its socket has something to read.
func TestConnectionClosedDirtyIsNotLookedAt(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		db.SetMaxIdleConns(0)
		s.query = func(_ context.Context, _ *fakeConn, text string) error {
			if strings.HasPrefix(text, "ROLLBACK") || text == "reset" {
				return &mysql.MySQLError{Number: 1105, Message: "fake: no"}
			}
			return nil
		}
		if _, err := db.Exec("BEGIN"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if p := onePool(t); p.Dirty != 1 {
			t.Fatalf("got %+v, want one closed as dirty", p)
		}
		if n := s.conns[0].looks; n != 0 {
			t.Errorf("its socket was looked at %d times", n)
		}
	})
}

// A statement that was lost with a connection is prepared again, also on one where it had
// been prepared before: the stock driver's would be a new one.
func TestLostStatementIsPreparedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		lc, err := s.connector(t, "").Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer lc.Close()
		c := lc.(*conn)
		prepared, err := c.PrepareContext(t.Context(), "SELECT ?")
		if err != nil {
			t.Fatal(err)
		}
		run := func() {
			t.Helper()
			if _, err := prepared.(driver.StmtExecContext).ExecContext(t.Context(), []driver.NamedValue{{Ordinal: 1, Value: int64(1)}}); err != nil {
				t.Fatal(err)
			}
		}
		run()
		c.holder.Lost() // with another connection, that it had in between
		run()
		run()
		wantLog(t, s.conns[0], "prepare SELECT ?", "execute SELECT ?", "prepare SELECT ?", "execute SELECT ?", "close SELECT ?", "execute SELECT ?")
	})
}
