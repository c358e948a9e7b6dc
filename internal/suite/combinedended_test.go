package suite

import (
	"context"
	"errors"
	"testing"
)

// A text whose context has ended is not sent, nor is anything before it whose answer the
// next statement would take for its own.
func TestSuiteCombinedUseOfEndedContext(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	for _, params := range []string{"", "&pool_reset=always"} {
		for _, query := range []string{"SELECT home FROM t", "SELECT home FROM t; SELECT 2"} {
			dbs := x.openOne(t, x.s.dsn, params)
			x.combined(t, dbs)
			for range 20 {
				c, err := dbs[1].Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				ended, cancel := context.WithCancel(t.Context())
				cancel()
				if _, err := c.ExecContext(ended, query); !errors.Is(err, context.Canceled) {
					t.Errorf("%s: got %v, want %v", query, err, context.Canceled)
				}
				if got := row(t, c, "SELECT home FROM t"); got != x.names[1] {
					t.Errorf("after %s: got %q, want %q", query, got, x.names[1])
				}
				c.Close()
				if got := row(t, dbs[0], "SELECT home FROM t"); got != x.names[0] {
					t.Errorf("after %s: got %q, want %q", query, got, x.names[0])
				}
			}
			for _, db := range dbs {
				db.Close()
			}
			dispose(t)
		}
	}
}
