// Package registry has every pool of the process: which handles share one, and when a
// pool that has none is retired, forgotten or disposed of.
package registry

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/hosts"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// Member is a pool and who uses it.
type Member struct {
	dialer *hosts.Dialer
	pool   *pool.Pool[*physical.Conn]
	key    dsn.Key
	shared bool
	number int64 // counts the pools of the process

	// Guarded by pools.mu.

	handles   int         // connectors that joined and did not leave
	idleSince time.Time   // when the last one left
	watch     *time.Timer // calls retire; nil if no call is due
	retired   bool        // it had no handle for pool_idle_timeout, and keeps one connection: see retire
	ended     bool        // it was disposed of: no handle will use it again
	linger    *time.Timer // calls lingered; nil if no call is due
}

// pools is every pool of the process.
var pools = registry{shared: map[dsn.Key]*Member{}, own: map[*Member]bool{}}

type registry struct {
	// mu guards what follows. No pool is waited for under it. Lock order: mu, then
	// pool.Pool.mu, then budget.Budget.mu.
	mu sync.Mutex

	shared    map[dsn.Key]*Member
	own       map[*Member]bool // of one connector each, or ended and still in use
	lingering []*Member        // have no handle, and are kept for what they know: the oldest first
	disposing int              // calls of Dispose that have not returned
	made      int64            // pools

	disposals atomic.Int64 // calls of Dispose; changed under mu
}

// join makes c a member of its pool, which it makes if there is none.
func (r *registry) join(c *Handle) (*Member, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := c.member.Load(); m != nil {
		return m, nil
	}
	if r.disposing > 0 || c.over && !c.Shared {
		return nil, pool.ErrDisposed
	}
	m := r.shared[c.Key]
	if m == nil || !c.Shared {
		m = r.newMemberLocked(c)
		if c.Shared {
			r.shared[c.Key] = m
		} else {
			r.own[m] = true
		}
	}
	switch {
	case !c.over:
		m.handles++
		r.stopLingeringLocked(m)
		m.dialer.SetOrphan(false)
	case m.handles == 0:
		r.watchLocked(m)
	}
	if m.retired {
		m.retired = false
		m.setSize(c.Size, c.Warm)
	}
	c.member.Store(m)
	return m, nil
}

func (r *registry) newMemberLocked(c *Handle) *Member {
	r.made++
	m := &Member{dialer: hosts.New(c.Config), key: c.Key, shared: c.Shared, number: r.made}
	m.pool = pool.New(m.dialer.PoolConfig(&c.Config, func() { r.forgetEmpty(m) }, func(n int) { r.makeRoom(m, n) }))
	m.dialer.SetPool(m.pool, m.checkOut, func() { r.dropStmts(m) })
	return m
}

// checkOut checks a connection out, in a pool that was forgotten too: a
// connection may outlive its handle.
func (m *Member) checkOut(ctx context.Context, schema string) (*pool.Conn[*physical.Conn], error) {
	for {
		leased, err := m.pool.CheckOut(ctx, schema)
		if err != pool.ErrForgotten {
			return leased, err
		}
		if !pools.readmit(m) {
			return nil, pool.ErrDisposed
		}
		defer pools.forgetEmpty(m) // it may fail
	}
}

// setSize sets the size of the pool and its budget shares.
func (m *Member) setSize(size, warm int) {
	m.pool.SetSize(size, warm)
	m.dialer.SetSize(size)
}

// makeRoom closes n available connections at most in the other pools of
// m's server, which is full.
func (r *registry) makeRoom(m *Member, n int) {
	r.mu.Lock()
	all := r.membersLocked()
	r.mu.Unlock()
	for _, other := range all {
		if other != m && other.dialer.Meets(m.dialer) {
			n -= other.pool.CloseAvailable(n)
		}
	}
}

// dropStmts has the pools of m's server drop the statements that they keep, for
// a while: the server has too many.
func (r *registry) dropStmts(m *Member) {
	r.mu.Lock()
	all := r.membersLocked()
	r.mu.Unlock()
	for _, other := range all {
		if other.dialer.Meets(m.dialer) && other.dialer.Stmts.Pause() {
			other.pool.UseEachAvailable((*physical.Conn).ClosePending)
		}
	}
}

// leave undoes join, for good.
func (r *registry) leave(c *Handle) {
	r.mu.Lock()
	m := c.member.Load()
	if c.over || m == nil {
		c.over = true
		r.mu.Unlock()
		return
	}
	c.over = true
	if m.handles--; m.handles == 0 {
		m.dialer.Left()
	}
	if !r.forgetLocked(m) && m.handles == 0 && m.shared {
		r.watchLocked(m)
	}
	r.mu.Unlock()

	if m.shared {
		m.dialer.TrimOrphans()
	} else {
		r.closeOwnPool(c)
	}
}

// closeOwnPool closes the pool that belongs to c alone, once c is closed and none of its
// logical connections is open any more. Until then it keeps what these have.
func (r *registry) closeOwnPool(c *Handle) {
	r.mu.Lock()
	m, closed := c.member.Load(), c.over
	r.mu.Unlock()
	switch {
	case m == nil || !closed:
	case c.open.Load() > 0:
		m.setSize(0, 0)
		m.pool.CloseIdle()
	default:
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		m.dispose(gone)
	}
}

// watchLocked has a pool without handles retired in time.
func (r *registry) watchLocked(m *Member) {
	m.idleSince = time.Now()
	m.dialer.SetOrphan(true)
	if m.watch == nil {
		m.watch = time.AfterFunc(m.dialer.IdleTimeout, func() { r.retire(m) })
	}
}

// forgetEmpty drops a pool that has neither connections nor handles, unless it lingers.
func (r *registry) forgetEmpty(m *Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgetLocked(m)
}

func (r *registry) forgetLocked(m *Member) bool {
	if m.handles > 0 && !m.ended || r.disposing > 0 {
		return false
	}
	if !m.pool.Empty() || r.lingerLocked(m) || !m.pool.Forget() {
		return false
	}
	r.removeLocked(m)
	return true
}

// readmit lists a pool again that was forgotten, which keeps nothing for long. It
// reports false while Dispose is under way, which would miss it.
func (r *registry) readmit(m *Member) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.disposing > 0 {
		return false
	}
	r.own[m] = true
	m.setSize(0, 0)
	m.pool.Remember()
	return true
}

// disposedLocked makes room for a fresh pool in the place of one that was
// disposed of, which is listed until it is empty.
func (r *registry) disposedLocked(m *Member) {
	m.ended = true
	r.removeLocked(m)
	r.own[m] = true
	r.forgetLocked(m)
}

func (r *registry) removeLocked(m *Member) {
	m.dialer.Pause()
	if m.watch != nil {
		m.watch.Stop()
	}
	if m.linger != nil {
		m.linger.Stop()
	}
	r.stopLingeringLocked(m)
	delete(r.own, m)
	if r.shared[m.key] == m {
		delete(r.shared, m.key)
	}
}

// replaced reports whether c's pool, m, was disposed of before a checkout began, when
// there were so many disposals, and c may join another. A checkout that Dispose ended
// must not begin again behind it.
func (r *registry) replaced(c *Handle, m *Member, disposals int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.disposing > 0 || r.disposals.Load() != disposals || !m.shared && c.over {
		return false
	}
	c.member.CompareAndSwap(m, nil)
	return true
}

// membersLocked returns every pool.
func (r *registry) membersLocked() []*Member {
	all := make([]*Member, 0, len(r.shared)+len(r.own))
	for _, m := range r.shared {
		all = append(all, m)
	}
	for m := range r.own {
		all = append(all, m)
	}
	return all
}
