// Package loginpace holds logins back that may be refused, so that no account is locked
// because of a wrong password.
package loginpace

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// A server may lock an account, for everybody, after some failed logins in a row
// (max_password_errors of MariaDB, FAILED_LOGIN_ATTEMPTS of MySQL). So this
// process has fewer than ten in any ten seconds for each account, over all of its
// pools:
//
//   - A password that was refused is tried by one login at a time, which a request
//     asked for; after three refused logins in ten seconds, after RefusedBackoff only.
//     Meanwhile every other login with it gets the server's error at once, and the
//     server sees none.
//   - No more than five logins of an account are under way at once: all of them may be
//     refused. If one has succeeded within the last ten seconds, and no connection was
//     found dead since, twice as many are each time that a burst has lasted for another
//     GrowAfter, and for longer than a login takes: so a burst at a server that is far
//     away is not slow, and a refusal is known before there are more.
//   - A password that was not refused yet does not wait for RefusedBackoff. Those under
//     way and those refused in the last ten seconds are nine at most together.
//
// Five at once and one each two seconds are nine in ten seconds. It may be more only
// if a password is changed amid a burst of logins that has lasted for longer than that:
// then as many are refused as are under way.
const (
	RefusedSpan    = 10 * time.Second
	RefusedMost    = 9
	refusedFree    = 3
	RefusedBackoff = 2 * time.Second
	MostAtOnce     = 5
	GrowAfter      = 50 * time.Millisecond
	verifiedFor    = 10 * time.Second
	LongestWait    = 500 * time.Millisecond // the longest wait for one of MostAtOnce that does not end
)

// ErrPaced is why a login was not tried that had no time left to wait.
var ErrPaced = errors.New("mysqlpool: the login was not tried, since too many of this account are under way or were refused just now")

// Account is what this process knows of the logins of one user to one server.
type Account struct {
	mu        sync.Mutex // guards what follows; a leaf: no other lock is taken under it
	underway  int
	succeeded time.Time              // the latest that did; zero: it was refused since
	took      time.Duration          // that one
	queue     []*waiter              // those that wait though one has just succeeded, the first first
	burst     time.Time              // since when logins find MostAtOnce under way
	crowded   time.Time              // when one last did
	refused   []time.Time            // in the last RefusedSpan
	passwords map[[32]byte]*password // those that were refused, by their keyed hash
	changed   chan struct{}          // closed when something changes that somebody waits for
	touched   time.Time
}

// waiter is a login that waits.
type waiter struct{ since time.Time }

// password is one that was refused.
type password struct {
	err    error // the server's
	at     time.Time
	trying bool // it is tried again
}

// accountName says which logins count together. The same server under another
// address is another one.
type accountName struct {
	server serverinfo.Address
	user   string
}

// Accounts is those that logged in lately, by pools of a shared server.
var Accounts Table

type Table struct {
	mu    sync.Mutex // guards what follows
	all   map[accountName]*Account
	swept time.Time // when those were last dropped that can be forgotten
}

// sweepPause is how often that is done at most, since all are visited.
const sweepPause = time.Second

// Of returns the account that a host's config logs in with. It is of that host
// alone if its config dials by a function of its own.
func (t *Table) Of(cfg *mysql.Config) *Account {
	if cfg.DialFunc != nil {
		return new(Account)
	}
	name := accountName{serverinfo.Address{Net: cfg.Net, Addr: cfg.Addr}, cfg.User}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.all[name]
	if a == nil {
		// Not weak: a program may open a handle, fail, and close it, again and again.
		if now.Sub(t.swept).Abs() >= sweepPause {
			t.swept = now
			maps.DeleteFunc(t.all, func(_ accountName, a *Account) bool { return a.forgettable(now) })
		}
		if t.all == nil {
			t.all = map[accountName]*Account{}
		}
		a = &Account{touched: now}
		t.all[name] = a
	}
	return a
}

// ForgetAll is for tests on fake time, where what was learned before is of another
// clock.
func (t *Table) ForgetAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all, t.swept = nil, time.Time{}
}

// forgettable reports whether nothing was refused lately. A pool that has the
// account still may use it on, apart from pools to come.
func (a *Account) forgettable(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.underway == 0 && now.Sub(a.touched) > RefusedSpan
}

// Begin waits until a login may start, and returns what is to be called with its
// end. It returns the server's error instead if the password was refused just now,
// and ctx's if that ends first. asked says whether a request waits for the login. quiet
// reports whether no connection was found dead since the latest login: they may have
// been killed because of a new password.
func (a *Account) Begin(ctx context.Context, hash [32]byte, asked bool, quiet func() bool) (end func(error), err error) {
	mine := &waiter{since: time.Now()}
	defer a.leave(mine)
	for {
		a.mu.Lock()
		now := time.Now()
		a.touched = now
		a.forgetLocked(now)
		p := a.passwords[hash]
		if p != nil && (!asked || a.tooOftenLocked(p, now)) {
			err := p.err
			a.mu.Unlock()
			return nil, err
		}
		verified := !a.succeeded.IsZero() && now.Sub(a.succeeded) < verifiedFor && quiet()
		wait := a.waitLocked(now, mine, verified)
		if wait == 0 {
			a.underway++
			if p != nil {
				p.trying = true
			}
			a.mu.Unlock()
			return a.ender(ctx, hash, now, p != nil), nil
		}
		if a.changed == nil {
			a.changed = make(chan struct{})
		}
		changed := a.changed
		a.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("%w: %w", ErrPaced, ctx.Err())
		}
		timer.Stop()
	}
}

func (a *Account) tooOftenLocked(p *password, now time.Time) bool {
	n := len(a.refused) + a.underway
	return p.trying || n >= RefusedMost || n >= refusedFree && now.Sub(p.at) < RefusedBackoff
}

// leave takes a login out of the queue, and lets the next one see whether it may start.
func (a *Account) leave(mine *waiter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.leaveLocked(mine)
}

func (a *Account) leaveLocked(mine *waiter) {
	if i := slices.Index(a.queue, mine); i >= 0 {
		a.queue = slices.Delete(a.queue, i, i+1)
		a.changedLocked()
	}
}

// changedLocked has those that wait look again.
func (a *Account) changedLocked() {
	if a.changed != nil {
		close(a.changed)
		a.changed = nil
	}
}

// waitLocked is for how long a login waits at most; 0 if it may start. verified says
// whether one has just succeeded.
func (a *Account) waitLocked(now time.Time, mine *waiter, verified bool) time.Duration {
	if verified {
		grow := max(GrowAfter, a.took+a.took/4)
		if a.underway >= MostAtOnce || len(a.queue) > 0 {
			if len(a.queue) == 0 && now.Sub(a.crowded) > grow/2 {
				a.burst = now
			}
			a.crowded = now
		}
		lasted := now.Sub(a.burst)
		first := len(a.queue) == 0 || a.queue[0] == mine
		if first && (a.underway < MostAtOnce || a.underway < MostAtOnce<<min(lasted/grow, 16)) {
			return 0
		}
		if !slices.Contains(a.queue, mine) {
			a.queue = append(a.queue, mine)
		}
		return (lasted/grow+1)*grow - lasted
	}
	a.leaveLocked(mine)
	if len(a.refused)+a.underway >= RefusedMost {
		if len(a.refused) == 0 {
			return RefusedSpan
		}
		return a.refused[0].Add(RefusedSpan).Sub(now)
	}
	if waited := now.Sub(mine.since); a.underway >= MostAtOnce && waited < LongestWait {
		return LongestWait - waited
	}
	return 0
}

// forgetLocked drops what is too long ago to count.
func (a *Account) forgetLocked(now time.Time) {
	for len(a.refused) > 0 && now.Sub(a.refused[0]) >= RefusedSpan {
		a.refused = a.refused[1:]
	}
	for hash, p := range a.passwords {
		if !p.trying && now.Sub(p.at) >= RefusedSpan {
			delete(a.passwords, hash)
		}
	}
}

// ender returns what notes the end of a login that began then; again says that it tries
// a password which was refused. A dialer that goes on after its context ended takes no
// place, but a refusal counts still.
func (a *Account) ender(ctx context.Context, hash [32]byte, began time.Time, again bool) func(error) {
	var once sync.Once
	release := func() {
		once.Do(func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.underway--
			if p := a.passwords[hash]; p != nil && again {
				p.trying = false
			}
			a.changedLocked()
		})
	}
	stop := context.AfterFunc(ctx, release)
	return func(err error) {
		stop()
		a.note(hash, began, err)
		release()
	}
}

func (a *Account) note(hash [32]byte, began time.Time, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	switch {
	case err == nil:
		if p := a.passwords[hash]; p != nil && began.Before(p.at) {
			return // the password may have been changed since
		}
		a.succeeded, a.took = now, now.Sub(began)
		delete(a.passwords, hash)
	case mysqlerr.IsRefused(err):
		a.succeeded = time.Time{}
		a.refused = append(a.refused, now)
		if a.passwords == nil {
			a.passwords = map[[32]byte]*password{}
		}
		p := a.passwords[hash]
		if p == nil {
			p = &password{}
			a.passwords[hash] = p
		}
		p.err, p.at = err, now
	}
}
