package mysqlpool

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	minHostRest = 500 * time.Millisecond // how long a host that failed is left alone, at first
	maxHostRest = 30 * time.Second
)

// balancer says which of several hosts is to be logged in to. With one there is
// nothing to say.
type balancer struct {
	hosts []*host // in the order of the DSN; immutable
	mode  balanceMode

	// look is called outside any lock when a host has been left alone for long
	// enough; see login.lookAt.
	look func(*host)

	mu   sync.Mutex // guards what follows
	turn int        // of round_robin
	rest map[*host]*rest
	over bool // nobody is looked at any more
}

// rest is of a host that failed.
type rest struct {
	until    time.Time     // it is left alone
	due      bool          // the next login is to try it
	took     time.Duration // how long that is, but for what chance takes off; doubles each time
	readOnly bool          // it failed because it takes no writes, at first or later
	answers  bool          // that was why it failed the latest time
	timer    *time.Timer   // calls look
	back     time.Time     // when it worked again; zero: it has not. If it fails soon, took goes on to grow
}

func (r *rest) resting() bool { return r != nil && r.back.IsZero() }

func (b *balancer) several() bool { return len(b.hosts) > 1 }

// choose returns the hosts in the order in which they are to be tried. Those
// that are left alone come last, since to try one is better than to fail; among them
// those first that take no writes, and do answer.
func (b *balancer) choose() []*host {
	if !b.several() {
		return b.hosts
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	order := slices.Clone(b.hosts)
	if b.mode == balanceRoundRobin {
		at := b.turn % len(order)
		b.turn++
		order = append(order[at:], order[:at]...)
		// One that was away for a while has fewer.
		slices.SortStableFunc(order, func(x, y *host) int { return cmp.Compare(x.taken(), y.taken()) })
	}
	slices.SortStableFunc(order, func(x, y *host) int {
		return cmp.Or(cmp.Compare(b.rankLocked(x), b.rankLocked(y)), b.untilLocked(x).Compare(b.untilLocked(y)))
	})
	return order
}

func (b *balancer) rankLocked(h *host) int {
	switch {
	case b.untilLocked(h).IsZero():
		return 0
	case b.rest[h].answers:
		return 1
	}
	return 2
}

// leftAlone reports whether nobody is to try a host who has another one.
func (b *balancer) leftAlone(h *host) bool {
	if !b.several() {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.untilLocked(h).IsZero()
}

// untilLocked is until when a host is left alone; the zero time if it is not. That
// it may be looked at is no reason for a request to wait for it.
func (b *balancer) untilLocked(h *host) time.Time {
	if r := b.rest[h]; r.resting() && !r.due {
		return r.until
	}
	return time.Time{}
}

// due has the next login try a host, since nobody looks at it.
func (b *balancer) due(h *host) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.rest[h]; r != nil {
		r.due = true
	}
}

// failed has a host left alone for a growing time. It reports whether it worked
// until now.
func (b *balancer) failed(h *host, readOnly bool) (news bool) {
	if !b.several() {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return false
	}
	now := time.Now()
	r := b.rest[h]
	switch {
	case r == nil || !r.back.IsZero() && now.Sub(r.back) > 2*r.took:
		r = &rest{took: minHostRest / 2}
		b.rest[h] = r
		news = true
	case !r.back.IsZero(): // it seemed to be back
		r.back = time.Time{}
	case now.Before(r.until) && !r.due:
		r.readOnly = r.readOnly || readOnly
		r.answers = readOnly
		return false // the same failure, met by somebody else
	default:
		r.timer.Stop()
	}
	r.took = min(2*r.took, maxHostRest)
	wait := r.took - rand.N(r.took/4+1)
	r.until = now.Add(wait)
	r.readOnly, r.answers, r.due = r.readOnly || readOnly, readOnly, false
	r.timer = time.AfterFunc(wait, func() { b.look(h) })
	return news
}

// works notes that a host can be used. It reports whether it was left alone.
func (b *balancer) works(h *host) (back bool) {
	if !b.several() {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rest[h]
	if !r.resting() {
		return false
	}
	r.timer.Stop()
	r.back, r.until, r.readOnly = time.Now(), time.Time{}, false
	return true
}

// resting reports whether a host failed and has not worked since, and whether
// because it takes no writes.
func (b *balancer) resting(h *host) (resting, readOnly bool) {
	if !b.several() {
		return false, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rest[h]
	return r.resting(), r.resting() && r.readOnly
}

// wantsWrites reports whether another host than this one refused a write since it
// became read-only, so that one without writes is not what the program should get:
// with failover there is one primary.
func (b *balancer) wantsWrites(but *host) bool {
	if !b.several() || b.mode != balanceFailover {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.hosts, func(h *host) bool {
		r := b.rest[h]
		return h != but && r.resting() && r.readOnly
	})
}

// end stops what is due.
func (b *balancer) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	for h, r := range b.rest {
		r.timer.Stop()
		delete(b.rest, h)
	}
}

// surplus is which connections a host that is back should have in the place of
// others: with failover those to hosts that come after it, or cannot be used and
// were better than none, with round_robin those beyond an even share. It returns
// how many of each host.
func (b *balancer) surplus(back *host) map[*host]int {
	many := map[*host]int{}
	total := int64(0)
	for _, h := range b.hosts {
		total += h.open.Load()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	after := false
	for _, h := range b.hosts {
		switch {
		case h == back:
			after = true
		case b.mode == balanceRoundRobin:
			share := (total + int64(len(b.hosts)) - 1) / int64(len(b.hosts))
			many[h] = int(h.open.Load() - share)
		case after, b.rest[h].resting():
			many[h] = int(h.open.Load())
		}
	}
	return many
}
