// Package budget shares the connections that a server takes among the pools of the
// process.
package budget

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/pool"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// Budget is how many connections this process may have to one server, over all its
// pools. A login takes a place first, and the place is free again when the
// connection is closed, or the login failed. If none is free the pool requests one:
// the next that comes free is granted to the requester with the fewest, of several
// to the one that came first, and its pool is woken. Meanwhile the others release
// what they do not use, and what they have more than their share: see makeRoom and
// Share.Yields.
//
// Lock order: the registry's mu, then pool.Pool.mu, then Budget.mu, under which no other
// lock is taken.
type Budget struct {
	Name string // net(addr), for people; immutable

	// wanted says that some pool requests a place, or that more are taken than may
	// be. It changes under mu, and Share.Yields reads it without.
	wanted atomic.Bool

	mu       sync.Mutex // guards what follows, and shares, quotas and places
	all      quota
	accounts map[string]*quota // by user; those with a place or a grant
	shares   map[*Share]bool   // those with a place, a grant or a request
	requests []*Share          // in the order in which they came
	grants   uint64            // counts them

	orphans        int // places of pools without handles
	orphansLeaving int // of these, those that are being closed

	accountsOver bool // some account has more than it may have

	retry           *time.Timer // calls retryRoom; nil if no call is due
	addUnknownTimer *time.Timer // calls addUnknown; nil if no call is due
	surplus         *time.Timer // calls closeSurplus; nil if no call is due

	relearning
}

const (
	// UnknownPlaces is how many places there are until the first login has told how
	// many connections the server takes.
	UnknownPlaces = 8

	// UnknownWait is after how long there are as many places more: those logins may
	// hang.
	UnknownWait = 500 * time.Millisecond
)

func New(name string) *Budget {
	return &Budget{
		all:  quota{limit: UnknownPlaces},
		Name: name, accounts: map[string]*quota{}, shares: map[*Share]bool{},
		relearning: relearning{globalMaxUser: UnknownLimit},
	}
}

// quota is a number of places: those on a server, or those of an account.
type quota struct {
	max     int // what the server allows; 0: no limit, or unknown
	limit   int // how many this process may take of it; 0: no limit
	taken   int // connections, logins under way, and those being closed
	granted int // kept for requesters that were woken
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

// Share is what one pool has of a budget. Guarded by Budget.mu, unless it says
// otherwise.
type Share struct {
	Budget *Budget // immutable
	user   string  // immutable
	pool   Pool    // immutable once the pool is used

	maxUser          int     // max_user_connections of the account, as the pool knows it; 0: none
	adopted          *Limits // what the pool knows of the server
	cannotReadLimits bool    // the server does not answer serverinfo.LimitsQuery
	size             int     // the pool's Size

	taken, leaving int
	granted        int
	grant          uint64    // the number of the latest grant
	requested      bool      // it is in Budget.requests
	since          time.Time // when it made its request
	taking         int       // logins that look for room just now
	notified       bool      // its pool was told that places are wanted

	// orphan says that the pool has no handle. It changes under Budget.mu, and
	// Yields reads it without.
	orphan atomic.Bool
}

// Pool is what a budget needs of a pool. The budget calls HasWaiters and
// AddExternalWaiters under its lock, and nothing else.
type Pool interface {
	HasWaiters() bool
	AddExternalWaiters(n int)
	Wake() bool

	// EachPlace calls f for the place of each available connection, whatever its server
	// is, with how long nobody has used it.
	EachPlace(f func(p *Place, idle time.Duration))
	// EvictPlaces is pool.Pool.Evict, by places.
	EvictPlaces(n int, why pool.Reason, needed bool, match func(*Place) bool)

	// Uses counts how often connections were used in all.
	Uses() int64
	// AskAvailable has the limits asked for on an available connection with a place of s.
	// It reports false if there is none.
	AskAvailable(s *Share) bool
	// AskNext has them asked for on the next one that is checked in.
	AskNext(s *Share)
	// Adopt has the pool go by what is known of a server by now: see Share.News.
	Adopt(s *Share)
}

// NewShare returns what a pool has of a budget, with an account of the server, before
// it has anything. size is the pool's.
func NewShare(b *Budget, user string, size int) *Share {
	return &Share{Budget: b, user: user, size: size}
}

// Join says whose share it is, before the pool is used.
func (s *Share) Join(p Pool) { s.pool = p }

// HasRoom reports whether the server, and the account, have a place free.
func (s *Share) HasRoom() bool {
	b := s.Budget
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.accounts[s.user]
	return b.all.free() && (q == nil || q.free())
}

// has is how many connections the pool has, or is about to have.
func (s *Share) has() int { return s.taken - s.leaving + s.granted }

func (b *Budget) addLocked(s *Share) {
	if !b.shares[s] {
		b.shares[s] = true
		if b.wanted.Load() {
			s.notified = true
			s.pool.AddExternalWaiters(1)
		}
	}
}

// accountLocked is the quota of the pool's account.
func (b *Budget) accountLocked(s *Share) *quota {
	q := b.accounts[s.user]
	if q == nil {
		q = &quota{}
		q.setMax(s.maxUser)
		b.accounts[s.user] = q
	}
	return q
}

// forgetLocked drops what nobody needs of a pool, and of its account.
func (b *Budget) forgetLocked(s *Share) {
	if s.taken == 0 && s.granted == 0 && !s.requested && s.taking == 0 {
		if s.notified {
			s.notified = false
			s.pool.AddExternalWaiters(-1)
		}
		delete(b.shares, s)
	}
	if q := b.accounts[s.user]; q != nil && q.taken == 0 && q.granted == 0 {
		delete(b.accounts, s.user)
	}
	if b.all.taken == 0 {
		b.stopTimersLocked()
	}
	b.notifyPoolsLocked()
}

// stopTimersLocked stops the timers that run while there are connections.
func (b *Budget) stopTimersLocked() {
	if b.limits == nil {
		b.all.limit = UnknownPlaces
	}
	for _, timer := range []**time.Timer{&b.surplus, &b.relearn} {
		if *timer != nil {
			(*timer).Stop()
			*timer = nil
		}
	}
}

// seeAccountsLocked sets accountsOver.
func (b *Budget) seeAccountsLocked() {
	b.accountsOver = false
	for _, q := range b.accounts {
		b.accountsOver = b.accountsOver || q.over() > 0
	}
}

// setLimitsLocked takes max_connections; 0 is no limit.
func (b *Budget) setLimitsLocked(maxConnections int) {
	b.all.max, b.all.limit = maxConnections, 0
	if maxConnections > 0 {
		b.all.limit = serverinfo.LessReserve(maxConnections)
	}
}

// setAccountLocked takes max_user_connections of a pool's account; 0 is none.
func (b *Budget) setAccountLocked(s *Share, maxUser int) {
	s.maxUser = maxUser
	if q := b.accounts[s.user]; q != nil {
		q.setMax(maxUser)
	}
	b.seeAccountsLocked()
}
