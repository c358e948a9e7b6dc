package physical

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// PingTimeout bounds a ping before a connection is handed out. If a router dropped the
// connection silently there is no answer, and the kernel would go on trying for some 15
// minutes. In 2 s it sends a lost packet again three times.
const PingTimeout = 2 * time.Second

// leastPing is the least time after which a ping without an answer says that the
// connection is dead: a round trip to another continent takes up to some 250 ms.
const leastPing = 250 * time.Millisecond

// Check implements pool.Resource: the stock driver's liveness check, which looks at the
// socket and sends nothing, and a ping if the connection was idle for pool_ping_after, or
// if another one to its host was found dead.
func (p *Conn) Check(ctx context.Context, idle time.Duration) error {
	p.diagnostics.checkBegins(idle)
	err := checker{p}.checkIdle(ctx, idle)
	p.diagnostics.checkEnded(ctx, err)
	return err
}

// checker checks a connection before it is handed out.
type checker struct{ *Conn }

func (p checker) checkIdle(ctx context.Context, idle time.Duration) (err error) {
	defer p.survive("a check", &err)
	if p.used && p.Shared.Reset == dsn.ResetAlways {
		if err := p.checkSocket(ctx); err != nil {
			return err
		}
		if err := resolveLastID(ctx, p.Conn); err != nil {
			return err
		}
		err := p.withLimit(ctx, CheckTimeout, CheckTimeout, idle, restorer(p).resetForNext)
		if errors.Is(err, errNoReset) {
			p.diagnostics.user = nil // closed because it cannot be reset: its last user lost nothing
		}
		return err
	}
	if err := p.checkAlive(ctx, idle); err != nil {
		return err
	}
	a := asker(p)
	if err := p.verifyAndRestore(ctx); err != nil || !a.baselineIsDue() {
		return err
	}
	return p.withLimit(ctx, CheckTimeout, CheckTimeout, idle, a.readBaseline)
}

// CheckAlive is Check for a logical connection that reclaims the connection it offered: the
// session is its own, so that there is nothing to verify or restore.
func (p *Conn) CheckAlive(ctx context.Context, idle time.Duration) error {
	return checker{p}.checkAlive(ctx, idle)
}

// errNotRestored means that a connection has session state that cannot be undone.
var errNotRestored = errors.New("mysqlpool: session state that cannot be undone")

// verifyAndRestore is called at checkout: it has the server answer if the status flags are
// unknown, and restores the session if they then show state. The former owner never waits
// for that. It sends nothing unless a statement failed, or left LAST_INSERT_ID() uncertain.
func (p checker) verifyAndRestore(ctx context.Context) error {
	if err := resolveLastID(ctx, p.Conn); err != nil {
		return err
	}
	if !p.Unverified() {
		return nil
	}
	if err := p.Verify(ctx); err != nil {
		return err
	}
	if p.Shared.Reset != dsn.ResetNever && p.kinds()&^session.FoundRows != 0 && !p.Restore(ctx) {
		return errNotRestored
	}
	return nil
}

func (p checker) checkAlive(ctx context.Context, idle time.Duration) error {
	if err := p.checkSocket(ctx); err != nil {
		return err
	}
	if idle < p.Shared.PingAfter && !p.live.mayBeDead(p.Host) {
		return nil
	}
	start := p.Shared.TraceStart()
	err := p.ping(ctx, idle)
	p.Shared.Traced(ctx, start, TraceEvent{Op: TracePing, Host: p.Host.Addr, Err: err})
	return err
}

func (p checker) checkSocket(ctx context.Context) error {
	err := p.ResetSession(ctx)
	if err != nil {
		p.Host.DeadFound.Add(1)
	}
	return err
}

func (p checker) ping(ctx context.Context, idle time.Duration) error {
	own := PingTimeout
	if dial := p.Host.Cfg.Timeout; dial > 0 {
		own = min(own, dial)
	}
	limit := own
	// Half of what the caller has left, so that there is time for another.
	if until, ok := ctx.Deadline(); ok && time.Until(until)/2 >= leastPing {
		limit = min(limit, time.Until(until)/2)
	}
	return p.withLimit(ctx, limit, own, idle, p.Ping)
}

// health is what is known of a connection besides the state of its socket. It gets worse,
// and better only by an answer of the server.
//
//	verified -> suspect        an error after which the server may end the session
//	suspect -> verified        it answered since
//	any -> broken              an answer shows that the session ends, or the stock driver panicked
//	any -> closedLocally       the socket was closed here
type health uint8

const (
	verified      health = iota
	suspect              // the connection is pinged before it is used again, by its owner too
	broken               // it must not be used again
	closedLocally        // nor can it be
)

// liveness is whether the session is there. Guarded by ownership.
type liveness struct {
	health health
	asOf   Moment // the host's when the server last answered a login or a ping
	killer bool   // it is used to kill another's statement
}

// worsens notes that the health is as bad as that, or worse.
func (l *liveness) worsens(to health) { l.health = max(l.health, to) }

// answered notes that the server answered what was sent after that moment.
func (l *liveness) answered(asOf Moment) {
	l.asOf = asOf
	if l.health == suspect {
		l.health = verified
	}
}

// mayBeDead reports whether something happened since the latest answer after which the
// session may be over.
func (l *liveness) mayBeDead(h *Host) bool {
	return l.health >= suspect || h.DeadFound.Load() != l.asOf.deadFound || h.Server.Kills.Load() != l.asOf.kills
}

// sound reports whether the connection may be used again, as far as is known.
func (p *Conn) sound() bool { return p.live.health < broken && p.IsValid() }

// withLimit calls ask, which needs an answer from the server before the connection is
// handed out; idle is how long the connection was unused. If no answer comes within own,
// every connection to this host that was idle at least as long is closed: each would cost
// a caller the same time. If only the caller's shorter limit ran out, one unused
// connection is pinged in the background instead.
func (p checker) withLimit(ctx context.Context, limit, own, idle time.Duration, ask func(context.Context) error) error {
	began := p.Host.Now()
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := ask(timed)
	switch {
	case err == nil:
		p.live.answered(began)
	case IsOfAfterLogin(err): // which means nothing about the host
	case ctx.Err() != nil: // the caller gave up
		if ctx.Err() == context.DeadlineExceeded {
			p.Shared.events.Verify(p.Host, own, idle)
		}
	case timed.Err() != nil && limit < own:
		p.Shared.events.Verify(p.Host, own, idle)
	case timed.Err() != nil:
		p.Shared.events.Silent(p.Host, own, idle)
	case mysqlerr.Number(err) == 0 && !errors.Is(err, errNoReset):
		p.Host.DeadFound.Add(1)
	}
	return err
}

// noteError notes what an error of a statement tells about the connection and its host.
// No statement is retried because of it.
func (p *Conn) noteError(err error) {
	number := mysqlerr.Number(err)
	if number != 0 {
		p.flags.refused()
	}
	switch {
	case number == 0:
		if err != driver.ErrSkip && err != mysql.ErrBusyBuffer && !p.IsValid() {
			p.closedHere(isContextError(err))
		}
	case mysqlerr.MayEndSession(number):
		p.live.worsens(suspect)
	case mysqlerr.EndsSession(number):
		p.live.worsens(broken)
		p.Host.DeadFound.Add(1)
	case mysqlerr.IsUnready(err), mysqlerr.IsOffline(err):
		p.live.worsens(broken)
		p.Shared.events.Unready(p.Host, err)
	}
}

// endsSession reports whether the server said with an error that the session ends.
func endsSession(err error) bool {
	return mysqlerr.EndsSession(mysqlerr.Number(err)) || mysqlerr.IsUnready(err) || mysqlerr.IsOffline(err)
}

// closedHere notes that the socket was closed here, once.
func (p *Conn) closedHere(cancelled bool) {
	if p.live.health != closedLocally && !cancelled {
		p.Host.DeadFound.Add(1)
	}
	p.live.worsens(closedLocally)
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// VerifyUnused pings an idle connection, and notes that it lives.
func (p *Conn) VerifyUnused(ctx context.Context) error {
	began := p.Host.Now()
	p.diagnostics.checks++
	err := checker{p}.verifyPing(ctx)
	if err == nil {
		p.live.answered(began)
	}
	return err
}

func (p checker) verifyPing(ctx context.Context) (err error) {
	defer p.survive("a ping", &err)
	return p.Ping(ctx)
}
