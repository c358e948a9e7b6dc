package hosts

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/budget"
	"github.com/mysqlpool/mysqlpool/internal/failover"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// maxProbe bounds a probe. A host that takes longer is of no use.
const maxProbe = 10 * time.Second

// keepProbe is how soon a host must be due again for the connection that probes
// it to stay open: then a probe takes one round trip and no login.
const keepProbe = failover.MonitorInterval

// prober asks hosts what they are, in the background.
type prober struct{ *Dialer }

// startProbes sees to it that every host which is to be probed has a goroutine
// that does so, and has those look again at when that is.
func (l prober) startProbes() {
	b := l.hosts
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return
	}
	now := time.Now()
	for i, h := range b.hosts {
		_, due := b.tracker.NextProbe(i, now)
		switch {
		case b.probed[i]:
			h.wakes()
		case due && !b.paused:
			b.probed[i] = true
			l.watch.run(func(ctx context.Context) { l.probeLoop(ctx, h) })
		}
	}
}

// probeLoop probes a host whenever that is due, until it need not be probed any
// more, or nobody uses the pool: then the next login tries the host.
func (l prober) probeLoop(ctx context.Context, h *dialTarget) {
	var p *physical.Conn // what the latest probe left open
	closeProbe := func() {
		if p != nil {
			p.Abandon()
			p = nil
		}
	}
	defer closeProbe()
	for {
		at, ok := l.hosts.nextProbe(ctx, h)
		if !ok {
			return
		}
		if wait := time.Until(at); wait > 0 {
			if wait > keepProbe || !h.share.Budget.Spacious() {
				closeProbe() // nobody else could have its place
			}
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-h.wake:
				timer.Stop()
				continue
			case <-timer.C:
			}
		}
		if !l.hosts.startProbe(ctx, h) {
			return
		}
		p = l.probe(ctx, h, p)
		if ctx.Err() != nil {
			return
		}
		if !h.share.HasRoom() {
			closeProbe() // a checkout may need its place
		}
	}
}

// nextProbe is when a host is to be probed next. If it is not to be, its
// goroutine is expected to end.
func (b *hostSet) nextProbe(ctx context.Context, h *dialTarget) (at time.Time, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ctx.Err() != nil {
		return at, false // probed is of another one by now
	}
	at, ok = b.tracker.NextProbe(h.Index, time.Now())
	b.probed[h.Index] = ok && !b.over
	return at, b.probed[h.Index]
}

// wakes has the goroutine that probes a host see when that is due.
func (h *dialTarget) wakes() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// startProbe notes that a probe starts. It reports false if nobody needs it; then
// the goroutine is expected to end.
func (b *hostSet) startProbe(ctx context.Context, h *dialTarget) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	now := time.Now()
	if !b.over && b.inUseLocked(now) {
		b.tracker.ProbeStarted(h.Index, now)
		return true
	}
	b.tracker.Unwatch(h.Index, now)
	b.probed[h.Index] = false
	return false
}

// probe asks a host what it is, on p or, if that is nil or broken, on a new
// connection, and reports it. It returns the connection.
func (l prober) probe(ctx context.Context, h *dialTarget, p *physical.Conn) *physical.Conn {
	h.probes.Add(1)
	limit := min(l.timeout/time.Duration(len(l.hosts.hosts)), maxProbe)
	began := time.Now()
	if p != nil {
		timed, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		if err := p.AskHost(timed); err == nil && p.IsValid() {
			l.report(h, p.Answer.Event, began, p.Answer.Why)
			return p
		}
		p.Abandon()
		limit -= time.Since(began)
	}
	p, began, err := l.awaitPlaceAndLogIn(ctx, h, limit)
	if err != nil {
		l.loginFailed(h, began, err)
		return nil
	}
	l.report(h, p.Answer.Event, began, p.Answer.Why)
	return p
}

// loginForProbe logs in for a probe, with a place that was taken.
func (l prober) loginForProbe(ctx context.Context, h *dialTarget, place *budget.Place) (*physical.Conn, error) {
	err := h.panics.recent()
	var end func(error)
	if err == nil {
		end, err = l.begin(ctx, h)
	}
	if err != nil {
		place.Release()
		return nil, err
	}
	return l.openIn(ctx, h, "", place, end)
}

// awaitPlaceAndLogIn logs in to a host to probe it. A host that serves is merely watched,
// which is no reason to take anybody's place. One that does not is waited for, or
// a pool could go on writing to another for as long as this one is full.
//
// began is when the login started.
func (l prober) awaitPlaceAndLogIn(ctx context.Context, h *dialTarget, limit time.Duration) (p *physical.Conn, began time.Time, err error) {
	began = time.Now()
	if rating, _ := l.hosts.rating(h); rating == failover.Wanted {
		timed, cancel := context.WithTimeout(pool.WithBackgroundLogin(ctx), limit)
		defer cancel()
		p, err = l.openOn(timed, h, "")
		return p, began, err
	}
	place, err := h.share.Await(ctx, limit)
	if err != nil {
		return nil, began, err
	}
	began = time.Now()
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p, err = l.loginForProbe(timed, h, place)
	return p, began, err
}

// loginFailed reports a login that failed, or a probe.
func (l *Dialer) loginFailed(h *dialTarget, began time.Time, err error) {
	switch {
	case !l.hosts.tracks:
	case mysqlerr.IsRefused(err):
		l.hosts.mu.Lock()
		first := l.hosts.tracker.RefusedLogin(h.Index, time.Now())
		l.hosts.mu.Unlock()
		if first {
			l.Log().LogAttrs(context.Background(), slog.LevelWarn, "mysqlpool: host refuses the login; it is tried again when a request logs in",
				slog.String("login", l.Name), slog.String("host", h.Addr), slog.String("reason", reasonOf(err)))
		}
	case mysqlerr.IsUnready(err):
		l.report(h, failover.NotReady, began, reasonOf(err))
	case isHosts(err) && !hasConnections(h, err) && !errors.Is(err, context.Canceled):
		event := failover.Failed
		if hasNoRoom(err) {
			event = failover.NoRoom
		}
		l.report(h, event, began, reasonOf(err))
	default:
		l.hosts.mu.Lock()
		l.hosts.tracker.ProbeInconclusive(h.Index, time.Now())
		l.hosts.mu.Unlock()
	}
}

// maxReason bounds the text of a reason.
const maxReason = 200

// reasonOf is an error as the reason of a host's state.
func reasonOf(err error) string {
	text := err.Error()
	if len(text) > maxReason {
		text = text[:maxReason] + "…"
	}
	return text
}
