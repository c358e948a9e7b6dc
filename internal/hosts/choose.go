// Tries hosts by rating. The role is read in physical/role.go, the state is in
// failover/state.go, the rating in failover/target.go.

package hosts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/failover"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// open logs in to the first host that is wanted and takes it, else to one that
// serves in its place, and returns the connection and its greatest age. Each
// host has its share of the time.
func (l *Dialer) open(ctx context.Context, schema string) (p *physical.Conn, life time.Duration, err error) {
	defer l.grantsReturner()()
	for again := true; ; again = false {
		if p, err = l.openBest(ctx, schema); err != nil {
			return nil, 0, err
		}
		if _, leaves := l.hosts.rating(l.hostOf(p)); leaves && again {
			p.Abandon() // meanwhile another one is wanted in its place
			continue
		}
		l.joins(p)
		return p, p.Life, nil
	}
}

// openBest is open, but for what changes meanwhile.
func (l *Dialer) openBest(ctx context.Context, schema string) (*physical.Conn, error) {
	hosts := l.hosts.candidates()
	var (
		fallback *physical.Conn
		best     failover.Rating // of fallback
		errs     []error
	)
	for i, h := range hosts {
		rating, _ := l.hosts.rating(h)
		if fallback != nil && rating >= best {
			continue // it is probed in the background
		}
		p, err := l.openInTime(ctx, h, schema, len(hosts)-i)
		if err != nil {
			if !l.hosts.tracks {
				return nil, err
			}
			errs = append(errs, err)
			if wasTried(err) {
				h.loginErrors.Add(1)
			}
			if ctx.Err() != nil || !l.triesNext(h, err, hosts[i+1:]) {
				break
			}
			continue
		}
		rating, _ = l.hosts.rating(h)
		switch {
		case rating == failover.Wanted:
			if fallback != nil {
				fallback.Abandon()
			}
			return p, nil
		case rating == failover.Never, fallback != nil && rating >= best:
			p.Abandon()
		default:
			if fallback != nil {
				fallback.Abandon()
			}
			fallback, best = p, rating
		}
	}
	if fallback != nil {
		return fallback, nil
	}
	return nil, l.noHost(errs)
}

// triesNext reports whether a login that failed on h goes on to others. Not if h is full
// but has open connections, unless the next host is rated better (or equal, with
// round_robin): a second host would split the writes. Not if h refused the password,
// unless h has no open connection and another host is known to accept logins.
func (l *Dialer) triesNext(h *dialTarget, err error, others []*dialTarget) bool {
	switch {
	case len(others) == 0:
		return false
	case physical.IsOfAfterLogin(err): // which may write, where this one takes no writes
		rating, _ := l.hosts.rating(h)
		return rating != failover.Wanted
	case !wasTried(err) || hasConnections(h, err):
		rating, _ := l.hosts.rating(h)
		next, _ := l.hosts.rating(others[0])
		return next < rating || next == rating && l.hosts.spreads
	case isHosts(err):
		return true
	case !mysqlerr.IsRefused(err) || h.Open.Load() > 0 || !l.hosts.answers(others):
		return false
	}
	l.loginFailed(h, time.Time{}, err)
	return true
}

// hasConnections reports whether a login failed because the host has no room for
// another, and those that there are work.
func hasConnections(h *dialTarget, err error) bool { return hasNoRoom(err) && h.Open.Load() > 0 }

// noHost is the error of a login that found none.
func (l *Dialer) noHost(errs []error) error {
	// One that has room later is worth the wait: see mysqlerr.IsServerFull.
	slices.SortStableFunc(errs, func(a, b error) int { return cmp.Compare(orderOfError(a), orderOfError(b)) })
	cause := errors.Join(errs...)
	what := "can be used"
	switch l.hosts.target {
	case failover.Primary:
		what = "takes writes (pool_target=primary)"
	case failover.Replica:
		what = "is a replica that can be used (pool_target=replica)"
	}
	if cause != nil && !slices.ContainsFunc(l.hosts.hosts, func(h *dialTarget) bool { r, _ := l.hosts.rating(h); return r == failover.Never }) {
		if len(l.hosts.hosts) == 1 {
			return cause
		}
		return fmt.Errorf("mysqlpool: login to %s: none of the hosts %s: %w", l.Name, what, cause)
	}
	text := fmt.Sprintf("mysqlpool: login to %s: none of the hosts %s: %s", l.Name, what, l.hosts.describe())
	if cause == nil {
		return errors.New(text)
	}
	return &hostsError{text + "; the latest login failed: " + errs[len(errs)-1].Error(), cause}
}

// hostsError says what each host answered. It is the login's own error too, if
// one failed just now.
type hostsError struct {
	text  string
	cause error
}

func (e *hostsError) Error() string { return e.text }

func (e *hostsError) Unwrap() error { return e.cause }

// grantsReturner returns a function to call when a login has ended: it returns the grants
// that the pool had before the login and did not use.
func (l *Dialer) grantsReturner() func() {
	grants := make([]uint64, len(l.hosts.hosts))
	for i, h := range l.hosts.hosts {
		grants[i] = h.server.budget.GrantedUntil()
	}
	return func() {
		for i, h := range l.hosts.hosts {
			h.share.ReturnUnusedGrants(grants[i])
		}
	}
}

// hasNoRoom reports whether a login failed because the server has no room for
// another, or was not tried for that reason.
func hasNoRoom(err error) bool { return errors.Is(err, pool.ErrNoPlace) || mysqlerr.IsServerFull(err) }

func orderOfError(err error) int {
	if hasNoRoom(err) {
		return 0
	}
	return 1
}

// openInTime is openToUse with 1/shares of the remaining time. It reports the host's role
// or the failure.
func (l *Dialer) openInTime(ctx context.Context, h *dialTarget, schema string, shares int) (*physical.Conn, error) {
	if until, ok := ctx.Deadline(); ok && shares > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(until)/time.Duration(shares))
		defer cancel()
	}
	began := time.Now()
	h.loggingIn.Add(1)
	p, err := l.openToUse(ctx, h, schema, began)
	h.loggingIn.Add(-1)
	switch {
	case !l.hosts.tracks:
	case err == nil:
		l.report(h, p.Answer.Event, began, p.Answer.Why)
	case isHosts(err) && !hasConnections(h, err):
		l.loginFailed(h, began, err)
	}
	return p, err
}
