package physical

import (
	"context"
	"errors"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/session"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// forgetStatus notes that the status flags are unknown until the next answer
// that has some.
func (f *stockFields) forgetStatus() {
	if f.statusWord != nil {
		*f.statusWord |= stockdriver.StatusUnknown
	}
}

// Unverified reports whether the connection's latest answer was an error, or
// rows that ended with one. Then it is not known whether a transaction is open,
// nor whether the server ended the session (after KILL of one's own id it says
// 1317, and hangs up).
func (p *Conn) Unverified() bool {
	return p.failed || p.statusWord != nil && *p.statusWord&stockdriver.StatusUnknown != 0
}

// errNotRestored means that a connection has session state that cannot be undone.
var errNotRestored = errors.New("mysqlpool: session state that cannot be undone")

// settle is for a connection that changes hands: it asks what the latest answer
// did not say, and undoes what that shows. Its former owner never pays for
// that. It sends nothing unless a statement failed, or left LAST_INSERT_ID()
// uncertain.
func (p *Conn) settle(ctx context.Context) error {
	if err := p.settleLastID(ctx); err != nil {
		return err
	}
	if !p.Unverified() {
		return nil
	}
	if err := p.Verify(ctx); err != nil {
		return err
	}
	if p.Login.Reset != dsn.ResetNever && p.kinds()&^session.FoundRows != 0 && !p.Restore(ctx) {
		return errNotRestored
	}
	return nil
}

// Verify has the server answer, and so tell its status flags. A server that is
// about to hang up answers nothing any more, whether or not its end of the
// socket is closed already.
func (p *Conn) Verify(ctx context.Context) error {
	if !p.Unverified() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, PingTimeout)
	defer cancel()
	if err := p.Ping(ctx); err != nil {
		return err
	}
	if p.statusWord != nil {
		*p.statusWord &^= stockdriver.StatusUnknown // as of a server that sends it always
		p.failed = false
		return nil
	}
	// The flags cannot be read.
	p.usedBy(nil)
	_, err := p.ExecContext(ctx, "ROLLBACK", nil)
	p.failed = err != nil
	return err
}
