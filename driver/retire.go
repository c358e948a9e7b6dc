package mysqlpool

import (
	"slices"
	"time"
)

// retiredPerServer is how many pools without handles keep a connection, for
// each server. Of more than that the one that was left first closes its own.
const retiredPerServer = 16

// retire lets a pool that has had no handle for pool_idle_timeout keep one
// connection, until that is recycled: a handle per job must find it, and jobs
// may be far apart. Then the pool is empty, and forgotten.
func (r *registry) retire(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.watch = nil
	if m.handles > 0 || m.retired || r.forgetLocked(m) {
		return
	}
	if wait := time.Until(m.left.Add(m.login.idleTimeout)); wait > 0 { // somebody came and went
		m.watch = time.AfterFunc(wait, func() { r.retire(m) })
		return
	}
	m.retired = true
	m.pool.SetSize(min(m.login.size, 1), 0)
	if oldest := r.surplusLocked(m.login); oldest != nil {
		oldest.pool.SetSize(0, 0)
	}
}

// surplusLocked returns the retired pool of l's server that was left first, if
// there are too many.
func (r *registry) surplusLocked(l *login) *member {
	var retired []*member
	for _, m := range r.shared {
		if m.retired && m.login.meets(l) && m.pool.Stats().Open > 0 {
			retired = append(retired, m)
		}
	}
	if len(retired) <= retiredPerServer {
		return nil
	}
	return slices.MinFunc(retired, func(a, b *member) int { return a.left.Compare(b.left) })
}
