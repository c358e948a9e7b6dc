package physical

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// AfterLoginError is a login that failed because of Shared.AfterLogin, and not of the
// host or the account. It does not unwrap to the function's own error: that may be any,
// such as another server's "access denied", and must not be taken for this login's.
type AfterLoginError struct {
	text     string
	cause    error
	Panicked bool
}

func (e *AfterLoginError) Error() string { return e.text }

// IsOfAfterLogin reports whether an error is an [AfterLoginError].
func IsOfAfterLogin(err error) bool {
	var e *AfterLoginError
	return errors.As(err, &e)
}

// RevealAfterLogin returns an error as users get it: if it is an [AfterLoginError] it
// unwraps to the function's own error. It is never driver.ErrBadConn, for which
// database/sql would try again.
func RevealAfterLogin(err error) error {
	var e *AfterLoginError
	if !errors.As(err, &e) {
		return err
	}
	return &revealedError{err, e.cause}
}

type revealedError struct{ err, cause error }

func (e *revealedError) Error() string   { return e.err.Error() }
func (e *revealedError) Unwrap() []error { return []error{e.err, e.cause} }

// afterLoginPanic is what a function panicked with.
type afterLoginPanic struct{ value any }

func (e *afterLoginPanic) Error() string {
	return fmt.Sprintf("panic (the log has the stack): %v", e.value)
}

// afterLoginFailed returns the error of a function, which means nothing about the host
// unless the connection broke by itself.
func (p afterLoginRunner) afterLoginFailed(ctx context.Context, err error) error {
	var panicked *afterLoginPanic
	if ctx.Err() == nil && !p.cancelled() && !errors.As(err, &panicked) && (!p.IsValid() || endsSession(err)) {
		return fmt.Errorf("mysqlpool: login to %s: the connection broke in the function of WithAfterLogin: %v: %w", p.at(), err, mysql.ErrInvalidConn)
	}
	when := ""
	if ctx.Err() == context.DeadlineExceeded {
		when = " (the login's time is over: the DSN's timeout, else pool_timeout)"
	}
	return p.afterLoginError(when, err)
}

func (p afterLoginRunner) afterLoginError(when string, err error) *AfterLoginError {
	var panicked *afterLoginPanic
	e := &AfterLoginError{cause: err, Panicked: errors.As(err, &panicked)}
	if errors.Is(err, driver.ErrBadConn) {
		e.cause = mysql.ErrInvalidConn
	}
	e.text = fmt.Sprintf("mysqlpool: login to %s: the function of WithAfterLogin failed%s: %v", p.at(), when, err)
	return e
}

// at names the host for people.
func (p afterLoginRunner) at() string {
	if !p.Shared.several() {
		return p.Shared.Name
	}
	return fmt.Sprintf("%s (%s)", p.Shared.Name, p.Host.Addr)
}
