package mysqlpool

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
)

// A server's limits change while it runs, and when it restarts. They are asked for
// again on a connection that nobody uses, once for each server and not for each
// pool; and on a login, if the latest answer is old.

const (
	// relearnAfter is how old an answer is before a login asks again. In the
	// background it gets half as old again at most.
	relearnAfter = 30 * time.Second

	// relearnSoon is when it is tried again if every connection is in use; the next
	// one that is put away is asked.
	relearnSoon = time.Second

	unknownLimit = -1
)

// serverLimits is what a server said of its limits. It is not changed.
type serverLimits struct {
	maxConnections int           // 0: no limit, or unknown
	waitTimeout    time.Duration // of sessions to come; 0: unknown
	maxStmts       int           // below 0: unknown
}

// differ reports whether two answers differ in what both say.
func (l *serverLimits) differ(other *serverLimits) bool {
	return l.maxConnections != other.maxConnections ||
		l.waitTimeout > 0 && l.waitTimeout != other.waitTimeout || l.maxStmts >= 0 && l.maxStmts != other.maxStmts
}

// relearning is when and what a budget learned. Guarded by budget.mu.
type relearning struct {
	limits        *serverLimits // nil until the first login
	learned       time.Time     // when; or when somebody began to ask
	globalMaxUser int           // the global max_user_connections, or unknownLimit
	uses          int64         // how often connections were used in all, as of the latest time
	relearn       *time.Timer   // calls askAgain; nil if no call is due
}

const askLimits = "SELECT @@global.max_connections, @@max_user_connections, @@global.max_user_connections, @@global.wait_timeout, @@wait_timeout, @@global.max_prepared_stmt_count"

// learn takes what the first login of a pool learned of the server.
func (s *share) learn(facts *serverFacts, waitTimeout string) {
	limits := &serverLimits{maxConnections: facts.maxConnections, maxStmts: facts.maxStmts}
	if s.host.config.Params["wait_timeout"] == "" {
		limits.waitTimeout, _ = waitTimeoutOf(waitTimeout)
	}
	b := s.budget
	b.mu.Lock()
	if b.limits != nil && limits.waitTimeout == 0 {
		limits.waitTimeout = b.limits.waitTimeout
	}
	if b.limits != nil && limits.maxConnections == 0 { // it did not say, to this login
		limits.maxConnections = b.limits.maxConnections
	}
	if b.limits != nil && *b.limits == *limits {
		limits = b.limits
	}
	s.adopted = limits
	b.takeLimitsLocked(limits)
	b.setAccountLocked(s, facts.maxUserConnections)
	b.grantLocked()
	b.mu.Unlock()
	b.shrink()
}

func (b *budget) takeLimitsLocked(limits *serverLimits) {
	b.limits, b.learned = limits, time.Now()
	b.setLimitsLocked(limits.maxConnections)
}

// watchLimitsLocked has the limits asked for again in time.
func (b *budget) watchLimitsLocked() {
	if b.relearn == nil {
		b.relearn = time.AfterFunc(relearnAfter+rand.N(relearnAfter/2), b.askAgain)
	}
}

// askAgain asks for the limits on some connection that nobody uses, unless no
// connection was used since the latest time.
func (b *budget) askAgain() {
	b.mu.Lock()
	var shares []*share
	for s := range b.shares { // in random order
		if s.taken > 0 && !s.mute {
			shares = append(shares, s)
		}
	}
	before := b.uses
	fresh := time.Since(b.learned) < relearnAfter
	b.mu.Unlock()

	uses := int64(0)
	for _, s := range shares {
		counts, _ := s.login.useTimes.Read()
		for _, n := range counts {
			uses += n
		}
	}
	asked := fresh || len(shares) == 0 || uses == before || slices.ContainsFunc(shares, func(s *share) bool { return s.pool.BorrowFree(s.owns, s.askOn) })
	if !asked {
		shares[0].pool.BorrowNext(shares[0].owns, shares[0].askOn)
	}

	b.mu.Lock()
	defer b.mu.Unlock()
	b.relearn = nil
	switch {
	case b.all.taken == 0:
	case asked:
		b.uses = uses
		b.watchLimitsLocked()
	default:
		b.relearn = time.AfterFunc(relearnSoon, b.askAgain)
	}
}

// owns reports whether a connection of the pool is to this server.
func (s *share) owns(p *physical) bool { return p.place.share == s }

// askOn asks on a connection that is lent for it, in the background.
func (s *share) askOn(p *physical, giveBack func(sound bool)) {
	ran := s.login.background.run(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		defer cancel()
		err := s.ask(ctx, p)
		giveBack(err == nil || mysqlerr.Number(err) != 0 && !mysqlerr.EndsSession(mysqlerr.Number(err)))
	})
	if !ran {
		giveBack(true)
	}
}

// ask asks for the limits, and has everybody know.
func (s *share) ask(ctx context.Context, p *physical) (err error) {
	defer p.survive("a look at the server's limits", &err)
	p.usedBy(nil)
	row, err := queryRow(ctx, p, askLimits)
	b := s.budget
	b.mu.Lock()
	if err != nil || len(row) != 6 {
		s.mute = s.mute || err == nil || cannotTell(err)
		b.mu.Unlock()
		return err
	}
	limits := &serverLimits{maxStmts: -1}
	limits.maxConnections, _ = strconv.Atoi(row[0])
	if n, err := strconv.Atoi(row[5]); err == nil {
		limits.maxStmts = n
	}
	// The global value is that of sessions to come, unless init_connect sets another.
	switch {
	case !p.initConnect:
		limits.waitTimeout, _ = waitTimeoutOf(row[3])
	case s.host.config.Params["wait_timeout"] == "":
		limits.waitTimeout, _ = waitTimeoutOf(row[4])
	}
	if b.limits != nil && limits.waitTimeout == 0 {
		limits.waitTimeout = b.limits.waitTimeout
	}
	news := b.limits != nil && b.limits.differ(limits)
	if b.limits != nil && *b.limits == *limits {
		limits = b.limits
	}
	b.takeLimitsLocked(limits)
	own, _ := strconv.Atoi(row[1])
	global, err := strconv.Atoi(row[2])
	if err != nil {
		global = unknownLimit
	}
	// What is an account's own was told to a login of it. What was the global one
	// follows that.
	for other := range b.shares {
		switch {
		case other.user == s.user:
			other.maxUser = own
		case b.globalMaxUser != unknownLimit && other.maxUser == b.globalMaxUser:
			other.maxUser = max(global, 0)
		}
		b.accountLocked(other).setMax(other.maxUser)
	}
	b.seeAccountsLocked()
	b.globalMaxUser = global
	var all []*share
	for other := range b.shares {
		all = append(all, other)
	}
	b.grantLocked()
	b.mu.Unlock()
	if news {
		s.login.log().LogAttrs(ctx, slog.LevelInfo, "mysqlpool: the server has other limits than before",
			slog.String("server", b.name), slog.Int("max_connections", limits.maxConnections),
			slog.Duration("wait_timeout", limits.waitTimeout), slog.Int("max_prepared_stmt_count", limits.maxStmts))
	}
	for _, other := range all {
		other.catchUp()
	}
	b.shrink()
	return nil
}

// askAtLogin asks on a connection that has just logged in, if the latest answer is
// old, and has the pool know what others were told meanwhile.
func (s *share) askAtLogin(ctx context.Context, p *physical) error {
	b := s.budget
	b.mu.Lock()
	old := b.limits != nil && !s.mute && time.Since(b.learned) > relearnAfter
	if old {
		b.learned = time.Now() // one asks
	}
	b.mu.Unlock()
	if old {
		if err := s.ask(ctx, p); err != nil && !cannotTell(err) {
			return mysqlerr.UnlessExpired(err)
		}
	}
	s.catchUp()
	return nil
}

// catchUp has the pool go by what was learned of the server since.
func (s *share) catchUp() {
	b := s.budget
	b.mu.Lock()
	limits, maxUser := b.limits, s.maxUser
	news := limits != nil && limits != s.adopted
	s.adopted = limits
	b.mu.Unlock()

	before := s.host.learned.Load()
	if before == nil || !news && before.maxUserConnections == maxUser {
		return
	}
	now := *before
	now.maxUserConnections = maxUser
	now.maxConnections, now.maxStmts = limits.maxConnections, limits.maxStmts
	if _, set := waitTimeoutOf(s.host.config.Params["wait_timeout"]); !set && limits.waitTimeout > 0 {
		now.waitTimeout = limits.waitTimeout
	}
	if !s.host.learned.CompareAndSwap(before, &now) {
		return // somebody else learned just now
	}
	s.login.applyLimits()
	if now.waitTimeout < before.waitTimeout && s.login.Recycle == dsn.Auto {
		s.pool.ShortenLives(func(p *physical) time.Duration {
			if p.place.share != s {
				return 0
			}
			return s.login.life(p)
		})
	}
}

// applyLimits takes the least that the login's hosts said of their limits.
func (l *login) applyLimits() {
	l.stmts.learn(l.least(func(s *serverFacts) int { return s.maxStmts }, -1))
	if l.MaxOverflow == dsn.Auto {
		l.setLimit(l.least((*serverFacts).limit, 0))
	}
}
