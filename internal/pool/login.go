package pool

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// login opens one connection, because asker waits for one, and serves with it
// whoever is first in the queue by then. If it fails asker has the error, if
// it still waits; others have logins of their own. Without an asker it is for
// Config.Warm, or replaces one.
func (p *Pool[T]) login(asker *waiter[T], r request) {
	start, epoch := clock(), p.epoch.Load()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), p.cfg.LoginTimeout)
	stop := context.AfterFunc(p.untilDispose, cancel)
	value, life, err := p.cfg.Login(ctx, r.label)
	stop()
	cancel()
	if err != nil {
		p.loginFailed(asker, r.arrival, err)
		return
	}

	now := clock()
	p.CreateTimes.Observe(now.sub(start))
	p.mu.Lock()
	p.logins--
	p.loggedInLocked(now, now.sub(start))
	c := &Conn[T]{Value: value, pool: p, opened: now, since: now, holder: r.label, pos: len(p.all)}
	c.word.Store(uint64(word(0).next(InUse))) // not 0, or the zero Ticket would fit
	c.pingAfter = p.keepaliveInterval()
	if life > 0 {
		c.expires.Store(int64(now.add(life)))
	}
	if epoch != p.epoch.Load() {
		c.invalidate(Invalidated)
	}
	p.all = append(p.all, c)
	p.opened++
	w := p.takerLocked(c)
	if asker != nil && asker != w && asker.queued && asker.arrival == r.arrival {
		asker.loginStarted = false // another has what came for it
	}
	switch {
	case p.disposed:
		p.dropLocked(c, Disposed)
		p.mu.Unlock()
		p.close(c, Disposed)
		return
	case w != nil:
		p.serveLocked(w, checkoutResult[T]{conn: c, verified: true}, now)
	case c.expired.Load(): // by InvalidateAll
		why := c.expiredBy()
		p.dropOwnedLocked(c, why)
		p.mu.Unlock()
		p.close(c, why)
		return
	default:
		p.reassignLocked(c, now, now)
		p.armNextLocked(now) // those that are idle may be beyond Size now
	}
	p.progressLocked(now)
	p.mu.Unlock()
}

// loggedInLocked notes a login that succeeded.
func (p *Pool[T]) loggedInLocked(now instant, took time.Duration) {
	if p.latest == 0 {
		p.took = took
	}
	p.took += (took - p.took) / 4
	p.latest = now
	p.queuedBefore, p.queueSince = 0, now // see first what this one does
	p.failed, p.full, p.denied, p.backoff, p.backgroundBackoff = nil, false, false, 0, 0
	p.growRampLocked()
}

// loginFailed notes a login that failed. If the server is full that is nobody's
// answer yet: all wait, for a connection that comes free or for the next try.
func (p *Pool[T]) loginFailed(asker *waiter[T], arrival uint64, err error) {
	full := p.cfg.Full != nil && p.cfg.Full(err)
	denied := p.cfg.AuthFailed != nil && p.cfg.AuthFailed(err)
	now := clock()
	p.mu.Lock()
	p.logins--
	noPlace := errors.Is(err, ErrNoPlace)
	if !noPlace {
		p.loginErrors++
	}
	waits := asker != nil && asker.queued && asker.arrival == arrival
	p.failed, p.full, p.denied = err, full, p.denied || denied
	p.shrinkRampLocked()
	if asker == nil {
		p.backgroundBackoff = min(max(2*p.backgroundBackoff, minBackoff), maxBackgroundBackoff)
		p.rewarm = now.add(jittered(p.backgroundBackoff))
	}
	if full {
		p.backoff = min(max(2*p.backoff, minBackoff), maxBackoff)
		p.resume = now.add(jittered(p.backoff))
		p.rewarm = max(p.rewarm, p.resume)
	}
	switch {
	case waits && full:
		asker.loginStarted = false
	case waits:
		p.serveLocked(asker, checkoutResult[T]{err: err}, now)
	}
	p.progressLocked(now)
	p.emptiedLocked()
	waiting := p.waiters.len
	p.mu.Unlock()
	if waits && full && !noPlace && p.cfg.MakeRoom != nil {
		p.cfg.MakeRoom(waiting)
	}
}

// jittered is half of d at least.
func jittered(d time.Duration) time.Duration { return d/2 + rand.N(d/2) }
