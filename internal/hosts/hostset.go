package hosts

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/failover"
	"github.com/mysqlpool/mysqlpool/internal/physical"
)

// watchFor is how long after the latest login was asked for, or the last handle left,
// hosts are probed that no connection is open to.
const watchFor = 30 * time.Second

// hostSet says which of several hosts is to be logged in to. With one host, and
// no pool_target that it must meet, there is nothing to say.
type hostSet struct {
	hosts   []*dialTarget // in the order of the DSN; immutable
	target  failover.Target
	spreads bool // pool_balance=round_robin
	tracks  bool // there are several, or pool_target says what the one must be

	mu              sync.Mutex // guards what follows; no I/O under it
	tracker         *failover.Tracker
	probed          []bool // a goroutine probes the host when that is due; see prober.probeLoop
	logged          []failover.State
	asked           time.Time // when a login was last asked for, or the last handle left
	moving          bool      // mover.spread is under way
	closingUnwanted bool      // mover.closeUnwantedLoop is
	paused          bool      // the pool was forgotten, and nobody logged in since
	over            bool      // the pool ended
}

func newHostSet(hosts []*dialTarget, o dsn.Options) *hostSet {
	b := &hostSet{
		hosts: hosts, target: o.Target.Hosts(), spreads: o.Balance == dsn.BalanceRoundRobin,
		probed: make([]bool, len(hosts)), logged: make([]failover.State, len(hosts)),
	}
	b.tracks = len(hosts) > 1 || o.Target != dsn.TargetAuto && o.Target != dsn.TargetAny
	b.tracker = failover.New(len(hosts), b.target, b.spreads)
	return b
}

func (b *hostSet) several() bool { return len(b.hosts) > 1 }

// candidates returns the hosts in the order in which a login should try them.
func (b *hostSet) candidates() (hosts []*dialTarget) {
	if !b.tracks {
		return b.hosts
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked, b.paused = time.Now(), false
	for _, i := range b.tracker.Candidates(b.asked, func(i int) int64 { return b.hosts[i].taken() }) {
		hosts = append(hosts, b.hosts[i])
	}
	return hosts
}

// rating says how much a host is wanted, and whether connections to it are to be
// closed for those to another.
func (b *hostSet) rating(h *dialTarget) (r failover.Rating, leaves bool) {
	if !b.tracks {
		return failover.Wanted, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tracker.Rating(h.Index), b.tracker.Leaves(h.Index)
}

// answers reports whether one of some hosts is known to take logins.
func (b *hostSet) answers(hosts []*dialTarget) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(hosts, func(h *dialTarget) bool {
		return b.tracker.IsReadOnly(h.Index) || b.tracker.Status(h.Index).State == failover.Up
	})
}

// unwantedLocked returns the hosts with connections that are to be closed, or with
// logins under way that may bring one.
func (b *hostSet) unwantedLocked() map[*physical.Host]bool {
	var unwanted map[*physical.Host]bool
	for i, h := range b.hosts {
		if h.taken() > 0 && b.tracker.Leaves(i) {
			if unwanted == nil {
				unwanted = map[*physical.Host]bool{}
			}
			unwanted[h.Host] = true
		}
	}
	return unwanted
}

// Left notes that the last handle left just now.
func (l *Dialer) Left() {
	b := l.hosts
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = time.Now()
}

// inUseLocked reports whether somebody needs to know which hosts can be used.
func (b *hostSet) inUseLocked(now time.Time) bool {
	if now.Sub(b.asked) < watchFor {
		return true
	}
	for _, h := range b.hosts {
		if h.taken() > 0 {
			return true
		}
	}
	return false
}

// RemembersUntil is until when the dialer is of use to those who come next, though its
// pool is empty and has no handle: it knows of a host in back-off. It may be past.
func (l *Dialer) RemembersUntil() (until time.Time) {
	b := l.hosts
	for _, h := range b.hosts {
		if at := h.panics.until(); at.After(until) {
			until = at
		}
	}
	if !b.tracks {
		return until
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if at := b.asked.Add(watchFor); !b.paused && at.After(until) && b.tracker.AnyUnusable() {
		until = at
	}
	return until
}

// Pause ends what looks after the hosts: the pool is empty, and has no handle.
func (l *Dialer) Pause() {
	b := l.hosts
	b.mu.Lock()
	defer b.mu.Unlock()
	l.watch.restart()
	b.paused, b.closingUnwanted, b.moving = true, false, false
	clear(b.probed)
	now := time.Now()
	for i := range b.hosts {
		if b.tracker.Rating(i) != failover.Wanted {
			b.tracker.Unwatch(i, now)
		}
	}
}

// end stops what is due.
func (b *hostSet) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

// describe says of each host what is known, for an error.
func (b *hostSet) describe() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for i, h := range b.hosts {
		s := b.tracker.Status(i)
		text := h.Addr + " is " + s.State.String()
		if !s.Since.IsZero() {
			text += fmt.Sprintf(" for %v", time.Since(s.Since).Round(time.Millisecond))
		}
		if s.Reason != "" {
			text += " (" + s.Reason + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// report notes what happened to a host: a login or a probe that started at began,
// or a connection that was in use. What follows from it is done: connections are
// closed, hosts are probed, and the change is logged.
func (l *Dialer) report(h *dialTarget, event failover.Event, began time.Time, why string) {
	b := l.hosts
	if !b.tracks {
		return
	}
	b.mu.Lock()
	if b.over {
		b.mu.Unlock()
		return
	}
	wasWanted := b.tracker.Rating(h.Index) == failover.Wanted
	change := b.tracker.Report(h.Index, event, began, time.Now(), why)
	wanted := b.tracker.Rating(h.Index) == failover.Wanted
	logged := b.logged[h.Index]
	b.logged[h.Index] = change.To
	b.mu.Unlock()
	if change.To != logged {
		l.logState(h, logged, change.To, why)
	}
	if b.spreads && wanted && !wasWanted {
		l.watch.run(mover{l}.spread)
	}
	mover{l}.closeUnwantedLoop()
	prober{l}.startProbes()
}

func (l *Dialer) logState(h *dialTarget, was, is failover.State, why string) {
	level := slog.LevelInfo
	switch {
	case is == failover.Down || is == failover.Full || is == failover.Unready, is == failover.ReadOnly && was == failover.Up && l.hosts.target.Writes():
		level = slog.LevelWarn
	case was == failover.Unknown, is == failover.Suspect, was == failover.Suspect && is == failover.Up:
		level = slog.LevelDebug
	}
	l.Log().LogAttrs(context.Background(), level, "mysqlpool: host is "+is.String(),
		slog.String("login", l.Name), slog.String("host", h.Addr), slog.String("state", is.String()), slog.String("was", was.String()), slog.String("reason", why))
}
