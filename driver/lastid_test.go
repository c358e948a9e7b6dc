package mysqlpool

import (
	"database/sql/driver"
	"testing"
	"time"
)

// The connection dies while it is the pool's again, and nobody else used it since.
func TestWhatDiesWithItsConnection(t *testing.T) {
	for _, dies := range []bool{false, true} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			connector := s.connector(t, "")
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
			if got := c.holder.LastID.Value.Load(); got != want {
				t.Errorf("the connection dies: %v: got %d, want %d", dies, got, want)
			}
			if lost := prepared.(*stmt).held.Lost(); lost != dies {
				t.Errorf("the connection dies: %v: the prepared statement is lost: %v", dies, lost)
			}
		})
	}
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
