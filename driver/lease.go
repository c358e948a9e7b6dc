package mysqlpool

import (
	"sync/atomic"

	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// lease is what a logical connection has of its physical one. It is apart from
// it, so that it is still there when the garbage collector finds that nobody has
// the logical connection any more.
type lease struct {
	lent    *pool.Conn[*physical] // nil: empty
	held    bool                  // lent is in use by it
	ticket  pool.Ticket           // what lent was put away with, unless held
	watched bool                  // dropped is due
	lastID  lastID                // LAST_INSERT_ID()
	died    atomic.Bool           // see diedOn

	connector *connector // nil if its pool is shared
}

// takeBack makes the connection that was put away held again. If somebody else
// has it by now, there is none.
func (g *lease) takeBack() bool {
	if g.lent == nil {
		return false
	}
	g.held = g.lent.TakeBack(g.ticket)
	if !g.held {
		g.lent = nil
	}
	return g.held
}

// diedOn is for the physical connection of that serial, which broke while it was
// the pool's again. If it was used last the logical connection has lost what the
// stock driver's would have lost with it.
func (g *lease) diedOn(serial uint64) {
	if g.lastID.home.Load() == serial {
		g.lastID.set(0)
		g.died.Store(true)
	}
}

// dropped is called when the logical connection is garbage. database/sql closes
// those that it knows of; but a handle that is closed while its Rows are open,
// and then forgotten with them, closes nothing.
func (g *lease) dropped() {
	if !g.lastID.gone.Swap(true) && g.connector != nil {
		defer g.connector.closedOne()
	}
	if g.held || g.takeBack() {
		go g.lent.Discard(pool.Leaked)
	}
}
