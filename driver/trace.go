package mysqlpool

import (
	"context"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/physical"
)

// TraceOp is what a pool does for a request besides its statements.
type TraceOp string

const (
	// TraceWait is a checkout that had to wait in the queue, be it for a login. A
	// connection that turns out to be dead sends its checkout there again.
	TraceWait TraceOp = "wait"
	// TraceLogin is one login to one host, with what the pool asks a new connection
	// and what the DSN sets: for a checkout that waits, which may be served by
	// another connection first; or for pool_warm, to replace a connection, or to
	// probe a host.
	TraceLogin TraceOp = "login"
	// TraceRestore is session state that was undone, reset, or closed with its
	// connection.
	TraceRestore TraceOp = "restore"
	// TracePing is the ping of a connection before it is used, because it was idle
	// for pool_ping_after, or another one to its host was found dead. Those of
	// pool_keepalive, which no request waits for, are not told.
	TracePing TraceOp = "ping"
)

// TraceEvent is what a pool did, once it has ended. It has no SQL text, no
// argument and no password, except for what Err may quote.
type TraceEvent struct {
	Op       TraceOp
	Login    string        // user@net(addr), as in PoolStats
	Name     string        // pool_name
	Host     string        // host:port, or a socket's path; "" for a wait, which is for any host
	Start    time.Time     // when it began
	Duration time.Duration // how long it took
	State    string        // of a restore: kinds of session state that were left, as PoolStats.PinnedBy names them; "" if none is known
	How      string        // of a restore: "undone", "reset", or "closed" if neither was possible
	Err      error         // why it failed; nil if it did not. Of a server it has the server's own message.
}

// AddTracer has f called for each event of every pool of the process, until remove
// is called; both may be called at any time. Without a tracer no clock is read for
// an event, and nothing is allocated. Package driver/otel makes spans with it.
//
// ctx has the values of the request's context where a request waits for what was
// done, or asked for it: of a wait, of a login that a checkout asked for, and of
// what is done to a connection before it is handed out (a ping, the reset of
// pool_reset=always, the restore of what only an error left in doubt). It may have
// ended. What is done in the background, as most restores are, has a context without
// values.
//
// f is called by the goroutine that did it, which a request may wait for: it must
// be quick, may be called by several at once, and must use no handle of a pool. A
// panic in it ends the process as any other does.
func AddTracer(f func(ctx context.Context, e TraceEvent)) (remove func()) {
	return tracer.Add(func(ctx context.Context, e physical.TraceEvent) {
		f(ctx, TraceEvent{TraceOp(e.Op), e.Login, e.Name, e.Host, e.Start, e.Duration, e.State, e.How, e.Err})
	})
}

// tracer is who is told, for every pool.
var tracer physical.Tracer
