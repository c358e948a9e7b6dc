package pool

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Pools may share room that none of them knows, such as the places on a server.
// Whoever keeps account of it refuses a login with ErrNoPlace, sees what is
// available with EachAvailable, has it closed with Evict, asks for more with
// AddExternalWaiters and Config.Yield, and says with Wake that there is room.

// ErrNoPlace is what Config.Login returns, wrapped, if it did not try: the room
// that the pool shares with others is taken. Config.Full must recognise it.
// MakeRoom is not called for it, and it does not count as a failed login.
var ErrNoPlace = errors.New("mysqlpool: no place left for another connection: this process has all that it may use on the server")

// backgroundLogin is the context key of a background login: no checkout asked for it.
type backgroundLogin struct{}

// IsBackgroundLogin reports whether ctx, which Config.Login was called with, is of a login
// that no checkout asked for: for Config.Warm, or to replace another.
func IsBackgroundLogin(ctx context.Context) bool { return ctx.Value(backgroundLogin{}) != nil }

// WithBackgroundLogin makes ctx that of a login that no checkout asked for.
func WithBackgroundLogin(ctx context.Context) context.Context {
	return context.WithValue(ctx, backgroundLogin{}, true)
}

// AddExternalWaiters adds n, which may be negative, to the number of those outside the pool
// who want connections as they are released. While it is above 0 Config.Yield is asked
// about each.
func (p *Pool[T]) AddExternalWaiters(n int) {
	p.waiting.Add(int32(n))
	p.outside.Add(int32(n))
}

// HasWaiters reports whether a checkout waits. It takes no lock.
func (p *Pool[T]) HasWaiters() bool { return p.queueLen.Load() > 0 }

// Wake ends the back-off after a login that was refused for want of room: there
// may be some now. It reports whether it started a login for somebody who waits.
func (p *Pool[T]) Wake() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.disposed || p.waiters.len == 0 {
		return false
	}
	before := p.logins
	p.resume, p.full, p.backoff = 0, false, 0
	p.startLoginsLocked(clock())
	p.makeRoomLocked()
	return p.logins > before
}

// EachAvailable calls f with each available connection, and for how long it has been so,
// as far as is known. f runs under the pool's lock and must not touch anything guarded by
// ownership.
func (p *Pool[T]) EachAvailable(f func(v T, idle time.Duration)) {
	now := clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.all {
		if idle, ok := c.availableForLocked(now); ok {
			f(c.Value, idle)
		}
	}
}

// availableForLocked is for how long a connection has been available.
func (c *Conn[T]) availableForLocked(now instant) (idle time.Duration, ok bool) {
	switch w := c.load(); w.state() {
	case Idle:
		return now.sub(c.since), true
	case Offered:
		if w == c.seen {
			idle = now.sub(c.seenAt)
		}
		return idle, true
	}
	return 0, false
}

// Evict closes n matching available connections at most, longest idle first, and returns
// how many it closed. If needed is false it leaves Config.Size connections, and Config.Warm
// available ones. Otherwise somebody else needs the room: none is opened for Config.Warm
// for a while. match is as f of EachAvailable.
func (p *Pool[T]) Evict(n int, why Reason, needed bool, match func(v T, idle time.Duration) bool) int {
	type available struct {
		c    *Conn[T]
		idle time.Duration
	}
	now := clock()
	p.mu.Lock()
	if needed {
		p.rewarm = now.add(maxBackoff)
	} else {
		n = min(n, p.surplusLocked())
	}
	var all []available
	for _, c := range p.all {
		if idle, ok := c.availableForLocked(now); ok && match(c.Value, idle) {
			all = append(all, available{c, idle})
		}
	}
	slices.SortStableFunc(all, func(a, b available) int { return int(min(max(b.idle-a.idle, -1), 1)) })
	var victims []victim[T]
	for _, f := range all {
		if len(victims) >= n {
			break
		}
		if v, ok := p.dropIfAvailableLocked(f.c, why); ok {
			victims = append(victims, v)
		}
	}
	p.progressLocked(now) // there may be fewer than Size now
	p.mu.Unlock()
	p.closeAll(victims)
	return len(victims)
}

// dropIfAvailableLocked drops a connection if it is available.
func (p *Pool[T]) dropIfAvailableLocked(c *Conn[T], why Reason) (v victim[T], ok bool) {
	switch w := c.load(); w.state() {
	case Idle:
		p.removeIdleLocked(slices.Index(p.idle, c))
	case Offered:
		if !c.claim(w) {
			return v, false
		}
	default:
		return v, false
	}
	p.dropLocked(c, why)
	return victim[T]{c, why}, true
}

// yieldLocked drops a connection that is InUse and belongs to nobody, if somebody
// outside the pool is to have its room; needed says whether a checkout of the pool
// waits for it.
func (p *Pool[T]) yieldLocked(c *Conn[T], needed bool) bool {
	if p.cfg.Yield == nil || !p.cfg.Yield(c.Value, needed) {
		return false
	}
	p.dropLocked(c, Overflow)
	go p.close(c, Overflow)
	p.startLoginsLocked(clock()) // there may be fewer than Size now
	p.makeRoomLocked()
	return true
}

// borrower is somebody who wants a connection for a moment.
type borrower[T Resource] struct {
	match func(T) bool
	use   func(v T, giveBack func(sound bool))
}

// BorrowAvailable calls use with a matching available connection: the longest idle, else
// one that is offered. It is in use until giveBack is called, which use must see to, and
// closed then if it is not sound. It reports false if there is none. match is as f of
// EachAvailable.
func (p *Pool[T]) BorrowAvailable(match func(T) bool, use func(v T, giveBack func(sound bool))) bool {
	p.mu.Lock()
	all := slices.Concat(p.idle, p.all)
	p.mu.Unlock()
	for _, c := range all {
		if !match(c.Value) {
			continue
		}
		if idleSince, ok := p.claimAvailable(c); ok {
			use(c.Value, p.giveBack(c, idleSince))
			return true
		}
	}
	return false
}

// BorrowNext is BorrowAvailable with the next connection that is released or checked in.
// use is called on a goroutine of its own, unless another call comes before.
func (p *Pool[T]) BorrowNext(match func(T) bool, use func(v T, giveBack func(sound bool))) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.borrower == nil {
		p.AddExternalWaiters(1)
	}
	p.borrower = &borrower[T]{match, use}
}

// lendLocked gives a connection that is InUse and belongs to nobody to who wants to
// borrow one.
func (p *Pool[T]) lendLocked(c *Conn[T], idleSince instant) bool {
	b := p.borrower
	if b == nil || !b.match(c.Value) {
		return false
	}
	p.borrower = nil
	p.AddExternalWaiters(-1)
	go b.use(c.Value, p.giveBack(c, idleSince))
	return true
}

func (p *Pool[T]) giveBack(c *Conn[T], idleSince instant) func(sound bool) {
	return func(sound bool) {
		if sound {
			p.putBack(c, idleSince)
		} else {
			p.Discard(c, Broken)
		}
	}
}
