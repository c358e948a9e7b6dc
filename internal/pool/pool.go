// Package pool keeps physical connections and lends them to logical ones:
// check out, check in, offer, take back, wait, recycle. It knows neither MySQL
// nor database/sql.
//
// A connection that is put away stays with its owner until somebody needs it:
// the owner takes it back with one compare-and-swap and no lock (see State).
// Everything else happens under one mutex, under which nothing slow is done:
// logins, checks and closes happen outside it.
package pool

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// freshGrace is how long waiters leave a connection alone that was checked out
// and not used yet. It is long against the microseconds that database/sql takes
// from Connect to the first statement, and short for whoever waits.
const freshGrace = 10 * time.Millisecond

// Resource is what the pool keeps.
type Resource interface {
	// Check reports whether a connection that was idle for that long can be
	// handed out. It is called by the new owner, outside any lock.
	Check(ctx context.Context, idle time.Duration) error
	// Close closes it. It is called once, outside any lock, by whoever owned
	// the connection last.
	Close(Reason)
}

// Config says how a pool behaves. It is not changed after New.
type Config[T Resource] struct {
	// Login opens a connection and says for how long it may live at most; 0
	// means for ever. Its context carries the values of the check-out that
	// asked, but ends with LoginTimeout or Dispose only: a login outlives the
	// check-out that asked for it and then serves the next.
	Login func(context.Context) (T, time.Duration, error)
	// LoginTimeout bounds a login. It must be positive.
	LoginTimeout time.Duration
	// LoginLimit is how many logins may be under way at once. At least 1.
	LoginLimit int

	// Size is how many connections stay open, once opened, until they expire.
	Size int
	// Limit is how many may be open at once. 0 means no limit, until SetLimit.
	Limit int
	// IdleTimeout is how long a connection beyond Size may be idle before it
	// is closed.
	IdleTimeout time.Duration
	// Timeout is how long a check-out waits. It must be positive.
	Timeout time.Duration
	// OfferFor is how long an offer stands before the pool takes the
	// connection, whether somebody waits or not (it takes up to twice as long).
	// 0 means that putting a connection away checks it in at once.
	OfferFor time.Duration

	// Emptied, if not nil, is called on a goroutine of its own when the pool
	// became empty (see Empty), which it may not be any more by then.
	Emptied func()
}

// Pool is a set of physical connections that are all alike.
type Pool[T Resource] struct {
	cfg Config[T]

	// attention is how many wait, and one more once Dispose was called. It
	// changes under mu, and whoever puts a connection away reads it without.
	attention atomic.Int32

	turn atomic.Uint64 // how many check-outs came; each waits at the place of its number

	mu sync.Mutex // guards what follows; no I/O, login or check under it

	all      []*Conn[T] // every open connection
	idle     []*Conn[T] // those in state Idle, longest idle first
	waiters  queue[T]
	limit    int // 0: none
	logins   int // under way
	disposed bool
	drained  chan struct{}      // made by Dispose; closed when the pool is empty
	cancel   context.CancelFunc // ends the logins under way
	life     context.Context    // parent of the logins' lifetimes; ends with cancel

	sweeper *time.Timer // runs sweep; nil until first needed
	sweepAt time.Time   // when; zero if it is not set

	counters
}

// New returns an empty pool. Nothing is opened before the first CheckOut.
func New[T Resource](cfg Config[T]) *Pool[T] {
	p := &Pool[T]{cfg: cfg, limit: cfg.Limit}
	p.life, p.cancel = context.WithCancel(context.Background())
	return p
}

// SetLimit changes how many connections may be open at once; 0 means no limit.
// Those beyond it are closed as they are checked in.
func (p *Pool[T]) SetLimit(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = n
	p.takeOfferedLocked(time.Now())
	p.startLoginsLocked()
}

// CheckOut returns a connection that the caller owns: one that is idle, else
// one that is offered if the pool is at its limit, else whichever comes first
// of a check-in, an offer and a login. Those who wait are served in the order
// in which they came.
//
// It returns ErrDisposed, ctx's error, the error of the login that this call
// asked for, or an error that is ErrTimeout and says the numbers.
func (p *Pool[T]) CheckOut(ctx context.Context) (*Conn[T], error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	start := time.Now()
	now := start
	turn := p.turn.Add(1) // kept if what it gets is no good
	for {
		h := p.obtain(ctx, now, turn)
		if h.waiter != nil {
			h = p.wait(ctx, h.waiter, start)
			now = time.Now()
		}
		if h.err != nil || h.proven {
			return h.conn, h.err
		}
		c := h.conn
		switch {
		case c.pastAge(now):
			p.Discard(c, Recycled)
		case c.Value.Check(ctx, h.idle) != nil:
			p.Discard(c, Broken)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			now = time.Now()
		default:
			return c, nil
		}
	}
}

// obtain returns an idle connection, or the place in the queue of who must wait.
func (p *Pool[T]) obtain(ctx context.Context, now time.Time, turn uint64) handed[T] {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.disposed {
		return handed[T]{err: ErrDisposed}
	}
	// While somebody waits nothing is idle, so this overtakes nobody.
	if h, ok := p.popIdleLocked(now); ok {
		return h
	}
	return handed[T]{waiter: p.enqueueLocked(ctx, now, turn)}
}

// popIdleLocked takes the connection that was idle for the shortest time, so
// that those which are not needed grow old.
func (p *Pool[T]) popIdleLocked(now time.Time) (handed[T], bool) {
	last := len(p.idle) - 1
	if last < 0 {
		return handed[T]{}, false
	}
	c := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	h := handed[T]{conn: c, idle: now.Sub(c.since)}
	c.word.Store(uint64(c.load().with(InUse)))
	c.since = now
	p.armLocked(now.Add(p.tick()))
	return h, true
}

// CheckIn gives up the connection, which the caller must own: to the first who
// waits, else to the idle ones. It closes the connection if it is not to be
// kept.
func (p *Pool[T]) CheckIn(c *Conn[T]) {
	now := time.Now()
	p.mu.Lock()
	p.mustOwnLocked(c, "checked in")
	if why, keep := p.keepLocked(c, now); !keep {
		p.dropLocked(c, why)
		p.mu.Unlock()
		p.close(c, why)
		return
	}
	p.releaseLocked(c, now, now)
	p.mu.Unlock()
}

// keepLocked says whether the pool wants a connection back, and if not why.
func (p *Pool[T]) keepLocked(c *Conn[T], now time.Time) (why Reason, keep bool) {
	switch {
	case p.disposed:
		return Disposed, false
	case c.pastAge(now):
		return Recycled, false
	case p.limit > 0 && len(p.all) > p.limit:
		return Overflow, false
	}
	return 0, true
}

// releaseLocked passes a connection that is InUse, that belongs to nobody and
// that nobody used since unused, to the first who waits, else to the idle ones.
func (p *Pool[T]) releaseLocked(c *Conn[T], now, unused time.Time) {
	if w := p.waiters.first(); w != nil {
		c.since = now
		p.serveLocked(w, handed[T]{conn: c, idle: now.Sub(unused)})
		return
	}
	c.word.Store(uint64(c.load().with(Idle)))
	c.since = unused
	p.idle = append(p.idle, c)
	if at, ok := p.deadlineLocked(c); ok {
		p.armLocked(at)
	}
}

// Discard closes the connection, which the caller must own.
func (p *Pool[T]) Discard(c *Conn[T], why Reason) {
	p.mu.Lock()
	p.mustOwnLocked(c, "discarded")
	p.dropLocked(c, why)
	p.mu.Unlock()
	p.close(c, why)
}

func (p *Pool[T]) mustOwnLocked(c *Conn[T], what string) {
	if w := c.load(); w.state() != InUse || c.pool != p {
		p.mu.Unlock() // whoever recovers must not find the pool locked
		panic(fmt.Sprintf("mysqlpool: %v connection %s by somebody who does not own it", w, what))
	}
}

// dropLocked forgets a connection that nobody but the caller can reach. The
// caller closes it with close after unlocking.
func (p *Pool[T]) dropLocked(c *Conn[T], why Reason) {
	c.word.Store(uint64(c.load().with(Closed)))
	last := len(p.all) - 1
	p.all[c.pos] = p.all[last]
	p.all[c.pos].pos = c.pos
	p.all[last] = nil
	p.all = p.all[:last]
	p.closed[why]++
	p.closing++
	p.startLoginsLocked()
}

// close does the slow part of a drop, outside the lock.
func (p *Pool[T]) close(c *Conn[T], why Reason) {
	c.Value.Close(why)
	p.mu.Lock()
	p.closing--
	p.emptiedLocked()
	p.mu.Unlock()
}

// Empty reports whether the pool has no connection, none that is being closed,
// nobody who waits and no login under way.
func (p *Pool[T]) Empty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.emptyLocked()
}

func (p *Pool[T]) emptyLocked() bool {
	return len(p.all) == 0 && p.closing == 0 && p.logins == 0 && p.waiters.len == 0
}

// emptiedLocked tells Dispose, and Config.Emptied, if the pool just became empty.
func (p *Pool[T]) emptiedLocked() {
	if !p.emptyLocked() {
		return
	}
	if p.disposed {
		close(p.drained)
	}
	if p.cfg.Emptied != nil {
		go p.cfg.Emptied()
	}
}

// pastAge reports whether the connection reached its greatest age.
func (c *Conn[T]) pastAge(now time.Time) bool {
	return !c.expires.IsZero() && !now.Before(c.expires)
}
