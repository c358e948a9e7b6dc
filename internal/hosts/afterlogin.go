package hosts

import (
	"context"
	"errors"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/physical"
)

// openToUse is openOn for a connection that is to be handed out, and so has had
// Shared.AfterLogin: a probe's, or one that kills a statement, has not. began is when
// this began.
func (l *Dialer) openToUse(ctx context.Context, h *dialTarget, schema string, began time.Time) (*physical.Conn, error) {
	if err := l.afterPanics.recent(); err != nil {
		return nil, err
	}
	p, err := l.openOn(ctx, h, schema)
	if err != nil {
		return nil, err
	}
	if err = p.RunAfterLogin(ctx); err == nil {
		l.afterPanics.forget()
		return p, nil
	}
	p.Abandon()
	var failed *physical.AfterLoginError
	if !errors.As(err, &failed) {
		return nil, err // the host's
	}
	if failed.Panicked {
		l.afterPanics.add(err)
	}
	if l.hosts.tracks {
		l.report(h, p.Answer.Event, began, p.Answer.Why) // which did answer
	}
	return nil, err
}

// refusesAll reports whether a login failed as others are likely to, so that none is
// started that nobody asked for.
func refusesAll(err error) bool { return mysqlerr.IsRefused(err) || physical.IsOfAfterLogin(err) }
