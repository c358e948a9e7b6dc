package physical

import (
	"sync/atomic"

	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// Lease is what a logical connection holds of its physical one. It is allocated separately
// because a cleanup runs after the logical connection has become unreachable (Dropped): that
// is what closes a connection which was dropped without being closed.
type Lease struct {
	leased *pool.Conn[*Conn] // nil: empty
	held   bool              // leased is in use by it
	ticket pool.Ticket       // what leased was offered or pinned with, unless held
	LastID LastID            // LAST_INSERT_ID()
	died   atomic.Bool       // see diedOn

	onGarbage func() // called once the logical connection is garbage, unless it was closed; may be nil
}

// Reclaim makes the connection that was offered or pinned held again. If somebody else
// has it by now, there is none.
func (l *Lease) Reclaim() bool {
	if l.leased == nil {
		return false
	}
	l.held = l.leased.Reclaim(l.ticket)
	if !l.held {
		l.leased = nil
	}
	return l.held
}

// diedOn notes that the physical connection of that serial broke after it was returned to
// the pool, when LAST_INSERT_ID() had that many changes: the logical connection has lost what
// the stock driver's would have lost with it. left means that the connection was handed to
// somebody else soon after, who found it dead: if the logical connection went on with another
// one meanwhile, the id is lost nevertheless.
func (l *Lease) diedOn(serial, changes uint64, left bool) {
	latest := l.LastID.home.Load() == serial
	if latest || left {
		l.LastID.lose(changes)
	}
	if latest {
		l.died.Store(true)
	}
}

// Dropped is called when the logical connection has become unreachable. database/sql closes
// those that it knows of; but a handle that is closed while its Rows are open, and then
// dropped with them, closes nothing.
func (l *Lease) Dropped() {
	if !l.LastID.userClosed.Swap(true) && l.onGarbage != nil {
		defer l.onGarbage()
	}
	if l.held || l.Reclaim() {
		go l.leased.Discard(pool.Unclosed)
	}
}
