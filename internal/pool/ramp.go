package pool

import "time"

// ramp is how fast a queue that lasts is met with logins. Guarded by Pool.mu.
type ramp struct {
	window int // logins under way at once while the present queue lasts; 0: firstWindow

	// How the present queue does.

	watchedSince  instant // since when; 0: it has not served anybody yet
	watchedLen    int     // the most that waited then
	watchedServed int     // how many were served since
}

// firstWindow is how many logins a pool starts at once at first. As long as
// there is a queue each that succeeds lets one more be under way, so that the
// number doubles with each round; and there may be as many as a queue needs that
// was seen to last. Config.LoginLimit bounds all of that.
const firstWindow = 8

// loginLimitLocked is how many logins may be under way now.
func (p *Pool[T]) loginLimitLocked() int {
	if p.full {
		return 1 // to see whether there is room again
	}
	if p.window == 0 {
		return min(firstWindow, p.cfg.LoginLimit)
	}
	return min(p.window, p.cfg.LoginLimit)
}

func (p *Pool[T]) growRampLocked() {
	if p.waiters.len > 0 {
		p.window = min(p.loginLimitLocked()+1, p.cfg.LoginLimit)
	}
}

// shrinkRampLocked is called when a login failed. One at a time would be too few:
// it may hang, while the server takes others by now.
func (p *Pool[T]) shrinkRampLocked() { p.window = 0 }

// endRampLocked is called when the queue is empty.
func (p *Pool[T]) endRampLocked() { p.window, p.watchedSince = 0, 0 }

// servedLocked notes that one who waited got a connection.
func (p *Pool[T]) servedLocked(now instant) {
	if p.waiters.len == 0 {
		return
	}
	if p.watchedSince == 0 {
		p.watchedSince, p.watchedLen, p.watchedServed = p.queueSince, p.waiters.len+1, 0
	}
	p.watchedServed++
}

// rampLocked returns when to start a login or check again. It returns 0 (at once) if, at
// the rate at which the queue shrank since watchedSince, more checkouts will still wait
// after one login time than logins are under way.
func (p *Pool[T]) rampLocked(now instant) instant {
	took := p.loginTimeLocked()
	again := now.add(max(took/8, time.Millisecond))
	elapsed := now.sub(p.watchedSince)
	if p.watchedSince == 0 || p.watchedServed < len(p.all) || elapsed < took/4 {
		return again
	}
	served := time.Duration(max(p.watchedLen-p.waiters.len, 0)) * took / elapsed
	if wanted := p.waiters.len - int(served); p.logins < wanted {
		p.window = max(p.loginLimitLocked(), min(wanted, p.cfg.LoginLimit))
		return 0
	}
	if elapsed >= took {
		p.watchedSince, p.watchedLen, p.watchedServed = now, p.waiters.len, 0
	}
	return again
}
