package pool

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Conn is one physical connection and its place in the pool.
type Conn[T Resource] struct {
	// Value is the caller's own connection. Only the owner may touch it.
	Value T

	pool    *Pool[T]
	opened  instant      // immutable
	expires atomic.Int64 // an instant; 0 means never. Only ShortenLives changes it

	pingAfter time.Duration // immutable: it is pinged when it was idle for as long; 0 means never

	word    atomic.Uint64 // a word; see State for who may move it
	expired atomic.Bool   // set by the sweep when expires has passed, and by Invalidate
	invalid atomic.Bool   // expired for the reason Invalidated
	why     atomic.Uint32 // what Pin was last called with

	// The rest is guarded by pool.mu.

	pos    int     // its index in pool.all
	since  instant // when it was last checked out or became idle; see handOver for Fresh
	holder string  // the label that it was last checked out with
	seen   word    // what the last sweep found in word
	seenAt instant // when a sweep first found that

	pingedAt instant // when it last answered a ping of Config.Keepalive; 0 means never
}

func (c *Conn[T]) load() word { return word(c.word.Load()) }

// move is for whoever owns the connection, and under pool.mu for one that is Idle.
func (c *Conn[T]) move(to word) {
	if countsMoves {
		countMove(c.load(), to, byOwner)
	}
	c.word.Store(uint64(to))
}

// claim makes the pool the owner of a released connection, if its word is still w.
func (c *Conn[T]) claim(w word) bool { return c.swap(w, w.with(InUse), byPool) }

func (c *Conn[T]) swap(from, to word, by mover) bool {
	if !c.word.CompareAndSwap(uint64(from), uint64(to)) {
		return false
	}
	if countsMoves {
		countMove(from, to, by)
	}
	return true
}

// State returns the state at this instant. Unless the caller owns the
// connection it may be another one before the call returns.
func (c *Conn[T]) State() State { return c.load().state() }

// Offer releases the connection after use: the owner may reclaim it with
// the ticket, unless the pool gave it to somebody else first. If somebody
// waits for a connection, Offer itself hands this one over.
//
// It takes no lock while nobody waits, and does not allocate.
func (c *Conn[T]) Offer() Ticket { return c.release(Offered) }

// OfferUnused is Offer for a connection that was checked out and not used.
// A waiter gets it only after freshGrace, so that whoever waited for this
// connection is not sent to the end of the queue by the next one.
func (c *Conn[T]) OfferUnused() Ticket { return c.release(Fresh) }

// Pin releases the connection with session state on it, of which kind why says
// (see Config.PinText). Nobody but its owner gets it, except Dispose, which
// closes it.
func (c *Conn[T]) Pin(why uint32) Ticket {
	c.why.Store(why)
	return c.release(Pinned)
}

// release publishes the connection and then looks for waiters. A waiter queues
// and then looks for published connections (see Pool.enqueueLocked). One of
// the two must see the other, so that no wake-up is lost.
func (c *Conn[T]) release(s State) Ticket {
	w := c.load()
	if w.state() != InUse {
		panic(fmt.Sprintf("mysqlpool: %v released as %v by somebody who does not own it", w, s))
	}
	if s == Offered && c.pool.cfg.OfferFor == 0 {
		if c.pool.mustRestore(c) {
			c.pool.CheckInDirty(c)
		} else {
			c.pool.CheckIn(c)
		}
		return spent
	}
	t := w.next(s)
	c.move(t)
	if c.pool.waiting.Load() != 0 {
		c.pool.handOver(c, t)
	}
	return Ticket(t)
}

// Reclaim makes the caller the owner again, if nobody has claimed the connection since
// the owner released it with this ticket, and it has not reached its age. It takes no
// lock and does not allocate. If it reports false the connection is not the
// caller's any more, and never will be through this ticket.
func (c *Conn[T]) Reclaim(t Ticket) bool {
	w := word(t)
	if !c.swap(w, w.with(InUse), byOwner) {
		return false
	}
	if c.expired.Load() && w.state() != Pinned {
		c.pool.Discard(c, c.expiredBy())
		return false
	}
	return true
}

// CheckIn is Pool.CheckIn of this connection's pool.
func (c *Conn[T]) CheckIn() { c.pool.CheckIn(c) }

// CheckInDirty is Pool.CheckInDirty of this connection's pool.
func (c *Conn[T]) CheckInDirty() { c.pool.CheckInDirty(c) }

// Discard is Pool.Discard of this connection's pool.
func (c *Conn[T]) Discard(why Reason) { c.pool.Discard(c, why) }

// pastAge reports whether the connection reached its greatest age, or was
// invalidated.
func (c *Conn[T]) pastAge(now instant) bool {
	at := c.expiry()
	return at != 0 && now >= at || c.expired.Load()
}
