package mysqlpool

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/failover"
	"github.com/mysqlpool/mysqlpool/internal/loginpace"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// pingTimeout bounds a ping before a connection is handed out. A router that
// dropped the connection silently never answers, and the kernel would go on
// trying for some 15 minutes. In this time it sends a lost packet again three
// times.
const pingTimeout = 2 * time.Second

// leastPing is the least time after which a ping without an answer says that the
// connection is dead.
const leastPing = 250 * time.Millisecond

// Check implements pool.Resource: the stock driver's liveness check, which
// asks the socket and not the server, and a ping if nobody used the connection
// for pool_ping_after, or if another one to its host was found dead.
func (p *physical) Check(ctx context.Context, idle time.Duration) (err error) {
	defer p.survive("a check", &err)
	if p.used && p.login.Reset == dsn.ResetAlways {
		if err := p.checkSocket(ctx); err != nil {
			return err
		}
		if err := p.settleLastID(ctx); err != nil {
			return err
		}
		return p.within(ctx, checkTimeout, checkTimeout, idle, p.resetForNext)
	}
	if err := p.checkAlive(ctx, idle); err != nil {
		return err
	}
	return p.settle(ctx)
}

// checkAlive is Check of who owns it already.
func (p *physical) checkAlive(ctx context.Context, idle time.Duration) error {
	if err := p.checkSocket(ctx); err != nil {
		return err
	}
	if idle < p.login.PingAfter && p.host.doubts.Load() == p.proven && p.host.known.Kills.Load() == p.kills {
		return nil
	}
	return p.ping(ctx, idle)
}

func (p *physical) checkSocket(ctx context.Context) error {
	err := p.ResetSession(ctx)
	if err != nil {
		p.host.doubts.Add(1)
	}
	return err
}

func (p *physical) ping(ctx context.Context, idle time.Duration) error {
	own := pingTimeout
	if dial := p.host.cfg.Timeout; dial > 0 {
		own = min(own, dial)
	}
	limit := own
	// Half of what the caller has left, so that there is time for another.
	if until, ok := ctx.Deadline(); ok && time.Until(until)/2 >= leastPing {
		limit = min(limit, time.Until(until)/2)
	}
	return p.within(ctx, limit, own, idle, p.Ping)
}

// unproven is no number of doubts: the server is asked before the connection is
// used again, by its owner too.
const unproven = -1

// within does what asks the server before the connection is handed out, which
// nobody used for so long, and notes what the answer says of others. If there is
// none within the pool's own limit, what was idle for as long is as dead: each of
// them would cost somebody the same time. A limit that came from the caller's
// deadline says nothing of others; then one of them is asked, in the pool's own
// time.
func (p *physical) within(ctx context.Context, limit, own, idle time.Duration, ask func(context.Context) error) error {
	doubts, kills := p.host.doubts.Load(), p.host.known.Kills.Load()
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := ask(timed)
	switch {
	case err == nil:
		p.proven, p.kills = doubts, kills
	case ctx.Err() != nil: // the caller gave up
		if ctx.Err() == context.DeadlineExceeded {
			p.login.verify(p.host, own, idle)
		}
	case timed.Err() != nil && limit < own:
		p.login.verify(p.host, own, idle)
	case timed.Err() != nil:
		p.login.silent(p.host, own, idle)
	case mysqlerr.Number(err) == 0 && !errors.Is(err, errNoReset):
		p.host.doubts.Add(1)
	}
	return err
}

// saw notes what an error of a statement says of the connection, and of its
// host. No statement is tried again because of it.
func (p *physical) saw(err error) {
	number := mysqlerr.Number(err)
	if number != 0 {
		p.failed = p.failed || p.statusWord == nil
		p.forgetStatus()
	}
	switch {
	case number == 0:
		if err != driver.ErrSkip && err != mysql.ErrBusyBuffer && !p.IsValid() {
			p.isCut(isContextError(err))
		}
	case mysqlerr.MayEndSession(number):
		p.proven = unproven
	case mysqlerr.EndsSession(number):
		p.broken = true
		p.host.doubts.Add(1)
	case mysqlerr.IsUnready(err), mysqlerr.IsOffline(err):
		p.broken = true
		p.login.unready(p.host, err)
	}
}

// isCut notes that the socket was closed here, once.
func (p *physical) isCut(cancelled bool) {
	if !p.cut && !cancelled {
		p.host.doubts.Add(1)
	}
	p.cut = true
}

// silent notes that a connection to a host had no answer within limit, the pool's
// own, and that others were idle for as long.
func (l *login) silent(h *host, limit, idle time.Duration) {
	h.doubts.Add(1)
	l.invalidate(pool.Broken, func(o *physical, unused time.Duration) bool {
		return o.host == h && unused > 0 && unused >= idle
	})
	l.report(h, failover.Silent, time.Now(), fmt.Sprintf("a connection had no answer for %v", limit))
}

// verify pings one unused connection to a host, if there is one, with the pool's
// own limit: somebody whose deadline was shorter had no answer on another that
// was idle for so long.
func (l *login) verify(h *host, limit, idle time.Duration) {
	if !h.verifying.CompareAndSwap(false, true) {
		return
	}
	l.watch.run(func(ctx context.Context) {
		defer h.verifying.Store(false)
		asked := false
		l.eachUnused(func(p *physical) {
			if asked || p.host != h {
				return
			}
			asked = true
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			doubts := h.doubts.Load()
			err := p.verifyPing(ctx)
			switch {
			case err == nil:
				p.proven = doubts
			case ctx.Err() == context.DeadlineExceeded:
				l.silent(h, limit, idle)
			default:
				h.doubts.Add(1)
			}
		})
	})
}

func (p *physical) verifyPing(ctx context.Context) (err error) {
	defer p.survive("a ping", &err)
	return p.Ping(ctx)
}

// unready has what is connected to a host closed after use that refuses
// statements, if there are others.
func (l *login) unready(h *host, why error) {
	if !l.hosts.several() {
		return
	}
	l.report(h, failover.NotReady, time.Now(), reasonOf(why))
	l.invalidate(pool.Broken, func(o *physical, _ time.Duration) bool { return o.host == h })
}

// writeRefused notes that a host refused a write because it takes none. If another
// one takes writes, or was not asked yet, the connections to this one are closed
// after use. Otherwise they stay, since reads go on.
func (l *login) writeRefused(p *physical, why error) {
	b := l.hosts
	if !b.tracks || !b.target.Writes() {
		return
	}
	l.report(p.host, failover.Refused, time.Now(), reasonOf(why))
	b.mu.Lock()
	elsewhere := b.tracker.Elsewhere(p.host.index)
	b.mu.Unlock()
	if elsewhere {
		p.broken = true
		l.invalidate(pool.Recycled, func(o *physical, _ time.Duration) bool { return o.host == p.host })
	}
}

// rejectPause is how often a single host that became read-only has all its
// connections closed, so that logins look its name up again.
const rejectPause = time.Second

// becameReadOnly is for rejectReadOnly of a single host, with which the stock
// driver closed the connection that said so. Otherwise a failover would be met
// once for each.
func (l *login) becameReadOnly() {
	now := time.Now().UnixNano()
	last := l.rejected.Load()
	if now-last < int64(rejectPause) || !l.rejected.CompareAndSwap(last, now) {
		return
	}
	l.invalidate(pool.Broken, func(*physical, time.Duration) bool { return true })
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// isHosts reports whether a login failed because of the host, so that another
// host may do better.
func isHosts(err error) bool { return wasTried(err) && mysqlerr.IsOfHost(err) }

// wasTried reports whether a login that failed reached the host at all, or tried to.
func wasTried(err error) bool {
	return !errors.Is(err, pool.ErrNoPlace) && !errors.Is(err, loginpace.ErrPaced)
}
