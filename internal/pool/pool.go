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
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// freshGrace is how long waiters leave a connection alone that was checked out
// and not used yet. It is long against the microseconds that database/sql takes
// from Connect to the first statement, and short for whoever waits.
const freshGrace = 10 * time.Millisecond

// Fit says how a connection suits a check-out. Connections of a pool are alike
// but for a label, which a check-out names and a connection can change.
type Fit uint8

const (
	// Misfit: it cannot be made to have the label.
	Misfit Fit = iota
	// Convertible: Switch gives it the label.
	Convertible
	// Exact: it has the label.
	Exact
)

// Resource is what the pool keeps.
type Resource interface {
	// Fits says how it suits a label. It is called by its owner, or under the
	// pool's lock while nobody owns it, so it must be quick.
	Fits(label string) Fit
	// Switch gives it the label, for the owner, outside any lock. It is called
	// only if Fits says Convertible. If the label was refused and the
	// connection is as good as before, kept is true and err says why.
	Switch(ctx context.Context, label string) (kept bool, err error)
	// Check reports whether a connection that was idle for that long can be
	// handed out. It is called by the new owner, outside any lock.
	Check(ctx context.Context, idle time.Duration) error
	// Close closes it. It is called once, outside any lock, by whoever owned
	// the connection last.
	Close(Reason)
}

// Config says how a pool behaves. It is not changed after New.
type Config[T Resource] struct {
	// Login opens a connection with the label and says for how long it may live
	// at most; 0 means for ever. Its context carries the values of the check-out
	// that asked, but ends with LoginTimeout or Dispose only: a login outlives
	// the check-out that asked for it and then serves the next.
	Login func(ctx context.Context, label string) (T, time.Duration, error)
	// Full reports whether a login failed because the server has no room for
	// another. Then nobody fails: the pool calls MakeRoom, waits and tries
	// again. Nil means never.
	Full func(error) bool
	// MakeRoom is called outside any lock when the server is full.
	MakeRoom func()
	// LoginTimeout bounds a login. It must be positive.
	LoginTimeout time.Duration
	// LoginLimit is how many logins may be under way at once. At least 1.
	LoginLimit int

	// Size is how many connections stay open, once opened, until they expire.
	Size int
	// Limit is how many may be open at once. 0 means no limit, until SetLimit.
	Limit int
	// Warm is how many are kept ready for the next check-out, opened in advance
	// once the pool is in use. 0 is none.
	Warm int
	// IdleTimeout is how long a connection beyond Size may be idle before it
	// is closed.
	IdleTimeout time.Duration
	// Timeout is how long a check-out waits. It must be positive.
	Timeout time.Duration
	// OfferFor is how long an offer stands before the pool takes the
	// connection, whether somebody waits or not (it takes up to twice as long).
	// 0 means that Offer checks in at once.
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

	mu sync.Mutex // guards what follows; no I/O, login or check under it

	all      []*Conn[T] // every open connection
	idle     []*Conn[T] // those in state Idle, longest idle first
	waiters  queue[T]
	turns    uint64 // how many check-outs came; each waits at the place of its number
	size     int    // Config.Size, or what SetSize says
	limit    int    // 0: none
	logins   int    // under way
	disposed bool
	drained  chan struct{}      // made by Dispose; closed when the pool is empty
	cancel   context.CancelFunc // ends the logins under way
	life     context.Context    // parent of the logins' lifetimes; ends with cancel

	spare sync.Pool // of waiters that nobody uses; needs no guard

	sweeper *time.Timer // runs sweep; nil until first needed
	sweepAt instant     // when; 0 if it is not set

	pace
	counters
}

// New returns an empty pool. Nothing is opened before the first CheckOut.
func New[T Resource](cfg Config[T]) *Pool[T] {
	p := &Pool[T]{cfg: cfg, size: cfg.Size, limit: cfg.Limit}
	p.life, p.cancel = context.WithCancel(context.Background())
	return p
}

// SetLimit changes how many connections may be open at once; 0 means no limit.
// Those beyond it are closed as they are checked in.
func (p *Pool[T]) SetLimit(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = n
	p.takeOfferedLocked(clock())
	p.startLoginsLocked()
}

// SetSize changes Config.Size. It closes nothing itself: those beyond the size
// that were idle for Config.IdleTimeout are closed soon.
func (p *Pool[T]) SetSize(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size = n
	p.armNextLocked(clock())
}

// CloseUnused closes every connection that is idle or offered, and returns how
// many that were: somebody else needs the room.
func (p *Pool[T]) CloseUnused() int {
	p.mu.Lock()
	var victims []victim[T]
	for len(p.idle) > 0 {
		victims = append(victims, p.dropIdleLocked(0, Overflow))
	}
	for i := len(p.all) - 1; i >= 0; i-- {
		c := p.all[i]
		if w := c.load(); w.state() == Offered && c.swap(w, w.with(InUse)) {
			p.dropLocked(c, Overflow)
			victims = append(victims, victim[T]{c, Overflow})
		}
	}
	p.mu.Unlock()
	p.closeAll(victims)
	return len(victims)
}

// CheckOut returns a connection that the caller owns and that has the label:
// one that is idle, with the label if there is such a one; else, once Size are
// open, one that is offered; else whichever comes first of a check-in, an offer
// and a login. Those who wait are served in the order in which they came.
//
// It returns ErrDisposed, ctx's error, the error of the login that this call
// asked for, the error with which the label was refused, or an error that is
// ErrTimeout and says the numbers.
func (p *Pool[T]) CheckOut(ctx context.Context, label string) (*Conn[T], error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := request{ctx: ctx, label: label, start: clock()}
	now := r.start
	for {
		h := p.obtain(&r, now)
		if h.waiter != nil {
			h = p.wait(h.waiter)
			now = clock()
		}
		if h.err != nil {
			return nil, h.err
		}
		ok, err := p.ready(ctx, h, label, now)
		switch {
		case err != nil:
			return nil, err
		case ok:
			return h.conn, nil
		}
		if now = clock(); now >= r.start.add(p.cfg.Timeout) {
			return nil, p.timedOut(&r, now)
		}
	}
}

// ready makes a connection fit to be handed out, or gives it up. It returns an
// error if that is the check-out's answer; otherwise another one may do.
func (p *Pool[T]) ready(ctx context.Context, h handed[T], label string, now instant) (ok bool, err error) {
	c := h.conn
	if !h.proven {
		if c.pastAge(now) {
			p.Discard(c, Recycled)
			return false, nil
		}
		if c.Value.Check(ctx, h.idle) != nil {
			p.Discard(c, Broken)
			return false, ctx.Err()
		}
	}
	switch c.Value.Fits(label) {
	case Exact:
		return true, nil
	case Misfit:
		p.Discard(c, Overflow)
		return false, nil
	}
	kept, err := c.Value.Switch(ctx, label)
	switch {
	case err == nil:
		return true, nil
	case kept:
		p.CheckIn(c)
		return false, err
	}
	p.Discard(c, Broken)
	return false, ctx.Err()
}

// obtain returns an idle connection, or the place in the queue of who must wait.
func (p *Pool[T]) obtain(r *request, now instant) handed[T] {
	p.mu.Lock()
	if p.disposed {
		p.mu.Unlock()
		return handed[T]{err: ErrDisposed}
	}
	if r.turn == 0 {
		p.turns++
		r.turn = p.turns
	}
	// Whoever waits has no use for what is idle, so this overtakes nobody.
	if h, ok := p.popIdleLocked(now, r.label); ok {
		if p.cfg.Warm > 0 {
			p.startLoginsLocked()
		}
		p.mu.Unlock()
		return h
	}
	w := p.enqueueLocked(r, now)
	if !w.queued || p.logins >= p.waiters.len || p.roomLocked() || len(p.idle) == 0 {
		p.mu.Unlock()
		return handed[T]{waiter: w}
	}
	// No login is under way for it: what is idle, and does not fit, takes the
	// room of one that would.
	v := p.dropIdleLocked(0, Overflow)
	p.mu.Unlock()
	p.close(v.conn, v.why)
	return handed[T]{waiter: w}
}

// popIdleLocked takes the connection that was idle for the shortest time among
// those that fit best, so that those which are not needed grow old.
func (p *Pool[T]) popIdleLocked(now instant, label string) (handed[T], bool) {
	best, at := Misfit, 0
	for i := len(p.idle) - 1; i >= 0 && best != Exact; i-- {
		if fit := p.idle[i].Value.Fits(label); fit > best {
			best, at = fit, i
		}
	}
	if best == Misfit {
		return handed[T]{}, false
	}
	c := p.removeIdleLocked(at)
	h := handed[T]{conn: c, idle: now.sub(c.since)}
	c.word.Store(uint64(c.load().with(InUse)))
	c.since, c.holder = now, label
	p.armLocked(now.add(p.tick()))
	return h, true
}

func (p *Pool[T]) removeIdleLocked(i int) *Conn[T] {
	c := p.idle[i]
	p.idle = slices.Delete(p.idle, i, i+1)
	return c
}

// dropIdleLocked drops the i-th of those that are idle.
func (p *Pool[T]) dropIdleLocked(i int, why Reason) victim[T] {
	c := p.removeIdleLocked(i)
	p.dropLocked(c, why)
	return victim[T]{c, why}
}

// CheckIn gives up the connection, which the caller must own: to the first who
// waits, else to the idle ones. It closes the connection if it is not to be
// kept.
func (p *Pool[T]) CheckIn(c *Conn[T]) {
	now := clock()
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
func (p *Pool[T]) keepLocked(c *Conn[T], now instant) (why Reason, keep bool) {
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
// that nobody used since unused, to the first who waits and has a use for it,
// else to the idle ones.
func (p *Pool[T]) releaseLocked(c *Conn[T], now, unused instant) {
	if w := p.takerLocked(c); w != nil {
		c.since = now
		p.serveLocked(w, handed[T]{conn: c, idle: now.sub(unused)}, now)
		return
	}
	c.word.Store(uint64(c.load().with(Idle)))
	c.since = unused
	p.idle = append(p.idle, c)
	if at, ok := p.deadlineLocked(c); ok {
		p.armLocked(at)
	}
}

// takerLocked returns the first who waits and whom the connection fits. If it
// fits nobody and takes the room of one that would, it is the first who waits:
// who then closes it.
func (p *Pool[T]) takerLocked(c *Conn[T]) *waiter[T] {
	for w := p.waiters.first(); w != nil; w = w.next {
		if c.Value.Fits(w.label) != Misfit {
			return w
		}
	}
	if p.roomLocked() {
		return nil
	}
	return p.waiters.first()
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
}

// closeAll is close for each.
func (p *Pool[T]) closeAll(victims []victim[T]) {
	for _, v := range victims {
		p.close(v.conn, v.why)
	}
}

// close does the slow part of a drop, outside the lock.
func (p *Pool[T]) close(c *Conn[T], why Reason) {
	c.Value.Close(why)
	p.mu.Lock()
	p.closing--
	p.startLoginsLocked() // it took room until now
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
func (c *Conn[T]) pastAge(now instant) bool {
	return c.expires != 0 && now >= c.expires
}
