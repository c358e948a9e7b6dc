package budget

import (
	"maps"
	"slices"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/pool"
)

const (
	// MaxOrphans is how many connections the pools without handles keep between
	// them, for each server: enough for the handles that come and go of a process
	// at work, and little of what a server takes (151 by default), however many
	// pools were used once and left.
	MaxOrphans = 16

	// MinHoldTime is how long a pool keeps a place at least before another pool that has
	// none may have it, and how long a connection is available before anybody may have
	// its place. It is long against a login, so that pools which share a place use
	// it for more than one query.
	MinHoldTime = 100 * time.Millisecond

	// surplusIdle is for how long what a spike opened is available before it is
	// closed. A load that comes again each second uses it again.
	surplusIdle = 3 * time.Second

	// surplusTick is how often what a spike opened is checked.
	surplusTick = 500 * time.Millisecond
)

// availableConn is a connection that nobody uses.
type availableConn struct {
	place *Place
	idle  time.Duration // for how long
}

// available lists the available connections of some pools, longest available first.
func available(shares []*Share) (all []availableConn) {
	for _, s := range shares {
		s.pool.EachPlace(func(p *Place, idle time.Duration) {
			if p.Share == s {
				all = append(all, availableConn{p, idle})
			}
		})
	}
	slices.SortStableFunc(all, func(x, y availableConn) int { return int(min(max(y.idle-x.idle, -1), 1)) })
	return all
}

// unmetLocked is the requesters, once for each place that they want, less those
// that are about to be served by what is being closed.
func (b *Budget) unmetLocked() (unmet []*Share) {
	for _, s := range b.queueLocked() {
		for range s.wants() - s.granted {
			unmet = append(unmet, s)
		}
	}
	return unmet[min(b.all.leaving, len(unmet)):]
}

// mayTakeLocked reports whether a requester may have the place of a connection that has
// been available for so long: if that is MinHoldTime, or its pool has more than its share,
// or the requester has none at all and both have waited, or held, for MinHoldTime. more is
// how many the requester is to get besides.
func (b *Budget) mayTakeLocked(c *Share, more int, p *Place, idle time.Duration, now time.Time) bool {
	s := p.Share
	if s == c || s.user != c.user && !b.accountLocked(c).free() {
		return false // it would be of no use
	}
	has := c.has() + more
	return idle >= MinHoldTime || s.has() >= has+2 ||
		has == 0 && now.Sub(c.since) >= MinHoldTime && now.Sub(p.since) >= MinHoldTime
}

// makeRoom closes connections that others can do without, for those that request a
// place.
func (b *Budget) makeRoom() {
	b.mu.Lock()
	wanted := len(b.unmetLocked()) > 0
	shares := slices.Collect(maps.Keys(b.shares))
	b.mu.Unlock()
	if !wanted {
		return
	}
	all := available(shares)

	b.mu.Lock()
	now := time.Now()
	more := map[*Share]int{}
	var victims []*Place
	for _, c := range b.unmetLocked() {
		for _, f := range all {
			if !f.place.leaving && !f.place.released && b.mayTakeLocked(c, more[c], f.place, f.idle, now) {
				b.leaveLocked(f.place)
				victims = append(victims, f.place)
				more[c]++
				break
			}
		}
	}
	b.mu.Unlock()
	b.evict(victims, pool.Overflow, true)
}

// evict closes the connections if nobody uses them still. They are noted as
// leaving.
func (b *Budget) evict(victims []*Place, why pool.Reason, needed bool) {
	chosen := map[*Place]bool{}
	count := map[*Share]int{}
	for _, p := range victims {
		chosen[p] = true
		count[p.Share]++
	}
	for s, n := range count {
		s.pool.EvictPlaces(n, why, needed, func(p *Place) bool { return chosen[p] })
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for p := range chosen {
		if !p.closing {
			b.stayLocked(p)
		}
	}
}

// retryRoom makes room again and again while some pool requests a place: what was
// used a moment ago may not be any more, and MinHoldTime passes.
func (b *Budget) retryRoom() {
	b.makeRoom()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.retry = nil
	if len(b.queueLocked()) > 0 {
		b.retry = time.AfterFunc(MinHoldTime, b.retryRoom)
	}
}

// Yields is pool.Config.Yield: whether a connection is closed that was just
// checked in.
func (s *Share) Yields(p *Place, needed bool) bool {
	b := s.Budget
	if !b.wanted.Load() && !s.orphan.Load() {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.leaving {
		return true
	}
	leaves := b.all.over() > 0 || b.accountLocked(s).over() > 0 || s.orphan.Load() && b.orphanSurplusLocked() > 0
	if !leaves {
		now := time.Now()
		for _, c := range b.unmetLocked() {
			if leaves = b.mayTakeLocked(c, 0, p, 0, now); leaves {
				break
			}
		}
	}
	if leaves {
		b.leaveLocked(p)
	}
	return leaves
}

// shrink closes what is available of more connections than there may be.
func (b *Budget) shrink() {
	b.mu.Lock()
	n := b.all.over()
	over := map[string]int{}
	for user, q := range b.accounts {
		over[user] = q.over()
		n = max(n, q.over())
	}
	shares := slices.Collect(maps.Keys(b.shares))
	b.mu.Unlock()
	if n > 0 {
		b.closeAvailable(available(shares), pool.Overflow, true, func(f availableConn) bool {
			s := f.place.Share
			return b.all.over() > 0 || b.accountLocked(s).over() > 0
		})
	}
}

// closeAvailable closes those of all that match, in their order. match runs under the
// lock; what it chose before is noted as leaving.
func (b *Budget) closeAvailable(all []availableConn, why pool.Reason, needed bool, match func(f availableConn) bool) {
	var victims []*Place
	b.mu.Lock()
	for _, f := range all {
		if !f.place.leaving && !f.place.released && match(f) {
			b.leaveLocked(f.place)
			victims = append(victims, f.place)
		}
	}
	b.mu.Unlock()
	b.evict(victims, why, needed)
}

// SetOrphan notes whether the pool has no handle.
func (s *Share) SetOrphan(orphan bool) {
	b := s.Budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.orphan.Swap(orphan) == orphan {
		return
	}
	sign := 1
	if !orphan {
		sign = -1
	}
	b.orphans += sign * s.taken
	b.orphansLeaving += sign * s.leaving
}

func (b *Budget) orphanSurplusLocked() int { return b.orphans - b.orphansLeaving - MaxOrphans }

// TrimOrphans closes what the pools without handles have too much between them.
func (b *Budget) TrimOrphans() {
	b.mu.Lock()
	var shares []*Share
	if b.orphanSurplusLocked() > 0 {
		for s := range b.shares {
			if s.orphan.Load() {
				shares = append(shares, s)
			}
		}
	}
	b.mu.Unlock()
	if shares != nil {
		b.closeAvailable(available(shares), pool.Overflow, true, func(availableConn) bool { return b.orphanSurplusLocked() > 0 })
	}
}

// Spacious reports whether half of the places are free and nobody requests one: then
// probes may keep connections, whose places nobody else can have.
func (b *Budget) Spacious() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.requests) == 0 && (b.all.limit == 0 || 2*b.all.taken <= b.all.limit)
}

// SetSize notes the pool's size.
func (s *Share) SetSize(size int) {
	s.Budget.mu.Lock()
	defer s.Budget.mu.Unlock()
	s.size = size
}

// beyond is how many connections the pool has beyond its size.
func (s *Share) beyond() int { return max(0, s.taken-s.leaving-s.size) }

// surplusLocked is how many are open beyond the sizes of their pools, more than a
// quarter of what the server takes: of an account, or of all with "" for the user.
func (b *Budget) surplusLocked(user string, q *quota) int {
	if q.max == 0 || q.taken <= q.max/4 {
		return 0
	}
	n := 0
	for s := range b.shares {
		if user == "" || s.user == user {
			n += s.beyond()
		}
	}
	return max(0, n-q.max/4)
}

// watchSurplusLocked has closeSurplus called soon if the pool, which took a place,
// may have made a surplus.
func (b *Budget) watchSurplusLocked(s *Share) {
	if b.surplus == nil && s.beyond() > 0 && (b.surplusLocked("", &b.all) > 0 || b.surplusLocked(s.user, b.accountLocked(s)) > 0) {
		b.surplus = time.AfterFunc(surplusTick, b.closeSurplus)
	}
}

// closeSurplus closes what a spike opened and nobody used for a while.
func (b *Budget) closeSurplus() {
	b.mu.Lock()
	most := b.surplusLocked("", &b.all)
	byUser := map[string]int{}
	due := most > 0
	for user, q := range b.accounts {
		byUser[user] = b.surplusLocked(user, q)
		due = due || byUser[user] > 0
	}
	b.surplus = nil
	var shares []*Share
	if due {
		b.surplus = time.AfterFunc(surplusTick, b.closeSurplus)
		for s := range b.shares {
			if s.beyond() > 0 {
				shares = append(shares, s)
			}
		}
	}
	b.mu.Unlock()
	if !due {
		return
	}
	b.closeAvailable(available(shares), pool.IdleTimeout, false, func(f availableConn) bool {
		s := f.place.Share
		if f.idle < surplusIdle || s.beyond() == 0 || most <= 0 && byUser[s.user] <= 0 {
			return false
		}
		most--
		byUser[s.user]--
		return true
	})
}
