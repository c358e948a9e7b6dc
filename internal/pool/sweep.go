package pool

import "time"

// victim is a connection that was dropped under the lock and is to be closed
// outside it.
type victim[T Resource] struct {
	conn *Conn[T]
	why  Reason
}

// tick is how long the sweep waits at most while any connection is out.
func (p *Pool[T]) tick() time.Duration {
	if p.cfg.OfferFor > 0 {
		return p.cfg.OfferFor
	}
	return time.Second
}

// armLocked makes the sweep run at that time, or earlier if it is set so.
func (p *Pool[T]) armLocked(at instant) {
	if p.sweepAt != 0 && at >= p.sweepAt {
		return
	}
	p.sweepAt = at
	d := max(at.sub(clock()), 0)
	if p.sweeper == nil {
		p.sweeper = time.AfterFunc(d, p.sweep)
	} else {
		p.sweeper.Reset(d)
	}
}

// sweep takes offers that stood for long enough, marks what is past its age, pings
// what is due, closes what is idle and past its age or its idle timeout, ends the waits
// that took too long, and sets its own next run: there is none while the pool is
// empty and nobody waits.
func (p *Pool[T]) sweep() {
	now := clock()
	p.mu.Lock()
	p.sweepAt = 0
	victims := p.sweepOutLocked(now)
	victims = append(victims, p.sweepIdleLocked(now)...)
	if waited := p.waiters.len; waited > 0 {
		p.timeoutLocked(now)
		p.emptiedLocked() // the last one may have waited in vain
	}
	p.progressLocked(now)
	p.keepaliveLocked(now)
	p.armNextLocked(now)
	p.mu.Unlock()
	p.closeAll(victims)
}

// sweepOutLocked sees to the connections that logical ones hold.
func (p *Pool[T]) sweepOutLocked(now instant) (victims []victim[T]) {
	// Backwards, since a drop moves the last one into the gap. A release may drop
	// others, to make room.
	for i := len(p.all) - 1; i >= 0; i-- {
		if i >= len(p.all) {
			continue
		}
		c := p.all[i]
		w := c.load()
		switch w.state() {
		case InUse, Pinned:
			if c.pastAge(now) {
				c.expired.Store(true)
			}
		case Offered, Fresh:
			switch {
			case c.pastAge(now):
				if c.claim(w) {
					why := c.expiredBy()
					p.dropLocked(c, why)
					victims = append(victims, victim[T]{c, why})
				}
			case w != c.seen:
				c.seen, c.seenAt = w, now
			case now.sub(c.seenAt) >= p.cfg.OfferFor:
				if c.claim(w) {
					p.takeInLocked(c, now, c.seenAt)
				}
			}
		}
	}
	return victims
}

// sweepIdleLocked drops what has been idle for too long, longest idle first.
func (p *Pool[T]) sweepIdleLocked(now instant) (victims []victim[T]) {
	kept := p.idle[:0]
	surplus := p.surplusLocked()
	for _, c := range p.idle {
		var why Reason
		switch at, ok := p.deadlineLocked(c, surplus > 0); {
		case !ok || now < at:
			kept = append(kept, c)
			continue
		case c.pastAge(now):
			why = c.expiredBy()
		default:
			why = IdleTimeout
		}
		surplus--
		p.dropLocked(c, why)
		victims = append(victims, victim[T]{c, why})
	}
	clear(p.idle[len(kept):])
	p.idle = kept
	return victims
}

// surplusLocked is how many of those that are idle may be closed by the idle
// timeout: what is open beyond Size, and what is available beyond Warm.
func (p *Pool[T]) surplusLocked() int {
	n := len(p.all) - p.size
	if p.warm > 0 {
		n = min(n, p.availableLocked()-p.warm)
	}
	return n
}

// deadlineLocked is when an idle connection is to be closed, if ever; surplus
// says whether the idle timeout counts.
func (p *Pool[T]) deadlineLocked(c *Conn[T], surplus bool) (at instant, ok bool) {
	at = c.expiry()
	ok = at != 0
	if surplus {
		if idle := c.since.add(p.cfg.IdleTimeout); !ok || idle < at {
			at, ok = idle, true
		}
	}
	return at, ok
}

// armNextLocked sets the next run to the earliest time at which there is
// something to do.
func (p *Pool[T]) armNextLocked(now instant) {
	surplus := p.surplusLocked() > 0
	for _, c := range p.all {
		if w := c.load(); w.state() != Idle {
			next := now
			if w == c.seen { // an offer, and the time counts from then
				next = c.seenAt
			}
			p.armLocked(next.add(p.tick()))
			if at := c.expiry(); at != 0 && !c.expired.Load() {
				p.armLocked(at)
			}
			continue
		}
		if at, ok := p.deadlineLocked(c, surplus); ok {
			p.armLocked(at)
		}
		if at, ok := c.keepaliveAt(); ok && p.pinged == nil && p.waiters.len == 0 {
			p.armLocked(at)
		}
	}
}
