package mysqlpool

import "github.com/mysqlpool/mysqlpool/internal/pool"

// Errors of the pool itself. Match them with errors.Is: what is returned wraps
// them and says the numbers that explain it. Every other error is the stock
// driver's own.
var (
	// ErrPoolTimeout means that no connection came free within pool_timeout, or
	// before the context's deadline; then it is context.DeadlineExceeded too.
	// The error says how long the checkout waited, how many connections may be
	// open, are in use, idle and pinned, and how many others wait.
	ErrPoolTimeout = pool.ErrTimeout

	// ErrDisposed means that Dispose is under way, or that the handle of a pool of
	// its own was closed.
	ErrDisposed = pool.ErrDisposed
)
