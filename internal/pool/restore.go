package pool

// CheckInDirty is CheckIn of a connection with session state on it. It returns
// at once; meanwhile the connection counts as in use. If the state cannot be
// restored the connection is closed, and replaced if that leaves fewer open
// than Size.
func (p *Pool[T]) CheckInDirty(c *Conn[T]) {
	p.mu.Lock()
	p.mustOwnLocked(c, "checked in")
	p.mu.Unlock()
	go p.restore(c)
}

// mustRestore reports whether an offered connection is restored before it becomes
// idle. The caller owns it.
func (p *Pool[T]) mustRestore(c *Conn[T]) bool {
	return p.cfg.MustRestore != nil && p.cfg.MustRestore(c.Value)
}

// takeInLocked is reassignLocked of a connection that was released until now. One
// that nobody takes at once and that must be restored is restored first: it may hold
// locks, and be idle for long.
func (p *Pool[T]) takeInLocked(c *Conn[T], now, idleSince instant) {
	if p.takerLocked(c) == nil && p.mustRestore(c) && !p.inTheWayLocked(c) {
		go p.restore(c)
		return
	}
	p.reassignLocked(c, now, idleSince)
}

// putBack is checkIn of a connection that was not checked since it was released.
func (p *Pool[T]) putBack(c *Conn[T], idleSince instant) {
	if p.mustRestore(c) {
		go p.restore(c)
		return
	}
	p.checkIn(c, idleSince)
}

func (p *Pool[T]) restore(c *Conn[T]) {
	if c.Value.Restore(p.untilDispose) {
		p.CheckIn(c)
		return
	}
	p.Replace(c, Dirty)
}

// Replace is Discard, and opens another in the background if fewer than Size
// are left.
func (p *Pool[T]) Replace(c *Conn[T], why Reason) {
	p.mu.Lock()
	p.mustOwnLocked(c, "discarded")
	p.dropOwnedLocked(c, why)
	p.pendingReplacements++
	p.replacementLabel = c.holder
	p.mu.Unlock()
	p.close(c, why)
}

// pendingReplacementsLocked is how many of those that were closed are still to be replaced.
func (p *Pool[T]) pendingReplacementsLocked() int {
	p.pendingReplacements = max(0, min(p.pendingReplacements, p.size-len(p.all)-p.logins))
	return p.pendingReplacements
}
