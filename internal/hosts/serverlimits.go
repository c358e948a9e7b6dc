package hosts

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/budget"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/pool"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// pooled is the pool of a login, as its budgets see it.
type pooled struct {
	*pool.Pool[*physical.Conn]
	dialer *Dialer
}

func (p pooled) EachPlace(f func(p *budget.Place, idle time.Duration)) {
	p.EachAvailable(func(v *physical.Conn, idle time.Duration) { f(v.Place, idle) })
}

func (p pooled) EvictPlaces(n int, why pool.Reason, needed bool, match func(*budget.Place) bool) {
	p.Evict(n, why, needed, func(v *physical.Conn, _ time.Duration) bool { return match(v.Place) })
}

func (p pooled) Uses() (n int64) {
	counts, _ := p.dialer.UseTimes.Read()
	for _, c := range counts {
		n += c
	}
	return n
}

func (p pooled) AskAvailable(s *budget.Share) bool {
	return p.BorrowAvailable(owns(s), learner{p.dialer}.askOn)
}

func (p pooled) AskNext(s *budget.Share) { p.BorrowNext(owns(s), learner{p.dialer}.askOn) }

// owns returns whether a connection has a place of a share.
func owns(s *budget.Share) func(*physical.Conn) bool {
	return func(p *physical.Conn) bool { return p.Place.Share == s }
}

// learner asks the servers for their limits, and has the pool go by them.
type learner struct{ *Dialer }

// askOn asks a server for its limits on a connection that is borrowed for it, in the
// background.
func (l learner) askOn(p *physical.Conn, giveBack func(sound bool)) {
	ran := l.background.run(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, physical.CheckTimeout)
		defer cancel()
		err := l.relearn(ctx, p)
		giveBack(err == nil || mysqlerr.Number(err) != 0 && !mysqlerr.EndsSession(mysqlerr.Number(err)))
	})
	if !ran {
		giveBack(true)
	}
}

// Adopt applies the server's latest limits to the pool.
func (p pooled) Adopt(s *budget.Share) { learner{p.dialer}.catchUp(s) }

// relearn asks for the limits, and has everybody know.
func (l learner) relearn(ctx context.Context, p *physical.Conn) error {
	s := l.hostOf(p).share
	limits, account, tells, err := p.AskLimits(ctx)
	if !tells {
		s.NoteLimitsUnreadable()
	}
	if !tells || err != nil {
		return err
	}
	if s.Relearned(limits, account) {
		l.Log().LogAttrs(ctx, slog.LevelInfo, "mysqlpool: the server has other limits than before",
			slog.String("server", s.Budget.Name), slog.Int("max_connections", limits.MaxConnections),
			slog.Duration("wait_timeout", limits.WaitTimeout), slog.Int("max_prepared_stmt_count", limits.MaxStmts))
	}
	return nil
}

// relearnAtLogin asks on a connection that has just logged in, if the latest answer is
// old, and has the pool know what others were told meanwhile.
func (l learner) relearnAtLogin(ctx context.Context, h *dialTarget, p *physical.Conn) error {
	if h.share.StartRefreshIfStale() {
		if err := l.relearn(ctx, p); err != nil && !physical.CannotTell(err) {
			return mysqlerr.UnlessExpired(err)
		}
	}
	l.catchUp(h.share)
	return nil
}

// catchUp has the login go by what was learned of a server since.
func (l learner) catchUp(s *budget.Share) {
	limits, maxUser, news := s.News()
	i := slices.IndexFunc(l.hosts.hosts, func(h *dialTarget) bool { return h.share == s })
	h := l.hosts.hosts[i]
	before := h.Learned.Load()
	if before == nil || !news && before.MaxUserConnections == maxUser {
		return
	}
	now := *before
	now.MaxUserConnections = maxUser
	now.MaxConnections, now.MaxStmts = limits.MaxConnections, limits.MaxStmts
	if _, set := serverinfo.WaitTimeoutOf(h.Config.Params["wait_timeout"]); !set && limits.WaitTimeout > 0 {
		now.WaitTimeout = limits.WaitTimeout
	}
	if !h.Learned.CompareAndSwap(before, &now) {
		return // somebody else learned just now
	}
	l.applyLimits()
	if now.WaitTimeout < before.WaitTimeout && l.Recycle == dsn.Auto {
		l.shortenLives(func(p *physical.Conn) time.Duration {
			if p.Place.Share != s {
				return 0
			}
			return p.GreatestAge()
		})
	}
}

// minReported returns the smallest value that a host reported, or unknown if none did.
func (l learner) minReported(of func(*serverinfo.Facts) int, unknown int) int {
	n := unknown
	for _, h := range l.hosts.hosts {
		if s := h.Learned.Load(); s != nil {
			if v := of(s); v != unknown && (n == unknown || v < n) {
				n = v
			}
		}
	}
	return n
}

// Learned implements physical.Events: the pool, and all that use the server, go by what a first
// login learned.
func (l events) Learned(h *physical.Host, facts *serverinfo.Facts, waitTimeout string) {
	learner(l).applyLimits()
	limits := budget.Limits{MaxConnections: facts.MaxConnections, MaxStmts: facts.MaxStmts}
	if h.Config.Params["wait_timeout"] == "" {
		limits.WaitTimeout, _ = serverinfo.WaitTimeoutOf(waitTimeout)
	}
	l.hosts.hosts[h.Index].share.Learn(limits, facts.MaxUserConnections)
}

// applyLimits has the pool use the smallest limits that its hosts reported.
func (l learner) applyLimits() {
	l.Stmts.Learn(l.minReported(func(s *serverinfo.Facts) int { return s.MaxStmts }, -1))
	if l.MaxOverflow == dsn.Auto {
		l.setLimit(l.minReported((*serverinfo.Facts).Limit, 0))
	}
}
