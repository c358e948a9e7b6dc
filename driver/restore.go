package mysqlpool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/session"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// restoreTimeout bounds what is done to restore a session. What takes
// longer, such as the rollback of a large transaction, is left to the server:
// the connection is closed.
const restoreTimeout = time.Second

// restoreMethod is a way to restore a session; each costs more than the one before.
type restoreMethod string

const (
	undone restoreMethod = "undone" // statements that undo exactly what was left
	reset  restoreMethod = "reset"  // COM_RESET_CONNECTION, and what a login sets
	closed restoreMethod = "closed"
)

// undoneWithInitConnect is the kinds of state that statements undo exactly
// even if the server ran init_connect at the login, of which the pool knows what
// session variables were like afterwards, and nothing else.
const undoneWithInitConnect = session.Transaction | session.NextTransaction | session.Schema | session.Variables | session.FoundRows

// errNotUndone means that no statements are known that undo all of it.
var errNotUndone = errors.New("mysqlpool: session state of a kind that no statement undoes exactly")

// Restore implements pool.Resource.
func (p *physical) Restore(life context.Context) bool {
	ctx, cancel := context.WithTimeout(life, restoreTimeout)
	defer cancel()
	err := p.verify(ctx) // or an error may hide a transaction
	if err == nil {
		err = p.provePipeline(ctx)
	}
	kinds := p.kinds()
	if err == nil && kinds == 0 && p.login.reset == resetState {
		return true // a statement failed, and left nothing
	}
	how := closed
	if err == nil {
		how, err = p.restore(ctx, kinds)
	}
	if err == nil && kinds&^sureKinds != 0 && !p.proved(how) {
		how, err = p.prove(life, how)
	}
	if err != nil {
		how = closed
	}
	p.login.restored(how)
	p.login.log().LogAttrs(ctx, slog.LevelDebug, "mysqlpool: restored a session",
		slog.String("login", p.login.name), slog.Uint64("id", p.id), slog.String("state", kinds.String()),
		slog.String("how", string(how)), slog.Any("error", err))
	return err == nil
}

func (p *physical) restore(ctx context.Context, kinds session.Kinds) (how restoreMethod, err error) {
	defer p.survive("the restoring of session state", &err)
	p.usedBy(nil)
	if how, err = p.tryMethods(ctx, kinds); err == nil {
		err = p.findSchema(ctx)
	}
	return how, err
}

func (p *physical) tryMethods(ctx context.Context, kinds session.Kinds) (restoreMethod, error) {
	if kinds&session.Identity != 0 || p.opaque {
		return closed, errNotUndone
	}
	if p.login.reset == resetState && (kinds&^sureKinds == 0 || p.host.server.trusts(undone) == nil) {
		err := p.undo(ctx, kinds)
		if err == nil {
			return undone, nil
		}
		if !errors.Is(err, errNotUndone) && errorNumber(err) == 0 {
			return closed, err
		}
	}
	if err := p.resetAndSet(ctx, kinds); err != nil {
		return closed, err
	}
	return reset, nil
}

// resetForNext is for pool_reset=always: the reset before a connection is handed
// out.
func (p *physical) resetForNext(ctx context.Context) error {
	err := p.resetAndSet(ctx, p.state.Kinds())
	if err == nil && !p.proved(reset) {
		_, err = p.prove(ctx, reset)
	}
	return err
}

// undo runs the statements that undo what was left.
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
	statements, ok := p.state.Undo(p.baseline, !p.host.noReleaseAll.Load(), p.maxText())
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
	if p.schema == unknownSchema {
		_, err := p.runAndUse(ctx, commands)
		return err
	}
	_, err := p.runAll(ctx, commands)
	return err
}

// runAndUse is runAll, and then selects the schema that the connection is on, or
// was on before that became unknown: a reset leaves the schema in place, but gives
// the variables that come with it (character_set_database) their global values.
// Where the former schema cannot be selected any more it stays unknown.
func (p *physical) runAndUse(ctx context.Context, commands []stockdriver.Command) (ran int, err error) {
	schema, unknown, schemas := p.schema, p.schema == unknownSchema, p.host.server.schemas.Load()
	if unknown {
		schema = p.lastSchema
	}
	n := len(commands)
	if schema != "" {
		if p.schemas != schemas {
			commands = append(commands, stockdriver.Query("USE "+elsewhere)) // or to select it again changes nothing on MariaDB
		}
		commands = append(commands, stockdriver.Query(useText(schema)))
	}
	ran, err = p.runAll(ctx, commands)
	switch {
	case err == nil && schema != "":
		p.schema, p.schemas = schema, schemas
	case err != nil && ran >= n && errorNumber(err) != 0 && unknown:
		return ran, nil
	}
	return ran, err
}

// resetAndSet makes the session what it was after the login: by
// COM_RESET_CONNECTION, after which variables have their global values, and what
// the stock driver sets in a login. That goes through the stock driver, whose
// copy of the server's status is right again afterwards. kinds is what may have
// been left.
func (p *physical) resetAndSet(ctx context.Context, kinds session.Kinds) error {
	if !p.canSendReset() {
		return errNoReset
	}
	if err := p.host.server.trusts(reset); err != nil {
		return err
	}
	if err := p.endXA(ctx, kinds); err != nil {
		return err
	}
	commands := []stockdriver.Command{stockdriver.ResetConnection}
	names, known := p.baseline.Charset()
	if known {
		commands = append(commands, p.loginCommands(names)...)
	}
	ran, err := p.runAndUse(ctx, commands)
	if ran == 0 {
		p.refusedReset(ctx, err)
		return err
	}
	p.forgetStmts()
	p.state.Reset()
	p.inTx, p.used = false, false
	p.lastID = sessionID{}
	if err == nil && !known {
		err = p.replayLogin(ctx)
	}
	if err != nil {
		return err
	}
	if left := p.kinds(); left != 0 {
		return fmt.Errorf("mysqlpool: after a reset the server says that there is still: %v", left)
	}
	return p.checkLeft(ctx, kinds)
}

// endXA returns an error if a routine, or what else is not in any text, left an
// XA transaction: MariaDB, when such a session is reset, breaks down as a whole,
// with locks that stay for ever. Any server refuses to end one with ROLLBACK
// (ER_XAER_RMFAIL); any other transaction the reset would roll back too. Stored
// functions and triggers can begin none (MySQL manual, "Restrictions on Stored
// Programs").
func (p *physical) endXA(ctx context.Context, kinds session.Kinds) error {
	if kinds&session.Other == 0 {
		return nil
	}
	_, err := p.ExecContext(ctx, "ROLLBACK", nil)
	return err
}

// canSendReset reports whether a reset can be sent and be followed by what a login
// sets.
func (p *physical) canSendReset() bool { return p.socket != nil && p.canReset() }

// canReset reports whether it is known what a login sets, so that a reset can be
// followed by the same.
func (p *physical) canReset() bool {
	if p.baseline == nil || p.initConnect || p.opaque {
		return false
	}
	_, ok := p.baseline.Charset()
	return ok || p.replaysNames()
}

// replaysNames reports whether the character sets after a reset are made by what
// the login sent, since no other statement does it exactly. That begins with what
// the login packet says, which MariaDB's reset restores.
func (p *physical) replaysNames() bool {
	s := p.host.learned.Load()
	return s != nil && s.mariaDB && p.config.oneByOne
}

// loginCommands sets, after a reset, what a login sets; names is the statement for
// the character sets.
func (p *physical) loginCommands(names string) []stockdriver.Command {
	if also := p.alsoSet(); also != "" {
		names += ", " + also
	}
	commands := []stockdriver.Command{stockdriver.Query(names)}
	if p.config.setParams != "" {
		commands = append(commands, stockdriver.Query(p.config.setParams))
	}
	return commands
}

// replayLogin is loginCommands where no statement says what the character sets were:
// it runs what the login ran, of which each but the first is tried if the one before
// was refused, and looks at what came of it.
func (p *physical) replayLogin(ctx context.Context) (err error) {
	for _, st := range p.config.setNames {
		if _, err = p.ExecContext(ctx, st, nil); errorNumber(err) == 0 {
			break
		}
	}
	if err != nil {
		return err
	}
	for _, set := range []string{prefixed("SET ", p.alsoSet()), p.config.setParams} {
		if set == "" {
			continue
		}
		if _, err := p.ExecContext(ctx, set, nil); err != nil {
			return err
		}
	}
	return p.checkNames(ctx)
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// alsoSet returns assignments of variables that a reset gives the right values,
// without what comes with setting them: a server goes on by the old network
// timeouts, and MySQL keeps the optimizer's traces of earlier statements (manual,
// "System Variables Controlling Tracing").
func (p *physical) alsoSet() string {
	var sets []string
	for _, name := range []string{"net_read_timeout", "net_write_timeout"} {
		if value := p.baseline.Value(name); value != "" {
			sets = append(sets, name+" = "+value)
		}
	}
	if s := p.host.learned.Load(); s != nil && s.hasTraces {
		sets = append(sets, "optimizer_trace_offset = DEFAULT")
	}
	return strings.Join(sets, ", ")
}

// checkNames compares the variables of the character sets with those after the
// login: a server that did not know the collation of the login packet resets them
// to others.
func (p *physical) checkNames(ctx context.Context) error {
	row, err := queryRow(ctx, p, "SELECT @@character_set_client, @@character_set_results, @@collation_connection")
	if err == nil && !p.baseline.HasNames(row[0], row[1], row[2]) {
		err = errors.New("mysqlpool: a reset made the character sets other than they were after the login")
	}
	return err
}

// checkLeft looks at what a reset leaves in place, if something may have changed
// it that no text shows, or one that is not understood, such as CALL: the role,
// and on MariaDB what SHOW PROFILES shows of earlier statements.
func (p *physical) checkLeft(ctx context.Context, kinds session.Kinds) error {
	s := p.host.learned.Load()
	if s == nil || kinds&session.Other == 0 && p.login.reset != resetAlways {
		return nil
	}
	var asks, want []string
	if s.hasRoles {
		asks, want = append(asks, "CURRENT_ROLE()"), append(want, p.roleAtLogin)
	}
	if s.mariaDB && s.hasProfiles {
		asks, want = append(asks, "(SELECT COUNT(*) FROM information_schema.PROFILING)"), append(want, "0")
	}
	if len(asks) == 0 {
		return nil
	}
	got, err := p.selectRow(ctx, asks)
	if err == nil && !slices.Equal(got, want) {
		err = fmt.Errorf("mysqlpool: after a reset: %s: got %q, want %q as after the login", strings.Join(asks, ", "), got, want)
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
func (l *login) restored(how restoreMethod) {
	switch how {
	case undone:
		l.undone.Add(1)
	case reset:
		l.resets.Add(1)
	}
}
