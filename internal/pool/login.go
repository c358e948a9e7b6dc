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
	backoff time.Duration // the latest wait because of that, or of a failed warm login
	resume  instant       // no login before that
	rewarm  instant       // no login for Config.Warm before that, nor one that replaces another

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
)

// roomLocked reports whether the limit lets one more be opened. For the server
// those count that are being closed.
func (p *Pool[T]) roomLocked() bool {
	return p.limit == 0 || len(p.all)+p.closing+p.logins < p.limit
}

// startLoginsLocked starts as many logins as can serve the queue: one for each
// who waits, less those under way, within both limits. Up to Size they start at
// once. Beyond it they start when there was a queue for as long as a login takes,
// all in all, since the latest one: whatever it cost to wait in vain, it cost no
// more than the login itself, and a burst of short uses is over by then.
func (p *Pool[T]) startLoginsLocked() {
	if p.disposed || p.waiters.len == 0 && p.warm == 0 && p.owed == 0 {
		return
	}
	now := clock()
	if now < p.resume {
		p.armLocked(p.resume)
		return
	}
	limit := p.cfg.LoginLimit
	if p.full {
		limit = 1 // to see whether there is room again
	}
	for p.logins < min(p.waiters.len, limit) && p.roomLocked() {
		if at := p.patientUntilLocked(); now < at {
			p.armLocked(at)
			break
		}
		w := p.waiters.unasked()
		w.asked = true
		p.logins++
		go p.login(w, w.request)
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
	go p.login(nil, request{ctx: context.WithValue(context.Background(), unasked{}, true), label: label})
}

// patientUntilLocked is until when the queue waits before a login is started.
func (p *Pool[T]) patientUntilLocked() instant {
	if n := len(p.all) + p.logins; n == 0 || n < p.size {
		return 0
	}
	took := min(p.took, maxPatience)
	if p.latest == 0 {
		took = maxPatience // the first ones are under way
	}
	return p.queueSince.add(took - p.queued)
}

// coldLocked is how many connections short of Config.Warm are ready, with the
// logins under way counted as such. A pool without connections is not in use.
func (p *Pool[T]) coldLocked() int {
	if p.warm == 0 || len(p.all) == 0 {
		return 0
	}
	return p.warm - p.readyLocked() - max(0, p.logins-p.waiters.len)
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
	if life > 0 {
		c.expires.Store(int64(now.add(life)))
	}
	if epoch != p.epoch.Load() {
		c.invalidate(Invalidated)
	}
	p.all = append(p.all, c)
	p.opened++
	switch w := p.takerLocked(c); {
	case p.disposed:
		p.dropLocked(c, Disposed)
		p.mu.Unlock()
		p.close(c, Disposed)
		return
	case w != nil:
		p.serveLocked(w, handed[T]{conn: c, proven: true}, now)
	case c.expired.Load(): // by InvalidateAll
		why := c.expiredBy()
		p.dropLocked(c, why)
		p.mu.Unlock()
		p.close(c, why)
		return
	default:
		p.releaseLocked(c, now, now)
		p.armNextLocked(now) // those that are idle may be beyond Size now
	}
	p.startLoginsLocked()
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
	p.failed, p.full, p.backoff = nil, false, 0
}

// loginFailed notes a login that failed. If the server is full that is nobody's
// answer yet: all wait, for a connection that comes free or for the next try.
func (p *Pool[T]) loginFailed(asker *waiter[T], turn uint64, err error) {
	full := p.cfg.Full != nil && p.cfg.Full(err)
	now := clock()
	p.mu.Lock()
	p.logins--
	noPlace := errors.Is(err, ErrNoPlace)
	if !noPlace {
		p.loginErrors++
	}
	waits := asker != nil && asker.queued && asker.turn == turn
	p.failed, p.full = err, full
	if full || asker == nil {
		p.backoff = min(max(2*p.backoff, minBackoff), maxBackoff)
		p.rewarm = now.add(p.backoff/2 + rand.N(p.backoff/2))
	}
	if full {
		p.resume = p.rewarm
	}
	switch {
	case waits && full:
		asker.asked = false
		if len(p.idle) > 0 { // it does not fit, and takes room on the server
			v := p.dropIdleLocked(0, Overflow)
			go p.close(v.conn, v.why)
		}
	case waits:
		p.serveLocked(asker, handed[T]{err: err}, now)
	}
	p.startLoginsLocked()
	p.takeOfferedLocked(now)
	p.emptiedLocked()
	waiting := p.waiters.len
	p.mu.Unlock()
	if waits && full && !noPlace && p.cfg.MakeRoom != nil {
		p.cfg.MakeRoom(waiting)
	}
}
