package mysqlpool

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// budget is how many connections this process may have to one server, over all its
// pools. A login takes a place first, and the place is free again when the
// connection is closed, or the login failed. If none is free the pool claims one:
// the next that comes free is granted to the claimant with the fewest, of several
// to the one that came first, and its pool is woken. Meanwhile the others give up
// what they do not use, and what they have more than their share: see makeRoom and
// yields.
//
// Lock order: registry.mu, then pool.Pool.mu, then budget.mu, under which no other
// lock is taken.
type budget struct {
	name string // net(addr), for people; immutable

	// attentive says that somebody claims a place, or that more are taken than may
	// be. It changes under mu, and yields reads it without.
	attentive atomic.Bool

	mu       sync.Mutex // guards what follows, and shares, quotas and places
	all      quota
	accounts map[string]*quota // by user; those with a place or a grant
	shares   map[*share]bool   // those with a place, a grant or a claim
	claims   []*share          // in the order in which they came
	grants   uint64            // counts them

	orphans        int // places of pools without handles
	orphansLeaving int // of these, those that are being closed

	accountsOver bool // some account has more than it may have

	turns   *time.Timer // calls takeTurns; nil if no call is due
	unknown *time.Timer // calls addUnknown; nil if no call is due
	surplus *time.Timer // calls closeSurplus; nil if no call is due

	relearning
}

const (
	// unknownPlaces is how many places there are until the first login has told how
	// many connections the server takes.
	unknownPlaces = 8

	// unknownWait is after how long there are as many places more: those logins may
	// hang.
	unknownWait = 500 * time.Millisecond
)

func newBudget(a serverAddress) *budget {
	return &budget{
		all:  quota{limit: unknownPlaces},
		name: fmt.Sprintf("%s(%s)", a.net, a.addr), accounts: map[string]*quota{}, shares: map[*share]bool{},
		relearning: relearning{globalMaxUser: unknownLimit},
	}
}

// quota is a number of places: those on a server, or those of an account.
type quota struct {
	max     int // what the server allows; 0: no limit, or unknown
	limit   int // how many this process may take of it; 0: no limit
	taken   int // connections, logins under way, and those being closed
	granted int // kept for claimants that were woken
	leaving int // of taken: being closed, or about to be
}

func (q *quota) free() bool { return q.limit == 0 || q.taken+q.granted < q.limit }

// setMax takes an account's max_user_connections, of which nothing is reserved.
func (q *quota) setMax(maxUser int) { q.max, q.limit = maxUser, maxUser }

// over is how many more are taken than may be.
func (q *quota) over() int {
	if q.limit == 0 {
		return 0
	}
	return max(0, q.taken-q.leaving-q.limit)
}

// share is what one pool has of a budget. Guarded by budget.mu, unless it says
// otherwise.
type share struct {
	budget *budget               // immutable
	login  *login                // immutable
	host   *host                 // immutable
	user   string                // immutable
	pool   *pool.Pool[*physical] // immutable once the pool is used

	maxUser int           // max_user_connections of the account, as the pool knows it; 0: none
	adopted *serverLimits // what the pool knows of the server
	mute    bool          // the server does not answer askLimits
	size    int           // the pool's Size

	taken, leaving int
	granted        int
	grant          uint64    // the number of the latest grant
	claimed        bool      // it is in budget.claims
	since          time.Time // when it claimed
	taking         int       // logins that look for room just now
	attended       bool      // its pool was told of claims: see attentive

	// orphan says that the pool has no handle. It changes under budget.mu, and
	// yields reads it without.
	orphan atomic.Bool
}

// hasRoom reports whether the server, and the account, have a place free.
func (s *share) hasRoom() bool {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.accounts[s.user]
	return b.all.free() && (q == nil || q.free())
}

// has is how many connections the pool has, or is about to have.
func (s *share) has() int { return s.taken - s.leaving + s.granted }

// place is one connection to a server, or one login under way. Guarded by
// budget.mu.
type place struct {
	share    *share    // immutable
	since    time.Time // immutable
	leaving  bool      // it is being closed, or about to be, for the sake of others
	closing  bool      // it is closed, and released soon
	released bool
}

// placedConn gives up its place when it is closed, whoever closes it.
type placedConn struct {
	stockConn
	place *place
}

func (c placedConn) Close() error {
	defer c.place.closed()
	return c.stockConn.Close()
}

// closeTime is how long a server may go on to count a connection that was closed.
// Of max_connections there is a reserve for that.
const closeTime = 10 * time.Millisecond

// closed gives up the place of a connection that was closed, once the server has
// noticed if that matters.
func (p *place) closed() {
	s := p.share
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case p.released:
	case b.accountLocked(s).limit > 0:
		p.closing = true
		b.leaveLocked(p)
		time.AfterFunc(closeTime, p.release)
	default:
		b.releaseLocked(p)
	}
}

// take takes a place for a login. Without one free it returns an error that is
// pool.ErrNoPlace, after it has looked for connections that others can do without;
// asked says that a checkout asked for the login: only then others make room, and
// the pool is woken when there is some.
func (s *share) take(asked bool) (*place, error) {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	ok := b.admitLocked(s, asked)
	if !ok && asked {
		b.claimLocked(s)
		s.taking++
		b.mu.Unlock()
		b.makeRoom()
		b.mu.Lock()
		s.taking--
		ok = b.admitLocked(s, asked)
	}
	if !ok {
		err := b.refusalLocked(s)
		b.forgetLocked(s)
		return nil, err
	}
	return b.tookLocked(s), nil
}

// tookLocked is the place that the pool took just now.
func (b *budget) tookLocked(s *share) *place {
	if b.orphanSurplusLocked() > 0 {
		go b.trimOrphans()
	}
	b.watchSurplusLocked(s)
	b.watchLimitsLocked()
	return &place{share: s, since: time.Now()}
}

// awaitStep is how often await looks whether it was granted a place.
const awaitStep = 20 * time.Millisecond

// await is take for a probe, behind which no checkout waits: it claims a place for
// as long as limit.
func (s *share) await(ctx context.Context, limit time.Duration) (*place, error) {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	s.taking++
	defer func() {
		s.taking--
		if s.granted > 0 {
			go s.wake(s.grant)
		}
		b.forgetLocked(s)
	}()
	for until := time.Now().Add(limit); !b.admitLocked(s, true); {
		if ctx.Err() != nil || !time.Now().Before(until) {
			return nil, b.refusalLocked(s)
		}
		claimed := s.claimed
		b.claimLocked(s)
		b.mu.Unlock()
		if !claimed {
			b.makeRoom()
		}
		select {
		case <-ctx.Done():
		case <-time.After(awaitStep):
		}
		b.mu.Lock()
	}
	return b.tookLocked(s), nil
}

// admitLocked takes a place if one is free, or granted to the pool.
func (b *budget) admitLocked(s *share, asked bool) bool {
	account := b.accountLocked(s)
	switch {
	case asked && s.granted > 0:
		b.addGrantedLocked(s, -1)
	case !b.all.free() || !account.free():
		return false
	}
	b.addLocked(s)
	b.all.taken++
	account.taken++
	s.taken++
	if s.orphan.Load() {
		b.orphans++
	}
	b.unclaimLocked(s)
	b.attendLocked()
	return true
}

func (b *budget) addLocked(s *share) {
	if !b.shares[s] {
		b.shares[s] = true
		if b.attentive.Load() {
			s.attended = true
			s.pool.Attend(1)
		}
	}
}

// accountLocked is the quota of the pool's account.
func (b *budget) accountLocked(s *share) *quota {
	q := b.accounts[s.user]
	if q == nil {
		q = &quota{}
		q.setMax(s.maxUser)
		b.accounts[s.user] = q
	}
	return q
}

// release gives up the place. It may be called more than once.
func (p *place) release() {
	b := p.share.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if !p.released {
		b.releaseLocked(p)
	}
}

func (b *budget) releaseLocked(p *place) {
	s := p.share
	b.stayLocked(p)
	p.released = true
	b.all.taken--
	b.accountLocked(s).taken--
	s.taken--
	if b.accountsOver {
		b.seeAccountsLocked()
	}
	if s.orphan.Load() {
		b.orphans--
	}
	b.grantLocked()
	b.forgetLocked(s)
}

// leaveLocked notes that a connection is about to be closed for the sake of others.
func (b *budget) leaveLocked(p *place) {
	if !p.leaving && !p.released {
		b.addLeavingLocked(p, true, 1)
	}
}

// stayLocked undoes leaveLocked.
func (b *budget) stayLocked(p *place) {
	if p.leaving {
		b.addLeavingLocked(p, false, -1)
	}
}

func (b *budget) addLeavingLocked(p *place, leaving bool, n int) {
	p.leaving = leaving
	s := p.share
	s.leaving += n
	b.all.leaving += n
	b.accountLocked(s).leaving += n
	if s.orphan.Load() {
		b.orphansLeaving += n
	}
}

func (b *budget) addGrantedLocked(s *share, n int) {
	s.granted += n
	b.all.granted += n
	b.accountLocked(s).granted += n
}

// forgetLocked drops what nobody needs of a pool, and of its account.
func (b *budget) forgetLocked(s *share) {
	if s.taken == 0 && s.granted == 0 && !s.claimed && s.taking == 0 {
		if s.attended {
			s.attended = false
			s.pool.Attend(-1)
		}
		delete(b.shares, s)
	}
	if q := b.accounts[s.user]; q != nil && q.taken == 0 && q.granted == 0 {
		delete(b.accounts, s.user)
	}
	if b.all.taken == 0 {
		b.restLocked()
	}
	b.attendLocked()
}

// restLocked stops what is due while there are connections.
func (b *budget) restLocked() {
	if b.limits == nil {
		b.all.limit = unknownPlaces
	}
	for _, timer := range []**time.Timer{&b.surplus, &b.relearn} {
		if *timer != nil {
			(*timer).Stop()
			*timer = nil
		}
	}
}

// claimLocked has the pool wait for a place.
func (b *budget) claimLocked(s *share) {
	if s.claimed {
		return
	}
	s.claimed, s.since = true, time.Now()
	b.claims = append(b.claims, s)
	b.addLocked(s)
	if b.turns == nil {
		b.turns = time.AfterFunc(turnTime, b.takeTurns)
	}
	b.watchUnknownLocked()
	b.attendLocked()
}

// watchUnknownLocked has places added while nobody knows how many there are.
func (b *budget) watchUnknownLocked() {
	if b.limits == nil && b.unknown == nil {
		b.unknown = time.AfterFunc(unknownWait, b.addUnknown)
	}
}

func (b *budget) addUnknown() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unknown = nil
	if b.limits != nil || len(b.claims) == 0 {
		return
	}
	b.all.limit += unknownPlaces
	b.grantLocked()
	if len(b.claims) > 0 {
		b.watchUnknownLocked()
	}
}

func (b *budget) unclaimLocked(s *share) {
	if s.claimed {
		s.claimed = false
		b.claims = slices.DeleteFunc(b.claims, func(c *share) bool { return c == s })
	}
}

// attendLocked has every pool look, as connections are put away, whether somebody
// else needs the place; or not any more.
func (b *budget) attendLocked() {
	attentive := len(b.claims) > 0 || b.all.over() > 0 || b.accountsOver
	if attentive == b.attentive.Load() {
		return
	}
	b.attentive.Store(attentive)
	for s := range b.shares {
		s.attended = attentive
		if attentive {
			s.pool.Attend(1)
		} else {
			s.pool.Attend(-1)
		}
	}
}

// seeAccountsLocked sets accountsOver.
func (b *budget) seeAccountsLocked() {
	b.accountsOver = false
	for _, q := range b.accounts {
		b.accountsOver = b.accountsOver || q.over() > 0
	}
}

// wants is how many places a claimant could use at once.
func (s *share) wants() int { return max(s.taking, 1) }

// queueLocked is the claimants, those with the fewest connections first, and of
// them the one that came first. It drops the claims of pools where nobody waits
// any more.
func (b *budget) queueLocked() []*share {
	var stale []*share
	for _, s := range b.claims {
		if s.taking == 0 && !s.pool.HasWaiters() {
			stale = append(stale, s)
		}
	}
	for _, s := range stale {
		b.unclaimLocked(s)
		b.forgetLocked(s)
	}
	queue := slices.Clone(b.claims)
	slices.SortStableFunc(queue, func(x, y *share) int { return cmp.Compare(x.has(), y.has()) })
	return queue
}

// grantLocked grants the places that are free to claimants.
func (b *budget) grantLocked() {
	for b.all.free() && len(b.claims) > 0 {
		granted := false
		for _, s := range b.queueLocked() {
			if !b.accountLocked(s).free() {
				continue
			}
			b.grants++
			s.grant = b.grants
			b.addGrantedLocked(s, 1)
			if s.granted >= s.wants() {
				b.unclaimLocked(s)
			}
			if s.taking == 0 {
				go s.wake(s.grant)
			}
			granted = true
			break
		}
		if !granted {
			break
		}
	}
	b.attendLocked()
}

// wake has the pool use what it was granted, or others get it.
func (s *share) wake(grant uint64) {
	if !s.pool.Wake() {
		s.returnGrants(func(latest uint64) bool { return latest == grant })
	}
}

// grantedUntil is the number of the latest grant.
func (b *budget) grantedUntil() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.grants
}

// settle is for a login that has ended, before which the budget had made so many
// grants: what it did not use of them goes to others.
func (s *share) settle(grants uint64) {
	s.returnGrants(func(latest uint64) bool { return latest <= grants })
}

func (s *share) returnGrants(which func(latest uint64) bool) {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.granted > 0 && s.taking == 0 && which(s.grant) {
		b.addGrantedLocked(s, -s.granted)
		b.grantLocked()
		b.forgetLocked(s)
	}
}

// noPlaceError is why a login was not tried.
type noPlaceError struct {
	what       string // that the limit is of
	limit, max int
	variable   string // that max is the value of
	own        int    // of the pool that was refused
	taken      int
}

func (e *noPlaceError) Error() string {
	if e.max == 0 {
		return fmt.Sprintf("%v: %s has not told how many connections it takes, and the first %d logins are under way", pool.ErrNoPlace, e.what, e.limit)
	}
	return fmt.Sprintf("%v: of %s this process may have %d connections (%s is %d), of which this pool has %d and others have %d",
		pool.ErrNoPlace, e.what, e.limit, e.variable, e.max, e.own, max(0, e.taken-e.own))
}

func (e *noPlaceError) Unwrap() error { return pool.ErrNoPlace }

func (b *budget) refusalLocked(s *share) error {
	e := &noPlaceError{what: b.name, limit: b.all.limit, max: b.all.max, variable: "max_connections", own: s.taken, taken: b.all.taken}
	if account := b.accountLocked(s); b.all.free() || !account.free() && account.limit < b.all.limit {
		e.what = "account " + s.user + " on " + b.name
		e.limit, e.max, e.variable, e.taken = account.limit, account.max, "max_user_connections", account.taken
	}
	return e
}

// setLimitsLocked takes max_connections; 0 is no limit.
func (b *budget) setLimitsLocked(maxConnections int) {
	b.all.max, b.all.limit = maxConnections, 0
	if maxConnections > 0 {
		b.all.limit = lessReserve(maxConnections)
	}
}

// setAccountLocked takes max_user_connections of a pool's account; 0 is none.
func (b *budget) setAccountLocked(s *share, maxUser int) {
	s.maxUser = maxUser
	if q := b.accounts[s.user]; q != nil {
		q.setMax(maxUser)
	}
	b.seeAccountsLocked()
}

// lessReserve is what a server allows less a reserve of 5 %, at least 3, for
// everybody else who must log in. It is never less than 1.
func lessReserve(maxConnections int) int {
	return max(1, maxConnections-max(3, maxConnections/20))
}
