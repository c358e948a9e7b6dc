package pool

import (
	"math/rand/v2"
	"time"
)

// keepalive is the pings of idle connections. Guarded by Pool.mu.
type keepalive[T Resource] struct {
	pinged    *Conn[T] // being pinged; nil: none
	pingedAt  instant  // since when
	pingCount int64
}

// pingGrace is how long a checkout that would get the connection that is being
// pinged waits for that, before it asks for a login. An answer comes earlier, and
// without one the connection is dead.
const pingGrace = 100 * time.Millisecond

// keepaliveInterval is Config.Keepalive less a fifth at most, so that connections
// which became idle together are not pinged together; 0 is never.
func (p *Pool[T]) keepaliveInterval() time.Duration {
	if p.cfg.Keepalive <= 0 {
		return 0
	}
	return p.cfg.Keepalive - rand.N(p.cfg.Keepalive/5+1)
}

// heardAt is when the connection was last used or pinged, if it is idle.
func (c *Conn[T]) heardAt() instant { return max(c.since, c.pingedAt) }

// keepaliveAt is when an idle connection is to be pinged, if ever.
func (c *Conn[T]) keepaliveAt() (at instant, ok bool) {
	return c.heardAt().add(c.pingAfter), c.pingAfter > 0
}

// keepaliveLocked pings the connection that was idle for the longest time of those
// that are due: one at a time, and none while somebody waits.
func (p *Pool[T]) keepaliveLocked(now instant) {
	if p.cfg.Keepalive <= 0 || p.pinged != nil || p.waiters.len > 0 || p.disposed {
		return
	}
	for i, c := range p.idle {
		if at, ok := c.keepaliveAt(); !ok || now < at {
			continue
		}
		p.removeIdleLocked(i)
		c.move(c.load().with(InUse))
		p.pinged, p.pingedAt = c, now
		p.pingCount++
		go p.ping(c, c.since, now.sub(c.heardAt()))
		return
	}
}

// ping pings a connection that it owns, that nobody used since idleSince, and that
// was not heard of for so long.
func (p *Pool[T]) ping(c *Conn[T], idleSince instant, quiet time.Duration) {
	err := p.cfg.Ping(p.untilDispose, c.Value, quiet)
	now := clock()
	p.mu.Lock()
	p.pinged = nil
	why, keep := p.keepLocked(c, now)
	if keep && err != nil {
		why, keep = Broken, false
	}
	if keep {
		c.pingedAt = now
		p.reassignLocked(c, now, idleSince)
	} else {
		p.dropOwnedLocked(c, why)
	}
	p.progressLocked(now) // it counted as one that comes
	p.keepaliveLocked(now)
	p.armNextLocked(now)
	p.mu.Unlock()
	if !keep {
		p.close(c, why)
	}
}

// pingServesLocked is 1 if the connection that is being pinged will serve the first
// who waits, soon.
func (p *Pool[T]) pingServesLocked(now instant) int {
	w := p.waiters.first()
	if p.pinged == nil || w == nil || p.pinged.Value.Fits(w.label) == Misfit {
		return 0
	}
	until := p.pingedAt.add(pingGrace)
	if now >= until {
		return 0
	}
	p.armLocked(until)
	return 1
}
