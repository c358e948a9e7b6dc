package registry

import "time"

// retire lets a pool that has had no handle for pool_idle_timeout keep one
// connection, until that is recycled: a handle per job must find it, and jobs
// may be far apart. Then the pool is empty, and forgotten. How many the pools
// without handles keep between them is the budget's (see budget.MaxOrphans).
func (r *registry) retire(m *Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.watch = nil
	if m.handles > 0 || m.retired || r.forgetLocked(m) {
		return
	}
	if wait := time.Until(m.idleSince.Add(m.dialer.IdleTimeout)); wait > 0 { // somebody came and went
		m.watch = time.AfterFunc(wait, func() { r.retire(m) })
		return
	}
	m.retired = true
	m.setSize(min(m.dialer.Size, 1), 0)
}
