package physical

import (
	"sync/atomic"

	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// Lease is what a logical connection holds of its physical one. It is allocated separately
// because a cleanup runs after the logical connection has become unreachable (Dropped): that
// is what closes a connection which was dropped without being closed.
type Lease struct {
	lent   *pool.Conn[*Conn] // nil: empty
	held   bool              // lent is in use by it
	ticket pool.Ticket       // what lent was put away with, unless held
	LastID LastID            // LAST_INSERT_ID()
	died   atomic.Bool       // see diedOn

	gone func() // called once the logical connection is garbage, unless it was closed; may be nil
}

// TakeBack makes the connection that was put away held again. If somebody else
// has it by now, there is none.
func (g *Lease) TakeBack() bool {
	if g.lent == nil {
		return false
	}
	g.held = g.lent.Reclaim(g.ticket)
	if !g.held {
		g.lent = nil
	}
	return g.held
}

// diedOn notes that the physical connection of that serial broke after it was returned to
// the pool. If the logical connection used it last, it has lost what the stock driver's
// would have lost with it.
func (g *Lease) diedOn(serial uint64) {
	if g.LastID.home.Load() == serial {
		g.LastID.Set(0)
		g.died.Store(true)
	}
}

// Dropped is called when the logical connection has become unreachable. database/sql closes
// those that it knows of; but a handle that is closed while its Rows are open, and then
// dropped with them, closes nothing.
func (g *Lease) Dropped() {
	if !g.LastID.gone.Swap(true) && g.gone != nil {
		defer g.gone()
	}
	if g.held || g.TakeBack() {
		go g.lent.Discard(pool.Unclosed)
	}
}
