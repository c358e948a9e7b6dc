package mysqlpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/hosts"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// remoteSocket is of a connection to an address.
type remoteSocket struct {
	fakeSocket
	addr netip.Addr
}

func (s remoteSocket) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: s.addr.AsSlice(), Port: 3306}
}

// The name of the host gets another address: connections to the old one are closed
// after use, and nothing else.
func TestNameThatMoves(t *testing.T) {
	one, two, three := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3")
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.addr = "db.example:3306"
		var answer atomic.Pointer[[]netip.Addr]
		answer.Store(&[]netip.Addr{one, two})
		var lookups, n atomic.Int64
		connect := func() *sql.DB {
			c := s.connector(t, "pool_size=4")
			dial := c.Dial
			c.Dial = func(ctx context.Context, h *physical.Host, schema string) (driver.Conn, error) {
				conn, err := dial(ctx, h, schema)
				if err == nil {
					fc := conn.(*fakeConn)
					at := *answer.Load()
					fc.netConn = remoteSocket{fakeSocket{fakeConn: fc}, at[int(n.Add(1)-1)%len(at)]}
				}
				return conn, err
			}
			c.Resolve = func(_ context.Context, name string) ([]netip.Addr, error) {
				if name != "db.example" {
					t.Errorf("looked up %s", name)
				}
				lookups.Add(1)
				return *answer.Load(), nil
			}
			db := sql.OpenDB(c)
			t.Cleanup(func() { db.Close() })
			return db
		}
		db := connect()
		txs := beginAll(t, db, 4) // two on each
		txs[1].Rollback()
		txs[3].Rollback()
		time.Sleep(10 * time.Minute)
		if p := onePool(t); p.Recycled != 0 || lookups.Load() < 19 || lookups.Load() > 22 {
			t.Errorf("nothing changed: %d closed, %d lookups, want none and about 20", p.Recycled, lookups.Load())
		}
		answer.Store(&[]netip.Addr{one, three})
		time.Sleep(3 * serverinfo.LookupInterval)
		if p := onePool(t); p.Recycled != 2 || p.Open != 2 {
			t.Errorf("the second address is gone: %d closed, %d open, want 2 and 2", p.Recycled, p.Open)
		}
		answer.Store(&[]netip.Addr{three})
		time.Sleep(3 * serverinfo.LookupInterval)
		if p := onePool(t); p.Open != 2 || p.InUse != 2 {
			t.Errorf("in use: %+v", p)
		}
		for _, i := range []int{0, 2} {
			if _, err := txs[i].Exec("UPDATE"); err != nil {
				t.Error(err)
			}
			txs[i].Commit()
		}
		time.Sleep(3 * hosts.OfferFor)
		if p := onePool(t); p.Recycled != 4 || p.Open != 0 {
			t.Errorf("after use: %d closed, %d open, want 4 and 0", p.Recycled, p.Open)
		}
		was := lookups.Load()
		time.Sleep(time.Hour)
		if lookups.Load() > was+1 {
			t.Errorf("%d lookups without a connection", lookups.Load()-was)
		}
	})
}
