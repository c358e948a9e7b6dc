package mysqlpool

import (
	"context"
	"errors"
	"sync"

	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// member is a pool and who uses it.
type member struct {
	login *login
	pool  *pool.Pool[*physical]

	key     key
	shared  bool
	handles int // connectors that joined and did not leave; guarded by pools.mu
}

// pools is every pool of the process.
var pools = registry{shared: map[key]*member{}, own: map[*member]bool{}}

type registry struct {
	mu sync.Mutex // guards what follows; no pool is waited for under it

	shared    map[key]*member
	own       map[*member]bool // of one connector each
	disposing int              // calls of Dispose that have not returned
}

// join makes c a member of its pool, which it makes if there is none.
func (r *registry) join(c *connector) (*member, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := c.member.Load(); m != nil {
		return m, nil
	}
	if r.disposing > 0 {
		return nil, ErrDisposed
	}
	if c.closed && !c.shared {
		return nil, ErrDisposed
	}
	m := r.shared[c.key]
	if m == nil || !c.shared {
		m = r.newMember(c)
		if c.shared {
			r.shared[c.key] = m
		} else {
			r.own[m] = true
		}
	}
	if !c.closed {
		m.handles++
	}
	c.member.Store(m)
	return m, nil
}

func (r *registry) newMember(c *connector) *member {
	m := &member{login: newLogin(c), key: c.key, shared: c.shared}
	m.pool = pool.New(poolConfig(c, m.login, func() { r.forgetEmpty(m) }))
	m.login.setLimit = m.pool.SetLimit
	return m
}

// leave takes back join, for good.
func (r *registry) leave(c *connector) {
	r.mu.Lock()
	m := c.member.Load()
	if c.closed || m == nil {
		c.closed = true
		r.mu.Unlock()
		return
	}
	c.closed = true
	m.handles--
	r.forgetLocked(m)
	r.mu.Unlock()

	if !m.shared {
		// Whatever is in use is closed when it comes back.
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		m.pool.Dispose(gone)
	}
}

// forgetEmpty drops a pool that has neither connections nor handles.
func (r *registry) forgetEmpty(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgetLocked(m)
}

func (r *registry) forgetLocked(m *member) {
	if m.handles > 0 || r.disposing > 0 || !m.pool.Empty() {
		return
	}
	delete(r.own, m)
	if r.shared[m.key] == m {
		delete(r.shared, m.key)
	}
}

// replaced reports whether c's pool, m, was disposed of and c may join another.
func (r *registry) replaced(c *connector, m *member) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.disposing > 0 || !m.shared && c.closed {
		return false
	}
	c.member.CompareAndSwap(m, nil)
	return true
}

// membersLocked returns every pool.
func (r *registry) membersLocked() []*member {
	all := make([]*member, 0, len(r.shared)+len(r.own))
	for _, m := range r.shared {
		all = append(all, m)
	}
	for m := range r.own {
		all = append(all, m)
	}
	return all
}

// Dispose closes every connection of every pool: those that nobody uses at
// once, and each of the others when it comes back, for which it waits until
// ctx ends. It returns nil if all are closed; otherwise an error that says what
// is still in use and is ctx's error. Meanwhile every checkout fails with
// ErrDisposed; afterwards, in either case, the next one opens a fresh pool.
//
// Call it before the process ends, so that the server sees every connection
// said goodbye to, or in a test that looks for leaked goroutines.
func Dispose(ctx context.Context) error {
	pools.mu.Lock()
	pools.disposing++
	all := pools.membersLocked()
	pools.mu.Unlock()

	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, m := range all {
		wg.Go(func() { errs[i] = m.pool.Dispose(ctx) })
	}
	wg.Wait()

	pools.mu.Lock()
	defer pools.mu.Unlock()
	pools.disposing--
	for _, m := range all {
		delete(pools.own, m)
		if pools.shared[m.key] == m {
			delete(pools.shared, m.key)
		}
	}
	return errors.Join(errs...)
}
