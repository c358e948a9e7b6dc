package budget

import (
	"cmp"
	"slices"
	"time"
)

func (b *Budget) addGrantedLocked(s *Share, n int) {
	s.granted += n
	b.all.granted += n
	b.accountLocked(s).granted += n
}

// requestLocked has the pool wait for a place.
func (b *Budget) requestLocked(s *Share) {
	if s.requested {
		return
	}
	s.requested, s.since = true, time.Now()
	b.requests = append(b.requests, s)
	b.addLocked(s)
	if b.retry == nil {
		b.retry = time.AfterFunc(MinHoldTime, b.retryRoom)
	}
	b.watchUnknownLocked()
	b.notifyPoolsLocked()
}

// watchUnknownLocked has places added while nobody knows how many there are.
func (b *Budget) watchUnknownLocked() {
	if b.limits == nil && b.addUnknownTimer == nil {
		b.addUnknownTimer = time.AfterFunc(UnknownWait, b.addUnknown)
	}
}

func (b *Budget) addUnknown() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addUnknownTimer = nil
	if b.limits != nil || len(b.requests) == 0 {
		return
	}
	b.all.limit += UnknownPlaces
	b.grantLocked()
	if len(b.requests) > 0 {
		b.watchUnknownLocked()
	}
}

func (b *Budget) withdrawLocked(s *Share) {
	if s.requested {
		s.requested = false
		b.requests = slices.DeleteFunc(b.requests, func(c *Share) bool { return c == s })
	}
}

// notifyPoolsLocked has every pool look, as connections are released, whether somebody
// else needs the place; or not any more.
func (b *Budget) notifyPoolsLocked() {
	wanted := len(b.requests) > 0 || b.all.over() > 0 || b.accountsOver
	if wanted == b.wanted.Load() {
		return
	}
	b.wanted.Store(wanted)
	for s := range b.shares {
		s.notified = wanted
		if wanted {
			s.pool.AddExternalWaiters(1)
		} else {
			s.pool.AddExternalWaiters(-1)
		}
	}
}

// wants is how many places a requester could use at once.
func (s *Share) wants() int { return max(s.taking, 1) }

// queueLocked is the requesters, those with the fewest connections first, and of
// them the one that came first. It withdraws the requests of pools where nobody waits
// any more.
func (b *Budget) queueLocked() []*Share {
	var stale []*Share
	for _, s := range b.requests {
		if s.taking == 0 && !s.pool.HasWaiters() {
			stale = append(stale, s)
		}
	}
	for _, s := range stale {
		b.withdrawLocked(s)
		b.forgetLocked(s)
	}
	queue := slices.Clone(b.requests)
	slices.SortStableFunc(queue, func(x, y *Share) int { return cmp.Compare(x.has(), y.has()) })
	return queue
}

// grantLocked grants the places that are free to requesters.
func (b *Budget) grantLocked() {
	for b.all.free() && len(b.requests) > 0 {
		granted := false
		for _, s := range b.queueLocked() {
			if !b.accountLocked(s).free() {
				continue
			}
			b.grants++
			s.grant = b.grants
			b.addGrantedLocked(s, 1)
			if s.granted >= s.wants() {
				b.withdrawLocked(s)
			}
			if s.taking == 0 {
				go s.wake(s.grant)
			}
			granted = true
			break
		}
		if !granted {
			break
		}
	}
	b.notifyPoolsLocked()
}

// wake has the pool use what it was granted, or others get it.
func (s *Share) wake(grant uint64) {
	if !s.pool.Wake() {
		s.returnGrants(func(latest uint64) bool { return latest == grant })
	}
}

// GrantedUntil is the number of the latest grant.
func (b *Budget) GrantedUntil() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.grants
}

// ReturnUnusedGrants is called when a login has ended. grants is how many the budget had
// made before it: those that the login did not use go to others.
func (s *Share) ReturnUnusedGrants(grants uint64) {
	s.returnGrants(func(latest uint64) bool { return latest <= grants })
}

func (s *Share) returnGrants(match func(latest uint64) bool) {
	b := s.Budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.granted > 0 && s.taking == 0 && match(s.grant) {
		b.addGrantedLocked(s, -s.granted)
		b.grantLocked()
		b.forgetLocked(s)
	}
}
