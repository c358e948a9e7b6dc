package mysqlpool

import (
	"context"
	"errors"
	"sync"
)

// Dispose closes every pool. Connections that nobody uses are closed immediately,
// with whatever session state is on them (the server rolls back what is open);
// those in use are closed when they are returned. Dispose waits for these until
// ctx ends. It returns nil if all are closed, else an error that says what is still
// in use and that is ctx's error. While it runs every checkout fails with
// ErrDisposed; afterwards, in either case, the next one opens a fresh pool.
//
// What is still in use stays in Stats, and another call waits for it too.
//
// Call it when the handles are closed, before the process ends, so that connections
// are closed cleanly and the server counts no aborted clients; or in a test that
// looks for leaked goroutines.
func Dispose(ctx context.Context) error {
	pools.mu.Lock()
	pools.disposing++
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

// dispose ends a pool, and what its login does in the background.
func (m *member) dispose(ctx context.Context) error {
	m.login.hosts.end()
	m.login.background.cancel()
	m.login.watch.end()
	err := m.pool.Dispose(ctx)
	m.login.background.wait(ctx)
	m.login.watch.wait(ctx)
	return err
}
