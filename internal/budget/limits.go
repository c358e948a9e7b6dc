package budget

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// A server's limits change while it runs, and when it restarts. They are asked for
// again on a connection that nobody uses, once for each server and not for each
// pool; and on a login, if the latest answer is old.

const (
	// relearnAfter is how old an answer is before a login asks again. In the
	// background it gets half as old again at most.
	relearnAfter = 30 * time.Second

	// relearnSoon is when it is tried again if every connection is in use; the next
	// one that is released is asked.
	relearnSoon = time.Second

	UnknownLimit = -1
)

// Limits is what a server said of its limits. It is not changed.
type Limits struct {
	MaxConnections int           // 0: no limit, or unknown
	WaitTimeout    time.Duration // of sessions to come; 0: unknown
	MaxStmts       int           // max_prepared_stmt_count; below 0: unknown
}

// differ reports whether two answers differ in what both say.
func (l *Limits) differ(other *Limits) bool {
	return l.MaxConnections != other.MaxConnections ||
		l.WaitTimeout > 0 && l.WaitTimeout != other.WaitTimeout || l.MaxStmts >= 0 && l.MaxStmts != other.MaxStmts
}

// AccountLimits is what a server said of an account to a session of it.
type AccountLimits struct {
	Own    int // the account's max_user_connections; 0: none
	Global int // the global one, or UnknownLimit
}

// relearning is when and what a budget learned. Guarded by Budget.mu.
type relearning struct {
	limits        *Limits     // nil until the first login
	learned       time.Time   // when; or when somebody began to ask
	globalMaxUser int         // the global max_user_connections, or UnknownLimit
	uses          int64       // how often connections were used in all, as of the latest time
	relearn       *time.Timer // calls askAgain; nil if no call is due
}

// Learn takes what the first login of a pool learned of the server.
func (s *Share) Learn(l Limits, maxUser int) {
	b := s.Budget
	b.mu.Lock()
	if b.limits != nil && l.MaxConnections == 0 { // it did not say, to this login
		l.MaxConnections = b.limits.MaxConnections
	}
	s.adopted = b.mergeLocked(&l)
	b.takeLimitsLocked(s.adopted)
	b.setAccountLocked(s, maxUser)
	b.grantLocked()
	b.mu.Unlock()
	b.shrink()
}

// mergeLocked adds to an answer what it does not say and an earlier one did. If
// nothing is new it returns the earlier one.
func (b *Budget) mergeLocked(l *Limits) *Limits {
	if b.limits != nil && l.WaitTimeout == 0 {
		l.WaitTimeout = b.limits.WaitTimeout
	}
	if b.limits != nil && *b.limits == *l {
		return b.limits
	}
	return l
}

func (b *Budget) takeLimitsLocked(l *Limits) {
	b.limits, b.learned = l, time.Now()
	b.setLimitsLocked(l.MaxConnections)
}

// watchLimitsLocked has the limits asked for again in time.
func (b *Budget) watchLimitsLocked() {
	if b.relearn == nil {
		b.relearn = time.AfterFunc(relearnAfter+rand.N(relearnAfter/2), b.askAgain)
	}
}

// askAgain asks for the limits on some connection that nobody uses, unless no
// connection was used since the latest time.
func (b *Budget) askAgain() {
	b.mu.Lock()
	var shares []*Share
	for s := range b.shares { // in random order
		if s.taken > 0 && !s.cannotReadLimits {
			shares = append(shares, s)
		}
	}
	before := b.uses
	fresh := time.Since(b.learned) < relearnAfter
	b.mu.Unlock()

	uses := int64(0)
	for _, s := range shares {
		uses += s.pool.Uses()
	}
	asked := fresh || len(shares) == 0 || uses == before || slices.ContainsFunc(shares, func(s *Share) bool { return s.pool.AskAvailable(s) })
	if !asked {
		shares[0].pool.AskNext(shares[0])
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

// NoteLimitsUnreadable notes that the server does not answer a query for its limits.
func (s *Share) NoteLimitsUnreadable() {
	b := s.Budget
	b.mu.Lock()
	defer b.mu.Unlock()
	s.cannotReadLimits = true
}

// Relearned takes an answer, to a session of the share's account, and has every pool
// adopt it. It reports whether it differs from the one before.
func (s *Share) Relearned(l Limits, account AccountLimits) (differs bool) {
	b := s.Budget
	b.mu.Lock()
	latest := b.mergeLocked(&l)
	differs = b.limits != nil && b.limits.differ(latest)
	b.takeLimitsLocked(latest)
	// What is an account's own was told to a login of it. What was the global one
	// follows that.
	for other := range b.shares {
		switch {
		case other.user == s.user:
			other.maxUser = account.Own
		case b.globalMaxUser != UnknownLimit && other.maxUser == b.globalMaxUser:
			other.maxUser = max(account.Global, 0)
		}
		b.accountLocked(other).setMax(other.maxUser)
	}
	b.seeAccountsLocked()
	b.globalMaxUser = account.Global
	all := slices.Collect(maps.Keys(b.shares))
	b.grantLocked()
	b.mu.Unlock()
	for _, other := range all {
		other.pool.Adopt(other)
	}
	b.shrink()
	return differs
}

// StartRefreshIfStale reports whether the latest answer is old. If so the caller must ask:
// nobody else is told to.
func (s *Share) StartRefreshIfStale() bool {
	b := s.Budget
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.limits != nil && !s.cannotReadLimits && time.Since(b.learned) > relearnAfter
	if old {
		b.learned = time.Now() // one asks
	}
	return old
}

// News returns what is known of the server and the account, nil if nothing is, and
// whether that is new since the latest call.
func (s *Share) News() (l *Limits, maxUser int, isNew bool) {
	b := s.Budget
	b.mu.Lock()
	defer b.mu.Unlock()
	isNew = b.limits != nil && b.limits != s.adopted
	s.adopted = b.limits
	return b.limits, s.maxUser, isNew
}
