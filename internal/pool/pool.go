// Package pool keeps physical connections and lends them to logical ones:
// check out, check in, offer, reclaim, wait, recycle. It knows neither MySQL
// nor database/sql.
//
// A connection that is released stays with its owner until somebody needs it:
// the owner reclaims it with one compare-and-swap and no lock (see State). One that is
// idle or offered is available.
// Everything else happens under one mutex, under which nothing slow is done:
// logins, checks and closes happen outside it.
package pool

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/histogram"
)

// freshGrace is how long waiters leave a connection alone that was checked out
// and not used yet. It is long against the microseconds that database/sql takes
// from Connect to the first statement, and short for whoever waits.
const freshGrace = 10 * time.Millisecond

// Fit says how a connection suits a checkout. Connections of a pool are alike
// but for a label, which a checkout names and a connection can change.
type Fit uint8

const (
	// Misfit: it cannot be made to have the label.
	Misfit Fit = iota
	// LastResort: as Convertible, but some checkouts could use no other.
	LastResort
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
	// only if Fits says Convertible or LastResort. If the label was refused
	// and the connection is as good as before, kept is true and err says why.
	Switch(ctx context.Context, label string) (kept bool, err error)
	// Check reports whether a connection that was idle for that long can be
	// handed out. It is called by the new owner, outside any lock.
	Check(ctx context.Context, idle time.Duration) error
	// Restore restores the session state that its user left on it, for the
	// owner, outside any lock. It reports false if that cannot be done, or not
	// in time, or ctx ends.
	Restore(ctx context.Context) bool
	// Close closes it. It is called once, outside any lock, by whoever owned
	// the connection last.
	Close(Reason)
}

// Config says how a pool behaves. It is not changed after New.
type Config[T Resource] struct {
	// Name is for TimeoutError; "" is none.
	Name string
	// Login opens a connection with the label and says for how long it may live
	// at most; 0 means for ever. Its context carries the values of the checkout
	// that asked, but ends with LoginTimeout or Dispose only: a login outlives
	// the checkout that asked for it and then serves the next.
	Login func(ctx context.Context, label string) (T, time.Duration, error)
	// AuthFailed reports whether a login failed because the account may not log
	// in. Then none is started that no checkout asked for, until one succeeds:
	// a server may lock an account that failed too often. Nil means never.
	AuthFailed func(error) bool
	// Full reports whether a login failed because the server has no room for
	// another. Then nobody fails: the pool calls MakeRoom, waits and tries
	// again. Nil means never.
	Full func(error) bool
	// MakeRoom is called outside any lock when the server is full and n
	// checkouts wait. Nil means that nothing can be done.
	MakeRoom func(n int)
	// MustRestore says whether a connection that was offered, and that nobody took,
	// is restored before it becomes idle. Whoever takes it while it is offered is
	// told by Check. It is called by the owner, or under the pool's lock for one that
	// nobody owns, so it must be quick. Nil means never.
	MustRestore func(v T) bool
	// Yield says whether a connection that was just checked in is closed, for the
	// sake of somebody outside the pool; needed says whether a checkout of the pool
	// waits for it. It is called under the pool's lock. Nil means never.
	Yield func(v T, needed bool) bool
	// LoginTimeout bounds a login. It must be positive.
	LoginTimeout time.Duration
	// LoginLimit is how many logins may be under way at once. At least 1.
	LoginLimit int

	// Size is how many connections stay open, once opened, until they expire.
	Size int
	// Limit is how many may be open at once. 0 means no limit, until SetLimit.
	Limit int
	// Warm is how many are kept ready for the next checkout, opened in advance
	// once the pool is in use, while no checkout waits. 0 is none.
	Warm int
	// IdleTimeout is how long a connection beyond Size may be idle before it
	// is closed.
	IdleTimeout time.Duration
	// Timeout is how long a checkout waits. It must be positive.
	Timeout time.Duration
	// PinText names the kinds of session state that Pin was called with. It is
	// called under the pool's lock. Nil names none.
	PinText func(why uint32) []string
	// OfferFor is how long an offer stands before the pool takes the
	// connection, whether somebody waits or not (it takes up to twice as long).
	// 0 means that Offer checks in at once.
	OfferFor time.Duration

	// Keepalive is how often an idle connection is pinged in the background, less
	// up to a fifth at random. 0 is never.
	Keepalive time.Duration
	// Ping pings a connection that was not heard of for so long, and returns an error
	// if it is dead: then it is closed. It is called for the owner, outside any
	// lock, and changes nothing that Fits depends on. ctx ends with Dispose. It
	// is needed if Keepalive is not 0.
	Ping func(ctx context.Context, v T, quiet time.Duration) error

	// Emptied, if not nil, is called on a goroutine of its own when the pool
	// became empty (see Forget), which it may not be any more by then.
	Emptied func()

	// Waited, if not nil, is called outside any lock after a checkout waited in
	// the queue, with its context and the error that ended the wait, if one did. A
	// checkout that is served at once, with what is offered, did not; one whose
	// connection was no good may wait again.
	Waited func(ctx context.Context, waited time.Duration, err error)
}

// Pool is a set of physical connections that are all alike.
type Pool[T Resource] struct {
	cfg Config[T]

	// waiting is how many wait, here and outside (see AddExternalWaiters), and one more
	// once Dispose was called. Whoever releases a connection reads it without a lock.
	waiting  atomic.Int32
	queueLen atomic.Int32 // waiters.len, which changes under mu
	outside  atomic.Int32 // see AddExternalWaiters
	epoch    atomic.Int64 // counts InvalidateAll

	// mu guards what follows. No I/O, login or check under it. Config.Yield, PinText
	// and Resource.Fits are called under it, and may take locks under which the pool
	// is not called.
	mu sync.Mutex

	all       []*Conn[T] // every open connection
	idle      []*Conn[T] // those in state Idle, longest idle first
	waiters   waitQueue[T]
	arrivals  uint64 // how many checkouts came; each waits in the order of its number
	size      int    // Config.Size, or what SetSize says
	warm      int    // Config.Warm, likewise
	limit     int    // 0: none
	logins    int    // under way
	disposed  bool
	forgotten bool          // it is empty, and stays so: see Forget
	drained   chan struct{} // made by Dispose; closed when the pool is empty
	isDrained bool          // drained is closed

	// Ended by Dispose: cancels logins, keepalive pings, restores. Set once by New.
	untilDispose    context.Context
	endUntilDispose context.CancelFunc

	// CreateTimes is of the logins that succeeded; WaitTimes is of the checkouts
	// that did, from their call to a connection that can be used. They need no
	// guard.
	CreateTimes, WaitTimes histogram.Histogram

	borrower *borrower[T] // see BorrowNext; nil if there is none

	spare sync.Pool // of waiters that nobody uses; needs no guard

	sweeper *time.Timer // runs sweep; nil until first needed
	sweepAt instant     // when; 0 if it is not set

	pace
	ramp
	keepalive[T]
	counters
}

// New returns an empty pool. Nothing is opened before the first CheckOut.
func New[T Resource](cfg Config[T]) *Pool[T] {
	p := &Pool[T]{cfg: cfg, size: cfg.Size, warm: cfg.Warm, limit: cfg.Limit}
	p.untilDispose, p.endUntilDispose = context.WithCancel(context.Background())
	return p
}

// SetLimit changes how many connections may be open at once; 0 means no limit.
// Those beyond it are closed as they are checked in.
func (p *Pool[T]) SetLimit(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = n
	p.progressLocked(clock())
}

// SetSize changes Config.Size and Config.Warm. It closes nothing itself: those
// beyond the size that were idle for Config.IdleTimeout are closed soon.
func (p *Pool[T]) SetSize(size, warm int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size, p.warm = size, warm
	now := clock()
	p.progressLocked(now)
	p.armNextLocked(now)
}

// CloseAvailable closes n available connections at most, first those that are idle,
// longest idle first, and then those that are offered, and returns how many it closed.
// Somebody else needs the room: none is opened for Config.Warm for a while.
func (p *Pool[T]) CloseAvailable(n int) int {
	p.mu.Lock()
	now := clock()
	p.rewarm = now.add(maxBackoff)
	victims := p.dropAvailableLocked(n, Overflow)
	p.progressLocked(now) // there may be fewer than Size now
	p.mu.Unlock()
	p.closeAll(victims)
	return len(victims)
}

// CloseIdle closes the connections that are idle.
func (p *Pool[T]) CloseIdle() {
	p.mu.Lock()
	var victims []victim[T]
	for len(p.idle) > 0 {
		victims = append(victims, p.dropIdleLocked(0, IdleTimeout))
	}
	p.mu.Unlock()
	p.closeAll(victims)
}

// UseEachAvailable calls f with each available connection, one after the other, as its
// owner.
func (p *Pool[T]) UseEachAvailable(f func(T)) {
	p.mu.Lock()
	all := slices.Clone(p.all)
	p.mu.Unlock()
	for _, c := range all {
		if idleSince, ok := p.claimAvailable(c); ok {
			f(c.Value)
			p.putBack(c, idleSince)
		}
	}
}

// Use calls f as the owner of the connection, if that is available; else it reports
// false.
func (c *Conn[T]) Use(f func(T)) bool {
	idleSince, ok := c.pool.claimAvailable(c)
	if ok {
		f(c.Value)
		c.pool.putBack(c, idleSince)
	}
	return ok
}

// claimAvailable makes the caller the owner of an available connection, and returns since
// when that was not used.
func (p *Pool[T]) claimAvailable(c *Conn[T]) (idleSince instant, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch w := c.load(); w.state() {
	case Idle:
		p.removeIdleLocked(slices.Index(p.idle, c))
		c.move(w.with(InUse))
		return c.since, true
	case Offered:
		idleSince = clock()
		if w == c.seen {
			idleSince = c.seenAt
		}
		return idleSince, c.claim(w)
	}
	return 0, false
}

// dropAvailableLocked drops n available connections at most.
func (p *Pool[T]) dropAvailableLocked(n int, why Reason) (victims []victim[T]) {
	for len(victims) < n && len(p.idle) > 0 {
		victims = append(victims, p.dropIdleLocked(0, why))
	}
	for i := len(p.all) - 1; i >= 0 && len(victims) < n; i-- {
		c := p.all[i]
		if w := c.load(); w.state() == Offered && c.claim(w) {
			p.dropLocked(c, why)
			victims = append(victims, victim[T]{c, why})
		}
	}
	return victims
}

// emptyLocked reports whether the pool has no connection, none that is being
// closed, nobody who waits and no login under way.
func (p *Pool[T]) emptyLocked() bool {
	return len(p.all) == 0 && p.closing == 0 && p.logins == 0 && p.waiters.len == 0
}

// emptiedLocked tells Dispose, and Config.Emptied, if the pool just became empty.
func (p *Pool[T]) emptiedLocked() {
	if !p.emptyLocked() {
		return
	}
	if p.disposed && !p.isDrained {
		p.isDrained = true
		close(p.drained)
	}
	if p.cfg.Emptied != nil {
		go p.cfg.Emptied()
	}
}
