package physical

import (
	"context"

	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// statusFlags is the status flags of the server's latest answer, in the stock driver's copy.
// Guarded by ownership.
type statusFlags struct {
	stockdriver.Status
	word   *uint16 // the same, to be written to; nil: unknown
	before uint16  // the flags before the latest statement

	// A statement failed since the latest answer, or may have, and word does not show it.
	failed bool
}

func flagsOf(s stockdriver.Status) statusFlags { return statusFlags{Status: s, word: s.Word()} }

// forget notes that the flags are unknown until the next answer that has some.
func (f *statusFlags) forget() {
	if f.word != nil {
		*f.word |= stockdriver.StatusUnknown
	}
}

// running notes that a statement is about to run.
func (f *statusFlags) running() {
	if f.word != nil {
		f.before = *f.word
		f.forget()
	}
}

// declined notes that it did not run.
func (f *statusFlags) declined() {
	if f.word != nil {
		*f.word = f.before
	}
}

// refused notes that the server's answer was an error.
func (f *statusFlags) refused() {
	f.failed = f.failed || f.word == nil
	f.forget()
}

func (f *statusFlags) unverified() bool {
	return f.failed || f.word != nil && *f.word&stockdriver.StatusUnknown != 0
}

// answered notes an answer, be it of a server that sends no flags. It reports
// false if the flags cannot be read.
func (f *statusFlags) answered() bool {
	if f.word == nil {
		return false
	}
	*f.word &^= stockdriver.StatusUnknown
	f.failed = false
	return true
}

// inTransaction reports whether the flags are known and show a transaction.
func (f *statusFlags) inTransaction() bool {
	return f.Known() && f.Flags()&stockdriver.StatusInTransaction != 0
}

// Unverified reports whether the connection's latest answer was an error, or
// rows that ended with one. Then it is not known whether a transaction is open,
// nor whether the server ended the session (after KILL of one's own id it says
// 1317, and hangs up).
func (p *Conn) Unverified() bool { return p.flags.unverified() }

// InTransaction reports whether the server's latest answer shows a transaction.
func (p *Conn) InTransaction() bool { return p.flags.inTransaction() }

// Verify pings the server if the status flags are unknown, since its answer has them. A
// server that is about to hang up does not answer, whether or not its end of the socket is
// closed already.
func (p *Conn) Verify(ctx context.Context) error {
	if !p.Unverified() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, PingTimeout)
	defer cancel()
	if err := p.Ping(ctx); err != nil {
		return err
	}
	if p.flags.answered() {
		return nil
	}
	p.usedBy(nil)
	_, err := p.ExecContext(ctx, "ROLLBACK", nil)
	p.flags.failed = err != nil
	return err
}
