package pool

import "time"

// Invalidate closes the matching idle and offered connections for reason why. A matching
// connection in use or pinned is closed when its owner checks it in. match runs under the
// pool's lock and must not touch anything guarded by ownership. idle is the time since
// the last use or ping; 0 if it is not idle.
func (p *Pool[T]) Invalidate(why Reason, match func(v T, idle time.Duration) bool) {
	now := clock()
	p.mu.Lock()
	var victims []victim[T]
	for i := len(p.idle) - 1; i >= 0; i-- {
		if c := p.idle[i]; match(c.Value, now.sub(c.heardAt())) {
			victims = append(victims, p.dropIdleLocked(i, why))
		}
	}
	for i := len(p.all) - 1; i >= 0; i-- {
		c := p.all[i]
		w := c.load()
		if w.state() == Idle || !match(c.Value, 0) {
			continue
		}
		c.invalidate(why)
		if w.state() == Offered && c.claim(w) {
			p.dropLocked(c, why)
			victims = append(victims, victim[T]{c, why})
		}
	}
	p.progressLocked(now)
	p.mu.Unlock()
	p.closeAll(victims)
}

// InvalidateAll is Invalidate of every connection, and of what logins under way
// bring, for the reason Invalidated. It returns how many connections it named.
func (p *Pool[T]) InvalidateAll() (n int) {
	p.epoch.Add(1)
	p.Invalidate(Invalidated, func(T, time.Duration) bool {
		n++
		return true
	})
	return n
}

// ShortenLives gives each connection the greatest age that of says, if that ends
// earlier than the one that it has; 0 is no limit. What is past it is closed as if
// it had reached its age. of is called under the pool's lock, and must touch
// nothing that is guarded by ownership.
func (p *Pool[T]) ShortenLives(of func(T) time.Duration) {
	now := clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.all {
		life := of(c.Value)
		if at := c.opened.add(life); life > 0 && (c.expiry() == 0 || at < c.expiry()) {
			c.expires.Store(int64(at))
		}
	}
	p.armNextLocked(now)
}

// expiry is when the connection reaches its greatest age; 0 is never.
func (c *Conn[T]) expiry() instant { return instant(c.expires.Load()) }

// invalidate has the connection closed when it is checked in.
func (c *Conn[T]) invalidate(why Reason) {
	if why == Invalidated {
		c.invalid.Store(true)
	}
	c.expired.Store(true)
}

// expiredBy is the reason for which a connection that is past its age is closed.
func (c *Conn[T]) expiredBy() Reason {
	if c.invalid.Load() {
		return Invalidated
	}
	return Recycled
}
