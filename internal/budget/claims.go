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

// claimLocked has the pool wait for a place.
func (b *Budget) claimLocked(s *Share) {
	if s.claimed {
		return
	}
	s.claimed, s.since = true, time.Now()
	b.claims = append(b.claims, s)
	b.addLocked(s)
	if b.turns == nil {
		b.turns = time.AfterFunc(TurnTime, b.takeTurns)
	}
	b.watchUnknownLocked()
	b.attendLocked()
}

// watchUnknownLocked has places added while nobody knows how many there are.
func (b *Budget) watchUnknownLocked() {
	if b.limits == nil && b.unknown == nil {
		b.unknown = time.AfterFunc(UnknownWait, b.addUnknown)
	}
}

func (b *Budget) addUnknown() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unknown = nil
	if b.limits != nil || len(b.claims) == 0 {
		return
	}
	b.all.limit += UnknownPlaces
	b.grantLocked()
	if len(b.claims) > 0 {
		b.watchUnknownLocked()
	}
}

func (b *Budget) unclaimLocked(s *Share) {
	if s.claimed {
		s.claimed = false
		b.claims = slices.DeleteFunc(b.claims, func(c *Share) bool { return c == s })
	}
}

// attendLocked has every pool look, as connections are put away, whether somebody
// else needs the place; or not any more.
func (b *Budget) attendLocked() {
	attentive := len(b.claims) > 0 || b.all.over() > 0 || b.accountsOver
	if attentive == b.attentive.Load() {
		return
	}
	b.attentive.Store(attentive)
	for s := range b.shares {
		s.attended = attentive
		if attentive {
			s.pool.Attend(1)
		} else {
			s.pool.Attend(-1)
		}
	}
}

// wants is how many places a claimant could use at once.
func (s *Share) wants() int { return max(s.taking, 1) }

// queueLocked is the claimants, those with the fewest connections first, and of
// them the one that came first. It drops the claims of pools where nobody waits
// any more.
func (b *Budget) queueLocked() []*Share {
	var stale []*Share
	for _, s := range b.claims {
		if s.taking == 0 && !s.pool.HasWaiters() {
			stale = append(stale, s)
		}
	}
	for _, s := range stale {
		b.unclaimLocked(s)
		b.forgetLocked(s)
	}
	queue := slices.Clone(b.claims)
	slices.SortStableFunc(queue, func(x, y *Share) int { return cmp.Compare(x.has(), y.has()) })
	return queue
}

// grantLocked grants the places that are free to claimants.
func (b *Budget) grantLocked() {
	for b.all.free() && len(b.claims) > 0 {
		granted := false
		for _, s := range b.queueLocked() {
			if !b.accountLocked(s).free() {
				continue
			}
			b.grants++
			s.grant = b.grants
			b.addGrantedLocked(s, 1)
			if s.granted >= s.wants() {
				b.unclaimLocked(s)
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
	b.attendLocked()
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

// Settle is for a login that has ended, before which the budget had made so many
// grants: what it did not use of them goes to others.
func (s *Share) Settle(grants uint64) {
	s.returnGrants(func(latest uint64) bool { return latest <= grants })
}

func (s *Share) returnGrants(which func(latest uint64) bool) {
	b := s.Budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.granted > 0 && s.taking == 0 && which(s.grant) {
		b.addGrantedLocked(s, -s.granted)
		b.grantLocked()
		b.forgetLocked(s)
	}
}
