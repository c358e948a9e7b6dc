package mysqlpool

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// leaveState has a new user leave a user variable behind.
func leaveState(t *testing.T, s *fakeServer) {
	t.Helper()
	db := handle(t, s, "pool_size=1&pool_max_overflow=0")
	mustExec(t, db, "SET @a = 1")
	db.Close()
	synctest.Wait()
}

// A refusal of a reset is not met again for each connection, but is forgotten
// after a while: soon if it may have been of the moment. What says nothing about
// resets is not remembered at all.
func TestRefusalsAreRemembered(t *testing.T) {
	for _, c := range []struct {
		number  uint16
		message string
		life    time.Duration
	}{
		{1047, "Unknown command", serverinfo.ProofLife},
		{1105, "no healthy backend", serverinfo.RefusalLife},
		{1295, "not supported", serverinfo.RefusalLife},
		{1047, "WSREP has not yet prepared node for application use", 0},
		{1053, "Server shutdown in progress", 0},
	} {
		t.Run(c.message, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				s.resets, s.addr = true, fmt.Sprintf("refuses%d%d:1", c.number, c.life)
				tries := 0
				s.query = func(_ context.Context, _ *fakeConn, text string) error {
					if text != "reset" {
						return nil
					}
					tries++
					return &mysql.MySQLError{Number: c.number, Message: c.message}
				}
				for range 3 {
					leaveState(t, s)
				}
				if c.life == 0 {
					if tries != 3 {
						t.Errorf("got %d resets, want 3", tries)
					}
					return
				}
				if p := onePool(t); tries != 1 || p.ResetProof != ProofRefused {
					t.Errorf("got %d resets, %q, want one refused", tries, p.ResetProof)
				}
				time.Sleep(c.life - time.Millisecond)
				leaveState(t, s)
				if tries != 1 {
					t.Errorf("before %v: got %d resets, want 1", c.life, tries)
				}
				time.Sleep(time.Millisecond)
				if p := onePool(t); p.ResetProof != ProofUnknown {
					t.Errorf("after %v: got %q, want it unproved", c.life, p.ResetProof)
				}
				leaveState(t, s)
				if tries != 2 {
					t.Errorf("after %v: got %d resets, want 2", c.life, tries)
				}
			})
		})
	}
}

// A server that answers OK to a reset and keeps what was set is found out once,
// and every connection with state on it is closed.
func TestIgnoredResetsAreFoundOut(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		// It answers every query with the id, so that the variable is 1 afterwards too.
		s.resets, s.unproved, s.addr = true, true, "ignores:1"
		for range 3 {
			leaveState(t, s)
		}
		p := onePool(t)
		if p.ResetProof != ProofIgnored || p.Reset != 0 || p.Dirty != 3 {
			t.Errorf("got %q, %d reset, %d closed; want it ignored, 0, 3", p.ResetProof, p.Reset, p.Dirty)
		}
		resets := 0
		for _, c := range s.conns {
			resets += strings.Count(strings.Join(c.sent(), "\n"), "reset")
		}
		// One by the restore of the first connection, one by the trial.
		if resets != 2 {
			t.Errorf("got %d resets, want 2", resets)
		}
		// A transaction is rolled back all the same: the server's flags show it.
		db := handle(t, s, "pool_size=1&pool_max_overflow=0")
		mustExec(t, db, "BEGIN")
		db.Close()
		synctest.Wait()
		if p := onePool(t); p.Undone != 1 {
			t.Errorf("a transaction: got %d undone, want 1", p.Undone)
		}
	})
}

// Error 1105 at the first login says nothing about the server: later logins ask
// again.
func TestErrorThatPassesBlindsNoPool(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.resets = true
		ill := true
		s.query = func(_ context.Context, _ *fakeConn, text string) error {
			if ill && text == serverinfo.VariablesQuery {
				return &mysql.MySQLError{Number: 1105, Message: "no healthy tablet"}
			}
			return nil
		}
		db := handle(t, s, "")
		first := ask(t, db)
		if p := onePool(t); p.Limit != 0 || p.Opened != 1 {
			t.Errorf("got limit %d, %d logins; want 0, 1", p.Limit, p.Opened)
		}
		// What is known of that connection is too little to restore it.
		mustExec(t, db, "SET @a = 1")
		ill = false
		db.Close()
		synctest.Wait()
		if !s.conns[first-1].closed {
			t.Error("a connection of which nothing is known was kept with state on it")
		}
		ask(t, handle(t, s, ""))
		if p := onePool(t); p.Limit != 144 || p.Opened != 2 {
			t.Errorf("got limit %d, %d logins; want 144, 2", p.Limit, p.Opened)
		}
		// And at a later one it fails no login.
		ill = true
		s.query = func(_ context.Context, _ *fakeConn, text string) error {
			if strings.HasPrefix(text, serverinfo.ConnQuery+",") {
				return &mysql.MySQLError{Number: 1105, Message: "no healthy tablet"}
			}
			return nil
		}
		db = handle(t, s, "")
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ask(t, db)
		if p := onePool(t); p.Opened < 3 || p.LoginErrors != 0 {
			t.Errorf("got %d logins, %d errors; want 3 or more, 0", p.Opened, p.LoginErrors)
		}
	})
}

// TiDB says 0 and -1 where it has no limit.
func TestNoLimits(t *testing.T) {
	for _, c := range []struct {
		facts serverinfo.Facts
		want  int
	}{
		{serverinfo.Facts{}, 0},
		{serverinfo.Facts{MaxUserConnections: 7}, 7},
		{serverinfo.Facts{MaxConnections: 100, MaxUserConnections: 7}, 7},
		{serverinfo.Facts{MaxConnections: 100}, 95},
	} {
		if got := c.facts.Limit(); got != c.want {
			t.Errorf("%+v: got limit %d, want %d", c.facts, got, c.want)
		}
	}
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.maxConnections = "0"
		s.others = map[string]string{"max_prepared_stmt_count": "-1"}
		db := handle(t, s, "")
		hold(t, s, "", 20)
		ask(t, db)
		facts, _ := serverinfo.FactsOf(map[string]string{"max_connections": "0", "max_prepared_stmt_count": "-1"}, nil, false)
		if facts.MaxStmts < 1_000_000 || onePool(t).Limit != 0 {
			t.Errorf("got %d statements and %d connections, want no limit", facts.MaxStmts, onePool(t).Limit)
		}
	})
}

// Nor has MariaDB for an account that may log in although max_user_connections is -1;
// also when it is asked again.
func TestLimitsBelowZeroAreNone(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.tellsLimits = true
		s.limitsAre("-1", "-1", "28800")
		db := handle(t, s, "")
		for range 10 {
			hold(t, s, "", 20)
			ask(t, db)
			time.Sleep(10 * time.Second)
		}
		if s.asked() == 0 {
			t.Error("the limits were not asked for again")
		}
		l := onePool(t)
		if server := serverOf(t); l.Limit != 0 || server.Limit != 0 || len(server.Accounts) > 0 && server.Accounts[0].Limit != 0 {
			t.Errorf("got %+v and a pool's limit of %d, want no limit", server, l.Limit)
		}
	})
}

// What BeforeConnect made of a config that the stock driver does not show cannot
// be restored: such a connection is closed, and keeps its own schema until then.
func TestUnknownConfig(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.resets = true
		cfg := mustParse(t, "app:secret@tcp(fake)/app")
		cfg.Apply(mysql.BeforeConnect(func(context.Context, *mysql.Config) error { return nil }))
		c, err := newConnector(cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.Dial = func(ctx context.Context, h *physical.Host, _ string) (driver.Conn, error) {
			return s.dial(ctx, h, "own")
		}
		lc, err := c.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(s.conns[0].sent(), "SELECT DATABASE()") {
			t.Error("nobody asked which schema it is on")
		}
		if _, err := lc.(*conn).ExecContext(t.Context(), "SET @a = 1", nil); err != nil {
			t.Fatal(err)
		}
		lc.(*conn).IsValid()
		lc.Close()
		synctest.Wait()
		if !s.conns[0].closed {
			t.Error("it was kept with state on it")
		}
		c.Close()
	})
}
