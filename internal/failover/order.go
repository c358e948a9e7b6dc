package failover

import (
	"cmp"
	"slices"
	"time"
)

// Candidates returns the hosts to try: wanted, then fallback, then last-resort hosts.
// Hosts of the wrong role are left out. For primary and replica, hosts that are down are
// left out too while a host of the wrong role answers; full hosts stay. load returns a
// host's connection count.
func (t *Tracker) Candidates(now time.Time, load func(i int) int64) []int {
	order := make([]int, len(t.hosts))
	for i := range order {
		order[i] = i
	}
	if t.spread {
		at := t.rotation % len(order)
		t.rotation++
		order = append(order[at:], order[:at]...)
		slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(load(x), load(y)) })
	}
	answers := slices.ContainsFunc(order, func(i int) bool { return t.rating(i) == Never })
	order = slices.DeleteFunc(order, func(i int) bool {
		r := t.rating(i)
		return r == Never || r == Last && t.target.strict() && answers && t.hosts[i].stateIgnoringProbe() != Full
	})
	slices.SortStableFunc(order, func(x, y int) int {
		c := cmp.Compare(t.rating(x), t.rating(y))
		if c == 0 && t.rating(x) == Last {
			// What answers comes first, then what is probed first.
			c = cmp.Or(cmp.Compare(t.hosts[x].stateIgnoringProbe(), t.hosts[y].stateIgnoringProbe()), t.hosts[x].next.Compare(t.hosts[y].next))
		}
		return c
	})
	return order
}

// Leaves reports whether the connections to host i are to be closed when they
// are not in use, because another host is wanted in their place.
func (t *Tracker) Leaves(i int) bool {
	first := -1 // the first that is wanted
	known := -1 // ... and known to be
	for j := range t.hosts {
		if t.rating(j) != Wanted {
			continue
		}
		if first < 0 {
			first = j
		}
		if s := t.hosts[j].state; known < 0 && s != Unknown && s != Suspect {
			known = j
		}
	}
	switch {
	case t.rating(i) == Last:
		for j := range t.hosts {
			if t.rating(j) < Last { // to try one is better, if nobody did yet
				return true
			}
		}
		return false
	case known < 0:
		return t.rating(i) == Never
	case t.rating(i) != Wanted:
		return true
	case t.spread || known != first:
		return false
	}
	return i != first
}
