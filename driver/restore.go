package mysqlpool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/session"
)

// restoreTimeout bounds what is done to take back session state. What takes
// longer, such as the rollback of a large transaction, is left to the server:
// the connection is closed.
const restoreTimeout = time.Second

// rung is a way to take back session state; each costs more than the one before.
type rung string

const (
	undone rung = "undone" // statements that take back exactly what was left
	reset  rung = "reset"  // COM_RESET_CONNECTION, and what a login sets
	closed rung = "closed"
)

// undoneWithInitConnect is the kinds of state that statements take back exactly
// even if the server ran init_connect at the login, of which the pool knows what
// session variables were like afterwards, and nothing else.
const undoneWithInitConnect = session.Transaction | session.NextTransaction | session.Schema | session.Variables | session.FoundRows

// errNotUndone means that no statements are known that take back all of it.
var errNotUndone = errors.New("mysqlpool: session state of a kind that no statement takes back exactly")

// Restore implements pool.Resource.
func (p *physical) Restore(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, restoreTimeout)
	defer cancel()
	err := p.verify(ctx) // or an error may hide a transaction
	kinds := p.kinds()
	how := closed
	if err == nil {
		how, err = p.restore(ctx, kinds)
	}
	if err != nil {
		how = closed
	}
	p.login.restored(how)
	p.login.log().LogAttrs(ctx, slog.LevelDebug, "mysqlpool: took back session state",
		slog.String("login", p.login.name), slog.Uint64("id", p.id), slog.String("state", kinds.String()),
		slog.String("how", string(how)), slog.Any("error", err))
	return err == nil
}

func (p *physical) restore(ctx context.Context, kinds session.Kinds) (how rung, err error) {
	defer p.survive("the taking back of session state", &err)
	if how, err = p.tryRungs(ctx, kinds); err == nil {
		err = p.findSchema(ctx)
	}
	return how, err
}

func (p *physical) tryRungs(ctx context.Context, kinds session.Kinds) (rung, error) {
	if kinds&session.Identity != 0 {
		return closed, errNotUndone
	}
	if p.login.reset == resetState {
		err := p.undo(ctx, kinds)
		if err == nil {
			return undone, nil
		}
		if !errors.Is(err, errNotUndone) && errorNumber(err) == 0 {
			return closed, err
		}
	}
	if err := p.resetAndSet(ctx); err != nil {
		return closed, err
	}
	return reset, nil
}

// undo runs the statements that take back what was left.
func (p *physical) undo(ctx context.Context, kinds session.Kinds) error {
	if p.initConnect && kinds&^undoneWithInitConnect != 0 {
		return errNotUndone
	}
	p.state.Add(kinds &^ p.state.Kinds())
	err := p.runUndo(ctx)
	if errorNumber(err) == 1305 && !p.host.noReleaseAll.Swap(true) { // ER_SP_DOES_NOT_EXIST: RELEASE_ALL_LOCKS
		err = p.runUndo(ctx)
	}
	if err != nil {
		return err
	}
	p.state.Reset()
	p.inTx = false
	if left := p.kinds(); left != 0 {
		return fmt.Errorf("%w: the server says that there is still: %v", errNotUndone, left)
	}
	return nil
}

func (p *physical) runUndo(ctx context.Context) error {
	statements, ok := p.state.Undo(p.baseline, !p.host.noReleaseAll.Load())
	if !ok {
		return errNotUndone
	}
	for _, st := range statements {
		if _, err := p.ExecContext(ctx, st, nil); err != nil {
			return err
		}
	}
	return nil
}

// resetAndSet makes the session what it was after the login: by
// COM_RESET_CONNECTION, after which variables have their global values, and what
// the stock driver sets in a login. That goes through the stock driver, whose
// copy of the server's status is right again afterwards.
func (p *physical) resetAndSet(ctx context.Context) error {
	charset, ok := p.baseline.Charset()
	if !ok || p.initConnect || p.host.noReset.Load() {
		return errNoReset
	}
	err := resetConnection(ctx, p.socket)
	if errorNumber(err) == 1047 { // ER_UNKNOWN_COM_ERROR: MySQL before 5.7
		p.host.noReset.Store(true)
	}
	if err != nil {
		return err
	}
	p.forgetStmts()
	kinds := p.state.Kinds()
	p.state.Reset()
	p.inTx, p.used = false, false
	p.lastID = sessionID{}
	for _, st := range []string{charset, p.login.setParams} {
		if st == "" {
			continue
		}
		if _, err := p.ExecContext(ctx, st, nil); err != nil {
			return err
		}
	}
	if left := p.kinds(); left != 0 {
		return fmt.Errorf("mysqlpool: after a reset the server says that there is still: %v", left)
	}
	if err := p.checkRole(ctx, kinds); err != nil {
		return err
	}
	return p.useAgain(ctx)
}

// useAgain selects the current schema once more. A reset leaves it in place, but
// gives the variables that come with it (character_set_database) their global
// values.
func (p *physical) useAgain(ctx context.Context) error {
	if err := p.findSchema(ctx); err != nil || p.schema == "" {
		return err
	}
	_, err := p.Switch(ctx, p.schema)
	return err
}

// checkRole looks at the role if something may have set it that no text shows, or
// one that is not understood, such as CALL: a reset leaves it in place.
func (p *physical) checkRole(ctx context.Context, kinds session.Kinds) error {
	s := p.host.learned.Load()
	if s == nil || !s.hasRoles || kinds&session.Other == 0 && p.login.reset != resetAlways {
		return nil
	}
	role, err := askRole(ctx, p)
	if err == nil && role != p.roleAtLogin {
		err = errors.New("mysqlpool: the role is another than after the login")
	}
	return err
}

// findSchema asks for the current schema if that is not known. A connection
// that was without one and has one now could no more serve who wants none.
func (p *physical) findSchema(ctx context.Context) error {
	if p.schema != unknownSchema {
		return nil
	}
	row, err := queryRow(ctx, p, "SELECT DATABASE()")
	if err != nil {
		return err
	}
	if p.schema = row[0]; p.schema != "" && p.lastSchema == "" {
		return errors.New("mysqlpool: the connection was without a schema and has one now")
	}
	return nil
}

// restored counts.
func (l *login) restored(how rung) {
	switch how {
	case undone:
		l.undone.Add(1)
	case reset:
		l.resets.Add(1)
	}
}
