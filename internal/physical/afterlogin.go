package physical

import (
	"context"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// AfterLogin readies a session for its users: see WithAfterLogin of package mysqlpool.
// What it leaves is the baseline to which the session is restored:
//
//   - by undo: the values of the variables are read after it;
//   - by reset: it runs again, and must leave the same; else the connection is closed.
//
// What it leaves counts by kind, as of any text:
//
//	variables, user variables, role, schema      the baseline: what changes them shows in a text
//	temporary tables, PREPARE, unknown           the same, but a text that changes them may not
//	                                             show it: so the session is reset after each use
//	transactions, locks, handlers                the login fails: their first user ends them
type AfterLogin func(ctx context.Context, conn driver.Conn) error

// rejectedAfterLogin is the kinds of state that AfterLogin may not leave.
const rejectedAfterLogin = session.Transaction | session.NextTransaction | session.Locks | session.TableLocks | session.Handlers

// untrackableAfterLogin is the kinds that a later statement may change without its text
// showing it, as an INSERT changes a temporary table.
const untrackableAfterLogin = session.TempTables | session.Prepared

// AfterLoginCancelGrace is how long AfterLogin has to return after its context ended.
const AfterLoginCancelGrace = 500 * time.Millisecond

// afterLogin is what is known of a connection on which Shared.AfterLogin ran. Guarded by
// ownership.
type afterLogin struct {
	ran     bool
	login   facts  // before it ran
	schema  string // before it ran
	eachUse bool   // the session must be reset after each use
}

// afterLoginRunner runs Shared.AfterLogin on a connection.
type afterLoginRunner struct{ *Conn }

// RunAfterLogin runs Shared.AfterLogin, if there is one, on a connection that has logged
// in and is to be handed out, and takes what it leaves as the baseline. After an error
// the connection is to be closed.
func (p *Conn) RunAfterLogin(ctx context.Context) error { return afterLoginRunner{p}.runAtLogin(ctx) }

func (p afterLoginRunner) runAtLogin(ctx context.Context) (err error) {
	if p.Shared.AfterLogin == nil {
		return nil
	}
	defer p.survive("what follows WithAfterLogin", &err)
	p.after = afterLogin{ran: true, login: p.facts, schema: p.schema.now}
	left, err := p.runAfterLogin(ctx)
	if err != nil {
		return err
	}
	if left.schema != p.after.schema {
		p.schema.home = left.schema
	}
	p.facts = left.facts
	p.schema.found(left.schema)
	p.adoptConfig(left.values)
	p.Life = p.GreatestAge()
	return nil
}

// repeatAfterLogin runs it again after a reset, on the schema that it ran on at the
// login. The session stays on the schema that it is on.
func (p afterLoginRunner) repeatAfterLogin(ctx context.Context) error {
	if !p.after.ran {
		return nil
	}
	before := p.schema.now
	if p.after.schema != "" && p.after.schema != UnknownSchema && p.after.schema != before {
		if _, err := switcher(p).use(ctx, p.after.schema); err != nil {
			return err
		}
	}
	left, err := p.runAfterLogin(ctx)
	if err != nil {
		return err
	}
	if left.baseline == nil || *left.baseline != *p.baseline || left.roleAtLogin != p.roleAtLogin || left.autocommitAtLogin != p.autocommitAtLogin {
		return p.afterLoginError("", fmt.Errorf("run again after a reset it leaves other variables, or another role, than after the login"))
	}
	if before == UnknownSchema && p.schema.former == "" && p.schema.home == "" {
		return nil // see findSchema
	}
	p.schema.found(left.schema)
	switch {
	case before == left.schema || before == UnknownSchema:
	case before == "":
		return p.afterLoginError("", fmt.Errorf("run again after a reset it selects a schema, and did not after the login"))
	default:
		_, err = switcher(p).use(ctx, before)
	}
	return err
}

// leftAfterLogin is what a session is like after it ran.
type leftAfterLogin struct {
	facts
	schema string
	values map[string]string // of variables
}

// runAfterLogin runs it, and sees what it left.
func (p afterLoginRunner) runAfterLogin(ctx context.Context) (leftAfterLogin, error) {
	p.usedBy(nil)
	schemas := p.Host.Server.Schemas.Load()
	p.state.Reset()
	c, err := p.callAfterLogin(ctx)
	if err != nil {
		return leftAfterLogin{}, p.afterLoginFailed(ctx, err)
	}
	kinds, autocommit := p.state.Kinds(), p.autocommit()
	left, err := p.measure(ctx, c.oneByOne)
	if err != nil {
		return left, p.afterLoginFailed(ctx, err)
	}
	if left.baseline == nil { // it cannot be read
		left.autocommitAtLogin = autocommit
	}
	if p.InTransaction() {
		kinds |= session.Transaction
	}
	if rejected := kinds & rejectedAfterLogin; rejected != 0 {
		return left, p.afterLoginError("", fmt.Errorf("it leaves state that its first user would end (%v): end it there, or, for a transaction's characteristics, SET SESSION TRANSACTION", rejected))
	}
	p.after.eachUse = p.after.eachUse || c.unknown || kinds&untrackableAfterLogin != 0
	if left.schema != p.schema.now {
		p.schema.changes = schemas
	}
	p.state.Reset()
	p.used, p.busy, p.flags.failed, p.altered = false, false, false, false
	p.diagnostics.lastID = sessionID{unknown: c.changesID}
	return left, nil
}

// callAfterLogin calls the function, for as long as ctx lasts and a little longer.
// When it has returned the function cannot use the connection any more.
func (p afterLoginRunner) callAfterLogin(ctx context.Context) (*afterLoginConn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &afterLoginConn{p: p.Conn, ctx: ctx}
	done := make(chan error, 1)
	go func() {
		err := fmt.Errorf("it ended its goroutine (runtime.Goexit)")
		defer func() {
			if r := recover(); r != nil {
				p.Shared.Log().LogAttrs(ctx, slog.LevelError, "mysqlpool: the function of WithAfterLogin panicked, and the connection is closed",
					slog.String("login", p.Shared.Name), slog.String("host", p.Host.Addr), p.IDAttr(), slog.Any("panic", r), slog.String("stack", string(debug.Stack())))
				err = &afterLoginPanic{r}
			}
			done <- err
		}()
		err = p.Shared.AfterLogin(ctx, c)
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		timer := time.NewTimer(AfterLoginCancelGrace)
		select {
		case err = <-done:
		case <-timer.C:
			err = fmt.Errorf("abandoned while it still runs (it ignores its context): %w", ctx.Err())
		}
		timer.Stop()
	}
	if ended := c.end(); err == nil {
		err = ended
	}
	if err == nil {
		err = ctx.Err()
	}
	return c, err
}

// measure reads what the function left. If the server's variables cannot be read, the
// baseline stays unknown.
func (p afterLoginRunner) measure(ctx context.Context, oneByOne bool) (left leftAfterLogin, err error) {
	before := p.after.login
	left.facts = facts{ID: p.ID, read: true, initConnect: p.initConnect, readRole: true, hasRoles: before.hasRoles, roleAtLogin: before.roleAtLogin}
	s := p.Host.Learned.Load()
	columns := []string{"DATABASE()"}
	tells := s != nil && len(s.Variables) > 0 && before.baseline != nil
	if tells {
		columns = append(columns, "@@autocommit")
		for _, name := range s.Variables {
			columns = append(columns, "@@"+name)
		}
		if before.hasRoles {
			columns = append(columns, "CURRENT_ROLE()")
		}
	}
	row, err := selectRow(ctx, p.Conn, columns)
	if err != nil {
		if !CannotTell(err) {
			return left, err
		}
		left.schema = p.schema.now
		return left, nil
	}
	left.schema = row[0]
	if !tells {
		return left, nil
	}
	left.values = map[string]string{"autocommit": row[1]}
	for i, name := range s.Variables {
		left.values[name] = row[2+i]
	}
	left.autocommitAtLogin = serverinfo.IsOn(row[1])
	if before.hasRoles {
		left.roleAtLogin = row[len(row)-1]
	}
	left.baseline = session.NewBaseline(left.values, session.Charsets{
		CollatesClient: !s.FixesTypes,
		OneByOne:       oneByOne || p.config.OneByOne || p.initConnect && p.config.SetNames == nil,
	})
	if latest := p.Host.after.Load(); latest != nil && *latest == *left.baseline {
		left.baseline = latest
	} else {
		p.Host.after.Store(left.baseline)
	}
	return left, nil
}

// adoptConfig has the connection go by variables that a DSN's parameters may set too.
func (p afterLoginRunner) adoptConfig(values map[string]string) {
	if values == nil {
		return // they cannot be read
	}
	set := map[string]string{}
	if wait := values["wait_timeout"]; wait != p.after.login.baseline.Value("wait_timeout") {
		set["wait_timeout"] = wait
	}
	for _, name := range []string{"transaction_read_only", "tx_read_only"} {
		if serverinfo.IsOn(values[name]) {
			set[name] = "1"
		}
	}
	autoIsNull := serverinfo.IsOn(values["sql_auto_is_null"])
	if len(set) == 0 && autoIsNull == p.config.AutoIsNull {
		return
	}
	config := *p.config
	config.AutoIsNull = autoIsNull || config.AutoIsNull
	config.Params = maps.Clone(config.Params)
	if config.Params == nil {
		config.Params = set
	} else {
		maps.Copy(config.Params, set)
	}
	p.config = &config
}
