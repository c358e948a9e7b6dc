package pool

import (
	"fmt"
	"slices"
)

// CheckIn returns the connection, which the caller must own: to the first who
// waits, else to the idle ones. It closes the connection if it is not to be
// kept.
func (p *Pool[T]) CheckIn(c *Conn[T]) { p.checkIn(c, clock()) }

// checkIn is CheckIn of a connection that was not used since idleSince.
func (p *Pool[T]) checkIn(c *Conn[T], idleSince instant) {
	now := clock()
	p.mu.Lock()
	p.mustOwnLocked(c, "checked in")
	if why, keep := p.keepLocked(c, now); !keep {
		p.dropOwnedLocked(c, why)
		p.mu.Unlock()
		p.close(c, why)
		return
	}
	p.reassignLocked(c, now, idleSince)
	p.mu.Unlock()
}

// keepLocked says whether the pool wants a connection back, and if not why.
func (p *Pool[T]) keepLocked(c *Conn[T], now instant) (why Reason, keep bool) {
	switch {
	case p.disposed:
		return Disposed, false
	case c.pastAge(now):
		return c.expiredBy(), false
	case p.limit > 0 && len(p.all) > p.limit:
		return Overflow, false
	}
	return 0, true
}

// reassignLocked passes a connection that is InUse, that belongs to nobody and
// that was not used since idleSince, to the first who waits and has a use for it,
// else to the idle ones.
func (p *Pool[T]) reassignLocked(c *Conn[T], now, idleSince instant) {
	if p.inTheWayLocked(c) {
		p.dropLocked(c, Overflow)
		p.unreplacedEvictions++
		go p.close(c, Overflow)
		return
	}
	if p.lendLocked(c, idleSince) {
		return
	}
	w := p.takerLocked(c)
	if p.yieldLocked(c, w != nil) {
		return
	}
	if w != nil {
		c.since = now
		p.serveLocked(w, checkoutResult[T]{conn: c, idle: now.sub(max(idleSince, c.pingedAt))}, now)
		return
	}
	c.move(c.load().with(Idle))
	c.since = idleSince
	at := len(p.idle)
	for at > 0 && p.idle[at-1].since > idleSince {
		at--
	}
	p.idle = slices.Insert(p.idle, at, c)
	if at, ok := p.deadlineLocked(c, p.surplusLocked() > 0); ok {
		p.armLocked(at)
	}
	if c.pingAfter > 0 {
		p.armLocked(max(idleSince, c.pingedAt).add(c.pingAfter))
	}
	if p.waiters.len > 0 { // it may have been the last that they could wait for
		p.startLoginsLocked(now)
		p.makeRoomLocked()
	}
}

// inTheWayLocked reports whether the connection does not fit the first who
// waits, and takes the room of one that would, with none on its way. Whoever
// waits behind that one and could use it does not get it, or the first would
// starve.
func (p *Pool[T]) inTheWayLocked(c *Conn[T]) bool {
	w := p.waiters.first()
	return w != nil && !w.loginStarted && c.Value.Fits(w.label) == Misfit && p.noRoomLocked() &&
		p.closing == 0 && p.logins < p.loginLimitLocked()
}

// makeRoomLocked closes idle connections that take room on which those who wait
// depend: an idle one fits nobody who waits, or it would not be idle.
// Whatever is under way already counts as room.
func (p *Pool[T]) makeRoomLocked() {
	if p.waiters.len == 0 || len(p.idle) == 0 || !p.noRoomLocked() {
		return
	}
	for n := min(p.waiters.len, p.loginLimitLocked()) - p.logins - p.closing - p.pingServesLocked(clock()); n > 0 && len(p.idle) > 0; n-- {
		v := p.dropIdleLocked(0, Overflow)
		p.unreplacedEvictions++
		go p.close(v.conn, v.why)
	}
}

// takerLocked returns the first who waits and whom the connection fits.
func (p *Pool[T]) takerLocked(c *Conn[T]) *waiter[T] {
	for w := p.waiters.first(); w != nil; w = w.next {
		if c.Value.Fits(w.label) != Misfit {
			return w
		}
	}
	return nil
}

// Discard closes the connection, which the caller must own.
func (p *Pool[T]) Discard(c *Conn[T], why Reason) {
	p.mu.Lock()
	p.mustOwnLocked(c, "discarded")
	p.dropOwnedLocked(c, why)
	p.mu.Unlock()
	p.close(c, why)
}

// dropOwnedLocked is dropLocked for who owned it. Whoever waits need not wait for
// its Close where there is room for a login.
func (p *Pool[T]) dropOwnedLocked(c *Conn[T], why Reason) {
	p.dropLocked(c, why)
	if p.waiters.len > 0 {
		p.progressLocked(clock())
	}
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
	c.move(c.load().with(Closed))
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
	now := clock()
	if p.full { // there is room on the server now
		p.resume = min(p.resume, now.add(minBackoff))
	}
	p.progressLocked(now) // it took room until now
	p.emptiedLocked()
	p.mu.Unlock()
}
