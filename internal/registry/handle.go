package registry

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/hosts"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// Handle is a handle's part in the registry: which pool it uses.
type Handle struct {
	hosts.Config
	Key    dsn.Key
	Shared bool // false: the pool is this handle's own, and Key is unused

	member atomic.Pointer[Member] // nil until first use; changed under pools.mu
	over   bool                   // it is closed; guarded by pools.mu

	// open is how many logical connections are not closed. It counts only if the
	// pool is the handle's own, which outlives it until then.
	open atomic.Int64
}

// CheckOut gets a physical connection from the handle's pool, for a logical connection.
func (c *Handle) CheckOut(ctx context.Context) (*pool.Conn[*physical.Conn], error) {
	disposals := pools.disposals.Load()
	for {
		m := c.member.Load()
		if m == nil {
			var err error
			if m, err = pools.join(c); err != nil {
				return nil, err
			}
		}
		leased, err := m.checkOut(ctx, c.Cfg.DBName)
		if errors.Is(err, pool.ErrDisposed) && pools.replaced(c, m, disposals) {
			continue
		}
		return leased, physical.RevealAfterLogin(err)
	}
}

// Opened is for a logical connection that was opened.
func (c *Handle) Opened() { c.open.Add(1) }

// Closed is for a logical connection that was closed.
func (c *Handle) Closed() {
	if c.open.Add(-1) == 0 && !c.Shared {
		pools.closeOwnPool(c)
	}
}

// Leave closes the handle.
func (c *Handle) Leave() { pools.leave(c) }
