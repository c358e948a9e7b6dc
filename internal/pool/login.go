package pool

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// pace is what the pool knows about when to log in. Guarded by Pool.mu.
type pace struct {
	took    time.Duration // what a login takes: the average of the latest ones
	latest  instant       // when the latest login succeeded
	failed  error         // of the latest login, nil if it succeeded
	full    bool          // it failed because the server had no room
	denied  bool          // it, or one before it since one succeeded, failed because the account may not log in
	backoff time.Duration // the latest wait because the server had no room
	resume  instant       // no login before that

	unaskedBackoff time.Duration // the latest wait because a login failed that nobody waited for
	rewarm         instant       // no login for Config.Warm before that, nor one that replaces another

	vacated int // of those that were closed to make room for the present queue, how many it did not replace yet

	owed      int    // how many were closed and are to be replaced; see owedLocked
	owedLabel string // what the latest of those was checked out with

	queued     time.Duration // for how long there was a queue since latest, without the present one
	queueSince instant       // when the present queue began, or latest
}

const (
	// maxPatience bounds for how long a checkout waits for a connection before
	// it asks for a login.
	maxPatience = time.Second

	minBackoff = 20 * time.Millisecond
	maxBackoff = time.Second

	// maxUnaskedBackoff is for logins that nobody waits for.
	maxUnaskedBackoff = 30 * time.Second
)

// roomLocked reports whether the limit lets one more be opened. For the server
// those count that are being closed.
func (p *Pool[T]) roomLocked() bool {
	return p.limit == 0 || len(p.all)+p.closing+p.logins < p.limit
}

// noRoomLocked reports whether a connection of this pool would have to be closed
// before another is opened.
func (p *Pool[T]) noRoomLocked() bool { return p.full || !p.roomLocked() }

// startLoginsLocked starts as many logins as can serve the queue: one for each
// who waits, less those under way, within both limits. Up to Size they start at
// once, and in the place of one that was closed to make room. Beyond that the queue
// must be worth a login: see patientUntilLocked and rampLocked.
func (p *Pool[T]) startLoginsLocked(now instant) {
	if p.disposed || p.waiters.len == 0 && p.warm == 0 && p.owed == 0 {
		return
	}
	if now < p.resume {
		p.armLocked(p.resume)
		return
	}
	if p.waiters.len == 0 {
		p.startUnaskedLocked(now)
		return
	}
	for p.logins+p.pingServesLocked(now) < p.waiters.len && p.logins < p.loginLimitLocked() && p.roomLocked() {
		if at := p.patientUntilLocked(); now < at {
			if at = min(at, p.rampLocked(now)); now < at {
				p.armLocked(at)
				return
			}
		}
		if p.vacated > 0 {
			p.vacated--
		}
		w := p.waiters.unasked()
		w.asked = true
		p.logins++
		go p.login(w, w.request)
	}
}

// startUnaskedLocked starts logins for Config.Warm and in the place of what was
// closed by Replace. Nobody waits, so that they take nobody's room.
func (p *Pool[T]) startUnaskedLocked(now instant) {
	if p.denied {
		return
	}
	limit := p.loginLimitLocked()
	n := min(max(p.coldLocked(), 0)+p.owedLocked(), limit-p.logins)
	if n <= 0 || !p.roomLocked() {
		return
	}
	if now < p.rewarm {
		p.armLocked(p.rewarm)
		return
	}
	for n := p.coldLocked(); n > 0 && p.logins < limit && p.roomLocked(); n-- {
		p.loginForNobodyLocked(p.all[0].holder)
	}
	for p.owedLocked() > 0 && p.logins < limit && p.roomLocked() {
		p.owed-- // and not again if it fails: the next checkout logs in itself
		p.loginForNobodyLocked(p.owedLabel)
	}
}

func (p *Pool[T]) loginForNobodyLocked(label string) {
	p.logins++
	go p.login(nil, request{ctx: Unasked(context.Background()), label: label})
}

// patientUntilLocked is until when the queue waits before a login is started, unless
// it lasts (see rampLocked). Beyond Size it waits until there was a queue for as
// long as a login takes, all in all, since the latest one: whatever it cost to wait
// in vain, it cost no more than the login itself, and a burst of short uses is over
// by then.
func (p *Pool[T]) patientUntilLocked() instant {
	out := len(p.all) - len(p.idle) + p.logins // what may come, or come back
	if n := len(p.all) + p.logins; out == 0 || n < p.size || p.vacated > 0 {
		return 0
	}
	return p.queueSince.add(p.loginTimeLocked() - p.queued)
}

// loginTimeLocked is how long a login takes, as far as is known.
func (p *Pool[T]) loginTimeLocked() time.Duration {
	if p.latest == 0 {
		return maxPatience // the first ones are under way
	}
	return min(p.took, maxPatience)
}

// coldLocked is how many connections short of Config.Warm are ready, with the
// logins under way counted as such, while nobody waits. A pool without
// connections is not in use.
func (p *Pool[T]) coldLocked() int {
	if p.warm == 0 || len(p.all) == 0 {
		return 0
	}
	if p.pinged != nil {
		return p.warm - p.readyLocked() - p.logins - 1
	}
	return p.warm - p.readyLocked() - p.logins
}

// readyLocked is how many connections are idle or offered.
func (p *Pool[T]) readyLocked() int {
	ready := len(p.idle)
	for _, c := range p.all {
		if c.State() == Offered {
			ready++
		}
	}
	return ready
}

// login opens one connection, because asker waits for one, and serves with it
// whoever is first in the queue by then. If it fails asker has the error, if
// it still waits; others have logins of their own. Without an asker it is for
// Config.Warm, or replaces one.
func (p *Pool[T]) login(asker *waiter[T], r request) {
	start, epoch := clock(), p.epoch.Load()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), p.cfg.LoginTimeout)
	stop := context.AfterFunc(p.life, cancel)
	value, life, err := p.cfg.Login(ctx, r.label)
	stop()
	cancel()
	if err != nil {
		p.loginFailed(asker, r.turn, err)
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
	if asker != nil && asker != w && asker.queued && asker.turn == r.turn {
		asker.asked = false // another has what came for it
	}
	switch {
	case p.disposed:
		p.dropLocked(c, Disposed)
		p.mu.Unlock()
		p.close(c, Disposed)
		return
	case w != nil:
		p.serveLocked(w, handed[T]{conn: c, proven: true}, now)
	case c.expired.Load(): // by InvalidateAll
		why := c.expiredBy()
		p.dropOwnedLocked(c, why)
		p.mu.Unlock()
		p.close(c, why)
		return
	default:
		p.releaseLocked(c, now, now)
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
	p.queued, p.queueSince = 0, now // see first what this one does
	p.failed, p.full, p.denied, p.backoff, p.unaskedBackoff = nil, false, false, 0, 0
	p.growRampLocked()
}

// loginFailed notes a login that failed. If the server is full that is nobody's
// answer yet: all wait, for a connection that comes free or for the next try.
func (p *Pool[T]) loginFailed(asker *waiter[T], turn uint64, err error) {
	full := p.cfg.Full != nil && p.cfg.Full(err)
	denied := p.cfg.AuthFailed != nil && p.cfg.AuthFailed(err)
	now := clock()
	p.mu.Lock()
	p.logins--
	noPlace := errors.Is(err, ErrNoPlace)
	if !noPlace {
		p.loginErrors++
	}
	waits := asker != nil && asker.queued && asker.turn == turn
	p.failed, p.full, p.denied = err, full, p.denied || denied
	p.shrinkRampLocked()
	if asker == nil {
		p.unaskedBackoff = min(max(2*p.unaskedBackoff, minBackoff), maxUnaskedBackoff)
		p.rewarm = now.add(jittered(p.unaskedBackoff))
	}
	if full {
		p.backoff = min(max(2*p.backoff, minBackoff), maxBackoff)
		p.resume = now.add(jittered(p.backoff))
		p.rewarm = max(p.rewarm, p.resume)
	}
	switch {
	case waits && full:
		asker.asked = false
	case waits:
		p.serveLocked(asker, handed[T]{err: err}, now)
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
