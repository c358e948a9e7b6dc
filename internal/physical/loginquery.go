// SQL text: serverinfo/queries.go.

package physical

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/mysqlpool/mysqlpool/internal/budget"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// asker reads what a server is, and what a session is like.
type asker struct{ *Conn }

// Inspect reads the session's state, and at the first login the server's variables.
// Unknown variables and an expired password are not errors. Any other error fails the
// login, so that a passing fault is not recorded for all later connections.
func (p *Conn) Inspect(ctx context.Context) error { return asker{p}.askAtLogin(ctx) }

func (p asker) askAtLogin(ctx context.Context) error {
	if p.flags.Known() {
		p.autocommitAtLogin = p.autocommit()
	}
	if p.opaque {
		row, err := queryRow(ctx, p, "SELECT DATABASE()")
		switch {
		case err == nil:
			p.schema.loggedIn(row[0])
		case !errors.Is(err, errNoRow): // else it stays unknown
			return mysqlerr.UnlessExpired(err)
		}
	}
	var variables map[string]string
	if p.Host.Learned.Load() == nil {
		var err error
		if variables, err = p.askServer(ctx); err != nil {
			return err
		}
	}
	server, dead := p.Host.Learned.Load(), p.Host.DeadFound.Load()
	switch {
	case p.readsAtLogin(), dead != p.Host.learnedAsOf.Load():
		err := p.askSession(ctx, true) // which shows whether it is another server by now
		if err == nil {
			p.Host.learnedAsOf.Store(dead)
		}
		return err
	case variables != nil:
		if err := p.askFirst(ctx, variables); err != nil {
			return err
		}
	case server != nil && server.RoleQueries != 0:
		if err := p.askHost(ctx); err != nil {
			return mysqlerr.UnlessExpired(err)
		}
	}
	return mysqlerr.UnlessExpired(p.askID(ctx))
}

// askID reads the session's id and autocommit if they are needed: for pool_kill, for the
// log, or if the status flags do not show autocommit. If they cannot be read, autocommit
// counts as off: then every statement may leave a transaction open.
func (p asker) askID(ctx context.Context) error {
	l := p.Shared
	if p.ID != 0 || p.flags.Known() && p.autocommitAtLogin && !l.Kill && l.LeakAfter == 0 && !l.Log().Enabled(ctx, slog.LevelDebug) {
		return nil
	}
	row, err := queryRow(ctx, p, serverinfo.ConnQuery)
	if err != nil {
		if CannotTell(err) {
			return nil
		}
		return err
	}
	p.ID, _ = strconv.ParseUint(row[0], 10, 64)
	p.autocommitAtLogin = serverinfo.IsOn(row[1])
	return nil
}

// askServer reads the server's variables on the pool's first connection to a host. It
// returns nil if they cannot be read.
func (p asker) askServer(ctx context.Context) (map[string]string, error) {
	l := p.Shared
	values, err := p.showVariables(ctx)
	if err == nil && values["version"] == "" {
		values, err = selectVariables(ctx, p) // sql_select_limit cut it off
	}
	switch {
	case err == nil:
		p.ID, _ = strconv.ParseUint(values["pseudo_thread_id"], 10, 64)
		if values["init_connect"] != "" {
			p.Host.noteLeft(session.Variables) // each login does
		}
		l.learn(ctx, p.Host, values)
		p.setBaseline(values)
		return values, nil
	case !CannotTell(err):
		return nil, mysqlerr.UnlessExpired(err)
	case mysqlerr.MayPass(err):
		if !p.Host.loggedNoVariables.Swap(true) {
			l.Log().LogAttrs(ctx, slog.LevelWarn, "mysqlpool: cannot read the server's variables (retried at each login): until then pool_max_overflow has no limit, and connections with session state on them are closed",
				slog.String("login", l.Name), slog.Any("error", err))
		}
		l.Stmts.Learn(-1)
		return nil, nil
	}
	l.Log().LogAttrs(ctx, slog.LevelWarn, "mysqlpool: the server's variables cannot be read: pool_max_overflow has no limit, wait_timeout is taken to be what the DSN says, else 120 s, and connections with session state on them are closed; set pool_max_overflow and pool_recycle",
		slog.String("login", l.Name), slog.Any("error", err))
	l.learn(ctx, p.Host, nil)
	return nil, nil
}

// showVariables returns the rows of serverinfo.VariablesQuery, with others if that text is
// too long.
func (p asker) showVariables(ctx context.Context) (map[string]string, error) {
	query := serverinfo.VariablesQuery
	if limit := p.maxText(); limit > 0 && len(query) > limit {
		query = "SHOW SESSION VARIABLES"
	}
	p.asking(query)
	all, err := queryRows(ctx, p, query)
	if err != nil {
		return nil, err
	}
	p.unsureLarge = false
	values := make(map[string]string, len(all))
	for _, row := range all {
		if len(row) != 2 {
			return nil, fmt.Errorf("mysqlpool: SHOW SESSION VARIABLES: got %d columns, want 2", len(row))
		}
		values[strings.ToLower(row[0])] = row[1]
	}
	return values, nil
}

// selectVariables reads the server's variables alone, in one row.
func selectVariables(ctx context.Context, c driver.QueryerContext) (map[string]string, error) {
	names := append([]string{"autocommit", "wait_timeout"}, serverinfo.ServerVariables[1:]...)
	row, err := queryRow(ctx, c, "SELECT CONNECTION_ID(), @@"+strings.Join(names, ", @@"))
	if err != nil {
		return nil, err
	}
	values := map[string]string{"pseudo_thread_id": row[0]}
	for i, name := range names {
		values[name] = row[1+i]
	}
	return values, nil
}

// CannotTell reports whether the server does not know what was queried.
func CannotTell(err error) bool { return errors.Is(err, errNoRow) || mysqlerr.IsUnknown(err) }

// learn notes the variables that the pool's first connection read; nil if it could not read
// them.
func (s *Shared) learn(ctx context.Context, h *Host, values map[string]string) {
	facts, noWaitTimeout := serverinfo.FactsOf(values, h.Config.Params, s.tracks)
	h.hasNoRoles.Store(serverinfo.LacksRoles(values["version"]))
	if noWaitTimeout && s.Recycle == dsn.Auto {
		s.Log().LogAttrs(ctx, slog.LevelWarn, "mysqlpool: neither the DSN nor the server says wait_timeout: taking 120 s; set wait_timeout in the DSN, or pool_recycle",
			slog.String("login", s.Name))
	}
	if !h.Learned.CompareAndSwap(nil, facts) {
		return
	}
	s.events.Learned(h, facts, values["wait_timeout"])
}

// AskLimits reads the server's limits again. tells is whether the server can answer that.
func (p *Conn) AskLimits(ctx context.Context) (l budget.Limits, account budget.AccountLimits, tells bool, err error) {
	tells = true // if it panics
	defer p.survive("a look at the server's limits", &err)
	p.usedBy(nil)
	row, err := queryRow(ctx, p, serverinfo.LimitsQuery)
	if err != nil || len(row) != 7 {
		return l, account, err != nil && !CannotTell(err), err
	}
	l.MaxConnections, _ = serverinfo.Connections(row[0])
	l.MaxStmts = serverinfo.Stmts(row[5])
	// The global value is that of sessions to come, unless init_connect sets another.
	switch {
	case row[6] == "":
		l.WaitTimeout, _ = serverinfo.WaitTimeoutOf(row[3])
	case p.Host.Config.Params["wait_timeout"] == "":
		l.WaitTimeout, _ = serverinfo.WaitTimeoutOf(row[4])
	}
	account.Own, _ = serverinfo.Connections(row[1])
	global, ok := serverinfo.Connections(row[2])
	if !ok {
		global = budget.UnknownLimit
	}
	account.Global = global
	return l, account, true, nil
}
