package mysqlpool

import (
	"context"

	"github.com/mysqlpool/mysqlpool/internal/registry"
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
	seenDSNs.forget()
	return registry.Dispose(ctx)
}
