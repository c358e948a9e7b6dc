package registry

import (
	"slices"
	"time"
)

// MaxLingering is how many pools linger at most. Each has up to one goroutine for
// each of its hosts, which probes it.
const MaxLingering = 64

// lingerLocked reports whether a pool without connections and handles stays for now:
// it knows of a host in back-off. A program that opens a handle for each request would
// find that out again with each of them, and log it. It stays for as long as its hosts
// are probed without being asked for, and while there are few such pools.
func (r *registry) lingerLocked(m *Member) bool {
	if m.ended || !m.shared || r.shared[m.key] != m {
		return false
	}
	wait := time.Until(m.dialer.RemembersUntil())
	if wait <= 0 {
		return false
	}
	if m.linger == nil {
		m.linger = time.AfterFunc(wait, func() { r.lingered(m) })
	}
	if slices.Contains(r.lingering, m) {
		return true
	}
	r.lingering = append(r.lingering, m)
	if len(r.lingering) > MaxLingering {
		oldest := r.lingering[0]
		r.stopLingeringLocked(oldest)
		if oldest.pool.Forget() {
			r.removeLocked(oldest)
		}
	}
	return true
}

// lingered looks again whether a pool is to stay.
func (r *registry) lingered(m *Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.linger = nil
	r.forgetLocked(m)
}

// stopLingeringLocked is for a pool that has a handle again, or is forgotten. The
// timer goes on, or a handle for each request would stop and start it each time.
func (r *registry) stopLingeringLocked(m *Member) {
	if i := slices.Index(r.lingering, m); i >= 0 {
		r.lingering = slices.Delete(r.lingering, i, i+1)
	}
}
