// SQL: session/undo.go; COM_RESET_CONNECTION: reset.go.

package physical

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/session"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// RestoreTimeout bounds what is done to restore a session. What takes
// longer, such as the rollback of a large transaction, is left to the server:
// the connection is closed, since its place is blocked meanwhile. A second is many
// round trips on any network.
const RestoreTimeout = time.Second

// restoreMethod is a way to restore a session; each costs more than the one before.
type restoreMethod string

const (
	byUndo    restoreMethod = "undone" // statements that undo exactly what was left
	byReset   restoreMethod = "reset"  // COM_RESET_CONNECTION, and what a login sets
	byClosing restoreMethod = "closed"
)

// undoneWithInitConnect is the state that can be undone exactly even if the server ran
// init_connect. The pool then knows only the session variables as they were after the
// login.
const undoneWithInitConnect = session.Transaction | session.NextTransaction | session.Schema | session.Variables | session.FoundRows

// errNotUndone means that no statements are known that undo all of it.
var errNotUndone = errors.New("mysqlpool: session state of a kind that no statement undoes exactly")

// restorer restores the session of a connection for its next user.
type restorer struct{ *Conn }

// Restore implements pool.Resource.
func (p *Conn) Restore(life context.Context) bool { return restorer{p}.restoreAny(life) }

// restoreAny restores the session, whatever is on it. It reports false if that cannot be
// done.
func (p restorer) restoreAny(life context.Context) bool {
	start := p.Shared.TraceStart()
	ctx, cancel := context.WithTimeout(life, RestoreTimeout)
	defer cancel()
	err := p.Verify(ctx) // or an error may hide a transaction
	kinds := p.kinds()
	if err == nil && kinds == 0 && p.Shared.Reset == dsn.ResetState {
		return true // a statement failed, and left nothing
	}
	how := byClosing
	if err == nil {
		how, err = p.restore(ctx, kinds)
	}
	if err == nil && kinds&^sureKinds != 0 && !p.isTested(how) {
		how, err = p.test(life, how)
	}
	if err != nil {
		how = byClosing
	}
	p.Shared.restored(how)
	p.traced(life, start, kinds, how, err)
	p.Shared.Log().LogAttrs(ctx, slog.LevelDebug, "mysqlpool: restored a session",
		slog.String("login", p.Shared.Name), p.IDAttr(), slog.String("state", kinds.String()),
		slog.String("how", string(how)), slog.Any("error", err))
	return err == nil
}

func (p restorer) restore(ctx context.Context, kinds session.Kinds) (how restoreMethod, err error) {
	defer p.survive("the restoring of session state", &err)
	if err := resolveLastID(ctx, p.Conn); err != nil { // or a reset would lose it
		return byClosing, err
	}
	p.usedBy(nil)
	if err := p.testPipeline(ctx); err != nil {
		return byClosing, err
	}
	if how, err = p.tryMethods(ctx, kinds); err == nil {
		err = p.findSchema(ctx)
	}
	return how, err
}

func (p restorer) tryMethods(ctx context.Context, kinds session.Kinds) (restoreMethod, error) {
	p.Host.noteLeft(kinds)
	if p.lacksBaseline(kinds) || kinds&session.Identity != 0 || p.opaque {
		return byClosing, errNotUndone
	}
	if p.Shared.Reset == dsn.ResetState && (kinds&^sureKinds == 0 || capabilityError(p.Host.Server, byUndo) == nil) {
		err := p.undo(ctx, kinds)
		if err == nil {
			return byUndo, nil
		}
		if !errors.Is(err, errNotUndone) && mysqlerr.Number(err) == 0 {
			return byClosing, err
		}
	}
	if err := p.resetAndSet(ctx, kinds); err != nil {
		return byClosing, err
	}
	return byReset, nil
}

// resetForNext is for pool_reset=always: the reset before a connection is handed
// out.
func (p restorer) resetForNext(ctx context.Context) error {
	start, kinds, how := p.Shared.TraceStart(), p.state.Kinds(), byReset
	err := p.resetAndSet(ctx, kinds)
	if err == nil && !p.isTested(byReset) {
		_, err = p.test(ctx, byReset)
	}
	if err != nil {
		how = byClosing
	}
	p.traced(ctx, start, kinds, how, err)
	return err
}

func (p restorer) traced(ctx context.Context, start time.Time, kinds session.Kinds, how restoreMethod, err error) {
	if !start.IsZero() {
		p.Shared.Traced(ctx, start, TraceEvent{Op: TraceRestore, Host: p.Host.Addr, State: strings.Join(kinds.Names(), ", "), How: string(how), Err: err})
	}
}

// undo runs the statements that undo what was left.
func (p restorer) undo(ctx context.Context, kinds session.Kinds) error {
	if p.initConnect && kinds&^undoneWithInitConnect != 0 {
		return errNotUndone
	}
	p.state.Add(kinds &^ p.state.Kinds())
	err := p.runUndo(ctx)
	if mysqlerr.Number(err) == mysqlerr.NoSuchFunction && !p.Host.noReleaseAll.Swap(true) { // RELEASE_ALL_LOCKS
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

func (p restorer) runUndo(ctx context.Context) error {
	statements, ok := p.state.Undo(p.baseline, !p.Host.noReleaseAll.Load(), p.maxText())
	if !ok {
		return errNotUndone
	}
	commands := make([]stockdriver.Command, 0, len(statements)+2)
	for _, st := range statements {
		commands = append(commands, stockdriver.Query(st))
	}
	if p.state.AutocommitSet() {
		// A ROLLBACK that is refused must not be followed by what commits.
		if _, err := p.runAll(ctx, commands[:1]); err != nil {
			return err
		}
		commands = commands[1:]
	}
	var err error
	if !p.schema.known() {
		_, err = p.runAndUse(ctx, commands)
	} else {
		_, err = p.runAll(ctx, commands)
	}
	return err
}

// runAndUse is runAll, and then selects the schema that the connection is on, or
// was on before that became unknown: a reset leaves the schema in place, but gives
// the variables that come with it (character_set_database) their global values.
// Where the former schema cannot be selected any more it stays unknown.
func (p restorer) runAndUse(ctx context.Context, commands []stockdriver.Command) (ran int, err error) {
	schema, known, changes := p.schema.latest(), p.schema.known(), p.Host.Server.Schemas.Load()
	n := len(commands)
	if schema != "" {
		if p.schema.changes != changes {
			commands = append(commands, stockdriver.Query("USE "+neutralSchema)) // or to select it again changes nothing on MariaDB
		}
		commands = append(commands, stockdriver.Query(useText(schema)))
	}
	ran, err = p.runAll(ctx, commands)
	switch {
	case err == nil && schema != "":
		p.schema.selected(schema, changes)
	case err != nil && ran >= n && mysqlerr.Number(err) != 0 && !known:
		return ran, nil
	case err != nil && schema != "":
		p.schema.forget() // behind what was refused USE may have run
	}
	return ran, err
}

// findSchema reads the current schema if it is unknown. It fails if the session had no
// schema before and has one now: no statement unsets a schema, so handles without one could
// not use it.
func (p restorer) findSchema(ctx context.Context) error {
	if p.schema.known() {
		return nil
	}
	row, err := queryRow(ctx, p, "SELECT DATABASE()")
	if err != nil {
		return err
	}
	if p.schema.found(row[0]); row[0] != "" && p.schema.former == "" {
		return errors.New("mysqlpool: the connection was without a schema and has one now")
	}
	return nil
}

// restored counts a restored or closed session.
func (s *Shared) restored(how restoreMethod) {
	switch how {
	case byUndo:
		s.Undone.Add(1)
	case byReset:
		s.Resets.Add(1)
	}
}
