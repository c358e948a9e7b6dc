// The decision to open another connection.

package pool

import (
	"context"
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

	backgroundBackoff time.Duration // the latest wait because a login failed that nobody waited for
	rewarm            instant       // no login for Config.Warm before that, nor one that replaces another

	unreplacedEvictions int // evicted for the present queue, no login started in their place yet

	pendingReplacements int    // how many were closed and are to be replaced; see pendingReplacementsLocked
	replacementLabel    string // what the latest of those was checked out with

	queuedBefore time.Duration // total time with a queue since latest, not counting the present queue
	queueSince   instant       // when the present queue began, or latest
}

const (
	// maxPatience bounds for how long a checkout waits for a connection before
	// it asks for a login.
	maxPatience = time.Second

	minBackoff = 20 * time.Millisecond
	maxBackoff = time.Second

	// maxBackgroundBackoff is for logins that nobody waits for.
	maxBackgroundBackoff = 30 * time.Second
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
// must be worth a login: see waitUntilLocked and rampLocked.
func (p *Pool[T]) startLoginsLocked(now instant) {
	if p.disposed || p.waiters.len == 0 && p.warm == 0 && p.pendingReplacements == 0 {
		return
	}
	if now < p.resume {
		p.armLocked(p.resume)
		return
	}
	if p.waiters.len == 0 {
		p.startBackgroundLoginsLocked(now)
		return
	}
	for p.logins+p.pingServesLocked(now) < p.waiters.len && p.logins < p.loginLimitLocked() && p.roomLocked() {
		if at := p.waitUntilLocked(); now < at {
			if at = min(at, p.rampLocked(now)); now < at {
				p.armLocked(at)
				return
			}
		}
		if p.unreplacedEvictions > 0 {
			p.unreplacedEvictions--
		}
		w := p.waiters.firstWithoutLogin()
		w.loginStarted = true
		p.logins++
		go p.login(w, w.request)
	}
}

// startBackgroundLoginsLocked starts logins for Config.Warm and in the place of what was
// closed by Replace. Nobody waits, so that they take nobody's room.
func (p *Pool[T]) startBackgroundLoginsLocked(now instant) {
	if p.denied {
		return
	}
	limit := p.loginLimitLocked()
	n := min(max(p.coldLocked(), 0)+p.pendingReplacementsLocked(), limit-p.logins)
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
	for p.pendingReplacementsLocked() > 0 && p.logins < limit && p.roomLocked() {
		p.pendingReplacements-- // and not again if it fails: the next checkout logs in itself
		p.loginForNobodyLocked(p.replacementLabel)
	}
}

func (p *Pool[T]) loginForNobodyLocked(label string) {
	p.logins++
	go p.login(nil, request{ctx: WithBackgroundLogin(context.Background()), label: label})
}

// waitUntilLocked returns until when the queue waits before a login starts. It is 0
// below Size, if no connection is out, or in place of one closed to make room.
// Otherwise: until the total queueing time since the latest login equals one login time
// (ski-rental rule). rampLocked may start one earlier.
func (p *Pool[T]) waitUntilLocked() instant {
	out := len(p.all) - len(p.idle) + p.logins // what may come, or come back
	if n := len(p.all) + p.logins; out == 0 || n < p.size || p.unreplacedEvictions > 0 {
		return 0
	}
	return p.queueSince.add(p.loginTimeLocked() - p.queuedBefore)
}

// loginTimeLocked is how long a login takes, as far as is known.
func (p *Pool[T]) loginTimeLocked() time.Duration {
	if p.latest == 0 {
		return maxPatience // the first ones are under way
	}
	return min(p.took, maxPatience)
}

// coldLocked is how many connections short of Config.Warm are available, with the
// logins under way counted as such, while nobody waits. A pool without
// connections is not in use.
func (p *Pool[T]) coldLocked() int {
	if p.warm == 0 || len(p.all) == 0 {
		return 0
	}
	if p.pinged != nil {
		return p.warm - p.availableLocked() - p.logins - 1
	}
	return p.warm - p.availableLocked() - p.logins
}

// availableLocked is how many connections are available.
func (p *Pool[T]) availableLocked() int {
	available := len(p.idle)
	for _, c := range p.all {
		if c.State() == Offered {
			available++
		}
	}
	return available
}
