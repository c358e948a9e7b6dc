package registry

import (
	"context"
	"errors"
	"sync"
)

// Dispose closes every pool, and waits until nothing is in use or ctx ends.
func Dispose(ctx context.Context) error {
	pools.mu.Lock()
	pools.disposing++
	pools.disposals.Add(1)
	all := pools.membersLocked()
	pools.mu.Unlock()

	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, m := range all {
		wg.Go(func() { errs[i] = m.dispose(ctx) })
	}
	wg.Wait()

	pools.mu.Lock()
	defer pools.mu.Unlock()
	pools.disposing--
	for _, m := range all {
		pools.disposedLocked(m)
	}
	return errors.Join(errs...)
}

// dispose ends a pool, and what its dialer does in the background.
func (m *Member) dispose(ctx context.Context) error {
	m.dialer.End()
	err := m.pool.Dispose(ctx)
	m.dialer.Wait(ctx)
	return err
}
