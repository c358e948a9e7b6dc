package mysqlpool

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// That a server, or a proxy before it, hangs up on long texts is found out by one login,
// for all pools; and forgotten in time, since the next proxy may not.
func TestServerThatHangsUpOnLongTexts(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.addr = "a:1"
		var long atomic.Int64
		var hangsUp atomic.Bool
		hangsUp.Store(true)
		s.query = func(_ context.Context, conn *fakeConn, text string) error {
			if len(text) < 1024 {
				return nil
			}
			long.Add(1)
			if !hangsUp.Load() {
				return nil
			}
			conn.set(func() { conn.closed = true })
			return mysql.ErrInvalidConn
		}
		connect := func(params string, want int64) {
			t.Helper()
			before := long.Load()
			db := handle(t, s, params)
			for _, tx := range beginAll(t, db, 3) {
				tx.Rollback()
			}
			if got := long.Load() - before; got != want {
				t.Errorf("%q: %d long texts, want %d", params, got, want)
			}
			Invalidate(nil)
		}
		connect("", 1)
		connect("pool_target=primary", 0)
		connect("", 0)
		connect("pool_size=3", 0)
		time.Sleep(serverinfo.SmallPacketsLife)
		connect("pool_size=4", 1) // a pool that knows nothing of the server
		connect("pool_size=5", 0)
		hangsUp.Store(false)
		time.Sleep(serverinfo.SmallPacketsLife)
		connect("pool_size=6", 1)
		connect("pool_size=7", 1)
		if s.logins != 3*8+2 {
			t.Errorf("%d logins, want %d", s.logins, 3*8+2)
		}
	})
}
