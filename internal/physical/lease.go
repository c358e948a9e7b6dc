package physical

import (
	"sync/atomic"

	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// Lease is what a logical connection has of its physical one. It is apart from
// it, so that it is still there when the garbage collector finds that nobody has
// the logical connection any more.
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

// diedOn is for the physical connection of that serial, which broke while it was
// the pool's again. If it was used last the logical connection has lost what the
// stock driver's would have lost with it.
func (g *Lease) diedOn(serial uint64) {
	if g.LastID.home.Load() == serial {
		g.LastID.Set(0)
		g.died.Store(true)
	}
}

// Dropped is called when the logical connection is garbage. database/sql closes
// those that it knows of; but a handle that is closed while its Rows are open,
// and then forgotten with them, closes nothing.
func (g *Lease) Dropped() {
	if !g.LastID.gone.Swap(true) && g.gone != nil {
		defer g.gone()
	}
	if g.held || g.TakeBack() {
		go g.lent.Discard(pool.Unclosed)
	}
}
