package physical

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/session"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// resetAndSet makes the session what it was after the login: by
// COM_RESET_CONNECTION, after which variables have their global values, and what
// the stock driver sets in a login. That goes through the stock driver, whose
// copy of the server's status is right again afterwards. kinds is what may have
// been left.
func (p restorer) resetAndSet(ctx context.Context, kinds session.Kinds) error {
	if !p.read { // and nothing was left that it would show
		if err := asker(p).readBaseline(ctx); err != nil {
			return err
		}
	}
	if !p.canSendReset() {
		return errNoReset
	}
	if err := capabilityError(p.Host.Server, byReset); err != nil {
		return err
	}
	if err := p.endXA(ctx, kinds); err != nil {
		return err
	}
	commands := []stockdriver.Command{stockdriver.ResetConnection}
	names, known := p.loginBaseline().Charset()
	if known {
		commands = append(commands, p.loginCommands(names)...)
	}
	check := ""
	if known {
		var err error
		if check, err = p.leftCheck(ctx, kinds); err != nil {
			return err
		}
	}
	if check != "" {
		commands = append(commands, stockdriver.Query(check))
	}
	ran, err := p.runAndUse(ctx, commands)
	switch {
	case ran == 0:
		p.refusedReset(ctx, err)
		return err
	case check != "" && ran == len(commands)-1 && mysqlerr.Number(err) != 0:
		return fmt.Errorf("mysqlpool: after a reset: the role, or what SHOW PROFILES shows, is not as after the login, or cannot be compared: %w", err)
	}
	p.kept().forget()
	p.state.Reset()
	p.inTx, p.used = false, false
	p.diagnostics.lastID = sessionID{}
	if err == nil && !known {
		err = p.replayLogin(ctx)
	}
	if err == nil {
		err = afterLoginRunner(p).repeatAfterLogin(ctx)
	}
	if err != nil {
		return err
	}
	if left := p.kinds(); left != 0 {
		return fmt.Errorf("mysqlpool: after a reset the server says that there is still: %v", left)
	}
	if check != "" {
		return nil
	}
	return p.checkLeft(ctx, kinds)
}

// endXA returns an error if a routine, or what else is not in any text, left an
// XA transaction: MariaDB, when such a session is reset, breaks down as a whole,
// with locks that stay for ever. Any server refuses to end one with ROLLBACK
// (ER_XAER_RMFAIL); any other transaction the reset would roll back too. Stored
// functions and triggers can begin none (MySQL manual, "Restrictions on Stored
// Programs").
func (p restorer) endXA(ctx context.Context, kinds session.Kinds) error {
	if kinds&session.Other == 0 {
		return nil
	}
	_, err := p.ExecContext(ctx, "ROLLBACK", nil)
	return err
}

// canSendReset reports whether a reset can be sent and be followed by what a login
// sets.
func (p restorer) canSendReset() bool { return p.Socket != nil && p.canReset() }

// canReset reports whether it is known what a login sets, so that a reset can be
// followed by the same.
func (p restorer) canReset() bool {
	if p.baseline == nil || p.initConnect || p.opaque {
		return false
	}
	_, ok := p.loginBaseline().Charset()
	return ok || p.replaysNames()
}

// replaysNames reports whether the character sets after a reset are made by what
// the login sent, since no other statement does it exactly. That begins with what
// the login packet says, which MariaDB's reset restores.
func (p restorer) replaysNames() bool {
	s := p.Host.Learned.Load()
	return s != nil && s.MariaDB && p.config.OneByOne
}

// loginBaseline is what the login itself made of the session, which a reset begins with.
func (p restorer) loginBaseline() *session.Baseline {
	if p.after.ran {
		return p.after.login.baseline
	}
	return p.baseline
}

// loginCommands sets, after a reset, what a login sets; names is the statement for
// the character sets.
func (p restorer) loginCommands(names string) []stockdriver.Command {
	if also := p.alsoSet(); also != "" {
		names += ", " + also
	}
	commands := []stockdriver.Command{stockdriver.Query(names)}
	if p.config.SetParams != "" {
		commands = append(commands, stockdriver.Query(p.config.SetParams))
	}
	return commands
}

// replayLogin is loginCommands where no statement says what the character sets were:
// it runs what the login ran, of which each but the first is tried if the one before
// was refused, and looks at what came of it.
func (p restorer) replayLogin(ctx context.Context) (err error) {
	for _, st := range p.config.SetNames {
		if _, err = p.ExecContext(ctx, st, nil); mysqlerr.Number(err) == 0 {
			break
		}
	}
	if err != nil {
		return err
	}
	var sets []string
	if also := p.alsoSet(); also != "" {
		sets = append(sets, "SET "+also)
	}
	if p.config.SetParams != "" {
		sets = append(sets, p.config.SetParams)
	}
	for _, set := range sets {
		if _, err := p.ExecContext(ctx, set, nil); err != nil {
			return err
		}
	}
	return p.checkNames(ctx)
}

// alsoSet returns assignments of variables that a reset gives the right values,
// without what comes with setting them: a server goes on by the old network
// timeouts, and MySQL keeps the optimizer's traces of earlier statements (manual,
// "System Variables Controlling Tracing").
func (p restorer) alsoSet() string {
	var sets []string
	for _, name := range []string{"net_read_timeout", "net_write_timeout"} {
		if value := p.loginBaseline().Value(name); value != "" {
			sets = append(sets, name+" = "+value)
		}
	}
	if s := p.Host.Learned.Load(); s != nil && s.HasTraces {
		sets = append(sets, "optimizer_trace_offset = DEFAULT")
	}
	return strings.Join(sets, ", ")
}

// checkNames compares the variables of the character sets with those after the
// login: a server that did not know the collation of the login packet resets them
// to others.
func (p restorer) checkNames(ctx context.Context) error {
	row, err := queryRow(ctx, p, "SELECT @@character_set_client, @@character_set_results, @@collation_connection")
	if err == nil && !p.loginBaseline().HasNames(row[0], row[1], row[2]) {
		err = errors.New("mysqlpool: a reset made the character sets other than they were after the login")
	}
	return err
}
