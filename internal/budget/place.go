package budget

import (
	"context"
	"fmt"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// Place is one connection to a server, or one login under way. Guarded by
// Budget.mu.
type Place struct {
	Share    *Share    // immutable
	since    time.Time // immutable
	leaving  bool      // it is being closed, or about to be, for the sake of others
	closing  bool      // it is closed, and released soon
	released bool
}

// CloseTime is how long a server may go on to count a connection that was closed.
// Of max_connections there is a reserve for that.
const CloseTime = 10 * time.Millisecond

// Closed releases the place of a connection that was closed, once the server has
// noticed if that matters.
func (p *Place) Closed() {
	s := p.Share
	b := s.Budget
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case p.released:
	case b.accountLocked(s).limit > 0:
		p.closing = true
		b.leaveLocked(p)
		time.AfterFunc(CloseTime, p.Release)
	default:
		b.releaseLocked(p)
	}
}

// Take takes a place for a login. Without one free it returns an error that is
// pool.ErrNoPlace, after it has looked for connections that others can do without;
// asked says that a checkout asked for the login: only then others make room, and
// the pool is woken when there is some.
func (s *Share) Take(asked bool) (*Place, error) {
	b := s.Budget
	b.mu.Lock()
	defer b.mu.Unlock()
	ok := b.admitLocked(s, asked)
	if !ok && asked {
		b.requestLocked(s)
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
func (b *Budget) tookLocked(s *Share) *Place {
	if b.orphanSurplusLocked() > 0 {
		go b.TrimOrphans()
	}
	b.watchSurplusLocked(s)
	b.watchLimitsLocked()
	return &Place{Share: s, since: time.Now()}
}

// awaitStep is how often Await checks whether it was granted a place.
const awaitStep = 20 * time.Millisecond

// Await is Take for a probe, behind which no checkout waits: it requests a place for
// as long as limit.
func (s *Share) Await(ctx context.Context, limit time.Duration) (*Place, error) {
	b := s.Budget
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
		requested := s.requested
		b.requestLocked(s)
		b.mu.Unlock()
		if !requested {
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
func (b *Budget) admitLocked(s *Share, asked bool) bool {
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
	b.withdrawLocked(s)
	b.notifyPoolsLocked()
	return true
}

// Release returns the place to the budget. It may be called more than once.
func (p *Place) Release() {
	b := p.Share.Budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if !p.released {
		b.releaseLocked(p)
	}
}

func (b *Budget) releaseLocked(p *Place) {
	s := p.Share
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
func (b *Budget) leaveLocked(p *Place) {
	if !p.leaving && !p.released {
		b.addLeavingLocked(p, true, 1)
	}
}

// stayLocked undoes leaveLocked.
func (b *Budget) stayLocked(p *Place) {
	if p.leaving {
		b.addLeavingLocked(p, false, -1)
	}
}

func (b *Budget) addLeavingLocked(p *Place, leaving bool, n int) {
	p.leaving = leaving
	s := p.Share
	s.leaving += n
	b.all.leaving += n
	b.accountLocked(s).leaving += n
	if s.orphan.Load() {
		b.orphansLeaving += n
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

func (b *Budget) refusalLocked(s *Share) error {
	e := &noPlaceError{what: b.Name, limit: b.all.limit, max: b.all.max, variable: "max_connections", own: s.taken, taken: b.all.taken}
	if account := b.accountLocked(s); b.all.free() || !account.free() && account.limit < b.all.limit {
		e.what = "account " + s.user + " on " + b.Name
		e.limit, e.max, e.variable, e.taken = account.limit, account.max, "max_user_connections", account.taken
	}
	return e
}
