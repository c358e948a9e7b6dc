package mysqlpool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
)

// A server may lock an account, for everybody, after some failed logins in a row
// (max_password_errors of MariaDB, FAILED_LOGIN_ATTEMPTS of MySQL). So this
// process has fewer than ten in any ten seconds for each account, over all of its
// pools:
//
//   - After three refused logins in ten seconds a password that was refused is tried
//     again after refusedRest only. Until then every other login with it gets the
//     server's error at once, and the server sees none.
//   - No more than five logins of an account are under way at once, unless one has
//     succeeded within the last ten seconds, and since a connection was found dead: all
//     of them may be refused.
//   - A password that was not refused yet does not wait for refusedRest. Those under
//     way and those refused in the last ten seconds are nine at most together.
//
// Five at once and one each two seconds are nine in ten seconds. It may be more only
// if a password is changed amid a burst of logins of which some have just
// succeeded: then as many are refused as are under way.
const (
	refusedSpan   = 10 * time.Second
	refusedMost   = 9
	refusedFree   = 3
	refusedRest   = 2 * time.Second
	unprovenMost  = 5
	provenFor     = 10 * time.Second
	unprovenLimit = 500 * time.Millisecond // the longest wait for one of unprovenMost that does not end
)

// errPaced is why a login was not tried that had no time left to wait for its turn.
var errPaced = errors.New("mysqlpool: the login was not tried, since too many of this account are under way or were refused just now")

// account is what this process knows of the logins of one user to one server.
type account struct {
	mu        sync.Mutex // guards what follows; a leaf: no other lock is taken under it
	underway  int
	succeeded time.Time              // the latest that did; zero: it was refused since
	refused   []time.Time            // in the last refusedSpan
	passwords map[[32]byte]*password // those that were refused, by their keyed hash
	changed   chan struct{}          // closed when something changes that somebody waits for
	touched   time.Time
}

// password is one that was refused.
type password struct {
	err    error // the server's
	at     time.Time
	trying bool // it is tried again
}

// accountName says which logins count together. The same server under another
// address is another one.
type accountName struct {
	server serverAddress
	user   string
}

// accounts is those that logged in lately, by pools of a shared server.
var accounts accountTable

type accountTable struct {
	mu  sync.Mutex // guards what follows
	all map[accountName]*account
}

// of returns the account that a host's config logs in with. It is of that host
// alone if its config dials by a function of its own.
func (t *accountTable) of(cfg *mysql.Config) *account {
	if cfg.DialFunc != nil {
		return new(account)
	}
	name := accountName{serverAddress{cfg.Net, cfg.Addr}, cfg.User}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.all[name]
	if a == nil {
		// Not weak: a program may open a handle, fail, and close it, again and again.
		maps.DeleteFunc(t.all, func(_ accountName, a *account) bool { return a.forgettable(now) })
		if t.all == nil {
			t.all = map[accountName]*account{}
		}
		a = &account{touched: now}
		t.all[name] = a
	}
	return a
}

// forgettable reports whether nothing was refused lately. A pool that has the
// account still may use it on, apart from pools to come.
func (a *account) forgettable(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.underway == 0 && now.Sub(a.touched) > refusedSpan
}

// begin waits until a login may start, and returns what is to be called with its
// end. It returns the server's error instead if the password was refused just now,
// and ctx's if that ends first. quiet reports whether no connection was found
// dead since the latest login: they may have been killed because of a new password.
func (a *account) begin(ctx context.Context, hash [32]byte, quiet func() bool) (end func(error), err error) {
	start := time.Now()
	for {
		a.mu.Lock()
		now := time.Now()
		a.touched = now
		a.forgetLocked(now)
		p := a.passwords[hash]
		if p != nil && a.tooOftenLocked(p, now) {
			a.mu.Unlock()
			return nil, p.err
		}
		wait := time.Duration(0)
		if a.succeeded.IsZero() || now.Sub(a.succeeded) >= provenFor || !quiet() {
			wait = a.waitLocked(now, now.Sub(start))
		}
		if wait == 0 {
			a.underway++
			if p != nil {
				p.trying = true
			}
			a.mu.Unlock()
			return a.ender(ctx, hash), nil
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
			return nil, fmt.Errorf("%w: %w", errPaced, ctx.Err())
		}
		timer.Stop()
	}
}

func (a *account) tooOftenLocked(p *password, now time.Time) bool {
	n := len(a.refused) + a.underway
	return n >= refusedMost || n >= refusedFree && (p.trying || now.Sub(p.at) < refusedRest)
}

// waitLocked is for how long a login waits at most that may be refused and began so
// long ago; 0 if it may start.
func (a *account) waitLocked(now time.Time, waited time.Duration) time.Duration {
	if len(a.refused)+a.underway >= refusedMost {
		if len(a.refused) == 0 {
			return refusedSpan
		}
		return a.refused[0].Add(refusedSpan).Sub(now)
	}
	if a.underway >= unprovenMost && waited < unprovenLimit {
		return unprovenLimit - waited
	}
	return 0
}

// forgetLocked drops what is too long ago to count.
func (a *account) forgetLocked(now time.Time) {
	for len(a.refused) > 0 && now.Sub(a.refused[0]) >= refusedSpan {
		a.refused = a.refused[1:]
	}
	for hash, p := range a.passwords {
		if !p.trying && now.Sub(p.at) >= refusedSpan {
			delete(a.passwords, hash)
		}
	}
}

// ender returns what notes the end of a login. A dialer that goes on after its
// context ended takes no place, but a refusal counts still.
func (a *account) ender(ctx context.Context, hash [32]byte) func(error) {
	var once sync.Once
	release := func() {
		once.Do(func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.underway--
			if p := a.passwords[hash]; p != nil {
				p.trying = false
			}
			if a.changed != nil {
				close(a.changed)
				a.changed = nil
			}
		})
	}
	stop := context.AfterFunc(ctx, release)
	return func(err error) {
		stop()
		a.note(hash, err)
		release()
	}
}

func (a *account) note(hash [32]byte, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	switch {
	case err == nil:
		a.succeeded = now
		delete(a.passwords, hash)
	case mysqlerr.IsRefused(err):
		a.succeeded = time.Time{}
		a.refused = append(a.refused, now)
		if a.passwords == nil {
			a.passwords = map[[32]byte]*password{}
		}
		a.passwords[hash] = &password{err: err, at: now}
	}
}
