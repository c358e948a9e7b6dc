package physical

import (
	"context"
	"time"
)

// Keepalive pings an idle connection (pool_keepalive), as is done before it is handed out.
func (p *Conn) Keepalive(ctx context.Context, quiet time.Duration) (err error) {
	defer p.survive("a keepalive ping", &err)
	p.diagnostics.checks++
	if err := (checker{p}).checkSocket(ctx); err != nil {
		return err
	}
	return checker{p}.ping(ctx, quiet)
}
