package hosts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/failover"
	"github.com/mysqlpool/mysqlpool/internal/loginpace"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// events is what the connections of a dialer tell.
type events struct{ *Dialer }

var _ physical.Events = events{}

// isHosts reports whether a login failed because of the host, so that another
// host may do better.
func isHosts(err error) bool {
	return wasTried(err) && mysqlerr.IsOfHost(err) && !physical.IsOfAfterLogin(err)
}

// wasTried reports whether a login that failed reached the host at all, or tried to.
func wasTried(err error) bool {
	return !errors.Is(err, pool.ErrNoPlace) && !errors.Is(err, loginpace.ErrPaced)
}

// Silent implements physical.Events: it notes that a connection to a host had no answer
// within limit, the pool's own, and that others were idle for as long.
func (l events) Silent(h *physical.Host, limit, idle time.Duration) {
	h.DeadFound.Add(1)
	l.invalidate(pool.Broken, func(o *physical.Conn, unused time.Duration) bool {
		return o.Host == h && unused > 0 && unused >= idle
	})
	l.report(l.hosts.hosts[h.Index], failover.Silent, time.Now(), fmt.Sprintf("a connection had no answer for %v", limit))
}

// Verify implements physical.Events: it pings one unused connection to a host, if there is
// one, with the pool's own limit: somebody whose deadline was shorter had no answer on
// another that was idle for so long.
func (l events) Verify(known *physical.Host, limit, idle time.Duration) {
	h := l.hosts.hosts[known.Index]
	if !h.verifying.CompareAndSwap(false, true) {
		return
	}
	l.watch.run(func(ctx context.Context) {
		defer h.verifying.Store(false)
		asked := false
		l.useEachAvailable(func(p *physical.Conn) {
			if asked || p.Host != known {
				return
			}
			asked = true
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			switch err := p.VerifyUnused(ctx); {
			case err == nil:
			case ctx.Err() == context.DeadlineExceeded:
				l.Silent(known, limit, idle)
			default:
				h.DeadFound.Add(1)
			}
		})
	})
}

// Unready implements physical.Events. It closes, after use, the connections to a host that
// refuses statements, if there are other hosts.
func (l events) Unready(h *physical.Host, why error) {
	if !l.hosts.several() {
		return
	}
	l.report(l.hosts.hosts[h.Index], failover.NotReady, time.Now(), reasonOf(why))
	l.invalidate(pool.Broken, func(o *physical.Conn, _ time.Duration) bool { return o.Host == h })
}

// WriteRefused implements physical.Events: it notes that a host refused a write because it
// takes none. If another one takes writes, or was not asked yet, the connections to this
// one are closed after use. Otherwise they stay, since reads go on.
func (l events) WriteRefused(p *physical.Conn, why error) {
	b := l.hosts
	if !b.tracks || !b.target.Writes() {
		return
	}
	l.report(l.hostOf(p), failover.Refused, time.Now(), reasonOf(why))
	b.mu.Lock()
	elsewhere := b.tracker.Elsewhere(p.Host.Index)
	b.mu.Unlock()
	if elsewhere {
		p.MarkBroken()
		l.invalidate(pool.Recycled, func(o *physical.Conn, _ time.Duration) bool { return o.Host == p.Host })
	}
}

// RejectPause is how often a single host that became read-only has all its
// connections closed, so that logins look its name up again.
const RejectPause = time.Second

// BecameReadOnly implements physical.Events, for rejectReadOnly of a single host, with
// which the stock driver closed the connection that said so. Otherwise a failover would be
// met once for each.
func (l events) BecameReadOnly() {
	now := time.Now().UnixNano()
	last := l.rejected.Load()
	if now-last < int64(RejectPause) || !l.rejected.CompareAndSwap(last, now) {
		return
	}
	l.invalidate(pool.Broken, func(*physical.Conn, time.Duration) bool { return true })
}

// TooManyStmts implements physical.Events.
func (l events) TooManyStmts() { l.tooManyStmts() }
