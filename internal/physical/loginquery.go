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

// asker asks a server about itself and the session.
type asker struct{ *Conn }

// Ask finds out about a new connection, and about its server if it is the
// pool's first. A server that does not know the variables, as a proxy might
// not, is no reason to fail; nor is one that wants a new password first. Any
// other error is: it must not decide for all the connections to come.
func (p *Conn) Ask(ctx context.Context) error { return asker{p}.askAtLogin(ctx) }

func (p asker) askAtLogin(ctx context.Context) error {
	l := p.Login
	if p.opaque {
		row, err := queryRow(ctx, p, "SELECT DATABASE()")
		switch {
		case err == nil:
			p.schema.loggedIn(row[0])
		case !errors.Is(err, errNoRow): // else it stays unknown
			return mysqlerr.UnlessExpired(err)
		}
	}
	if p.Host.Learned.Load() == nil {
		values, err := p.showVariables(ctx)
		if err == nil && values["version"] == "" {
			values, err = selectVariables(ctx, p) // sql_select_limit cut it off
		}
		if err == nil && values["pseudo_thread_id"] == "" {
			err = p.askID(ctx)
		}
		if err == nil {
			values["role"], err = askRole(ctx, p)
		}
		switch {
		case err == nil:
			l.learn(ctx, p.Host, values)
			p.know(values)
			return p.askFirst(ctx, values)
		case !CannotTell(err):
			return mysqlerr.UnlessExpired(err)
		}
		if mysqlerr.MayPass(err) {
			if !p.Host.toldBlind.Swap(true) {
				l.Log().LogAttrs(ctx, slog.LevelWarn, "mysqlpool: the server does not tell its variables now: each login asks again, and until then pool_max_overflow has no limit, and connections with session state on them are closed",
					slog.String("login", l.Name), slog.Any("error", err))
			}
			l.Stmts.Learn(-1)
			return mysqlerr.UnlessExpired(p.askID(ctx))
		}
		l.Log().LogAttrs(ctx, slog.LevelWarn, "mysqlpool: the server does not tell its variables: pool_max_overflow has no limit, wait_timeout is taken to be what the DSN says, else 120 s, and connections with session state on them are closed; set pool_max_overflow and pool_recycle",
			slog.String("login", l.Name), slog.Any("error", err))
		l.learn(ctx, p.Host, nil)
	}
	server := p.Host.Learned.Load()
	if len(server.Variables) == 0 {
		return mysqlerr.UnlessExpired(p.askID(ctx))
	}
	row, err := selectRow(ctx, p.Conn, server.AskFor())
	switch {
	case errors.Is(err, errNoRow), mysqlerr.MayPass(err):
		return mysqlerr.UnlessExpired(p.askID(ctx))
	case mysqlerr.Number(err) == mysqlerr.UnknownVariable && p.Host.Learned.CompareAndSwap(server, nil): // it is another server by now
		return p.askAtLogin(ctx)
	case server.Asks != 0 && mysqlerr.IsDenied(err) && l.dropQuestions(ctx, p.Host, server, err):
		return p.askAtLogin(ctx)
	case err != nil:
		return mysqlerr.UnlessExpired(err)
	}
	values := map[string]string{"pseudo_thread_id": row[0], "autocommit": row[1], "init_connect": row[2]}
	for i, name := range server.Variables {
		values[name] = row[3+i]
	}
	rest := row[3+len(server.Variables):]
	if server.HasRoles {
		values["role"], rest = rest[0], rest[1:]
	}
	p.know(values)
	p.Answer = server.Asks.Answer(rest)
	return p.askReplication(ctx)
}

// askID asks for as little as can be. Without an answer autocommit counts as
// off: then every statement may leave a transaction open.
func (p asker) askID(ctx context.Context) error {
	p.initConnect = true // the server may have run one
	row, err := queryRow(ctx, p, serverinfo.AskConn)
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

// know takes what a connection's variables are after the login. Most have the
// same, and share the memory.
func (p asker) know(values map[string]string) {
	if id, err := strconv.ParseUint(values["pseudo_thread_id"], 10, 64); err == nil {
		p.ID = id
	}
	p.autocommitAtLogin = serverinfo.IsOn(values["autocommit"])
	p.initConnect = values["init_connect"] != ""
	p.roleAtLogin = values["role"]
	s := p.Host.Learned.Load()
	p.baseline = session.NewBaseline(values, session.Charsets{
		CollatesClient: s == nil || !s.FixesTypes,
		OneByOne:       p.config.OneByOne || p.initConnect && p.config.SetNames == nil,
	})
	if latest := p.Host.baseline.Load(); latest != nil && *latest == *p.baseline {
		p.baseline = latest
	} else {
		p.Host.baseline.Store(p.baseline)
	}
}

// showVariables returns the answer to serverinfo.AskServer, with others if that text is too
// long.
func (p asker) showVariables(ctx context.Context) (map[string]string, error) {
	query := serverinfo.AskServer
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

// selectVariables asks for the server's variables alone, in one row.
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

// askRole asks for the session's role; serverinfo.NoRoles of a server that has none.
func askRole(ctx context.Context, c driver.QueryerContext) (string, error) {
	row, err := queryRow(ctx, c, "SELECT CURRENT_ROLE()")
	switch {
	case err == nil:
		return row[0], nil
	case mysqlerr.IsUnready(err):
	case mysqlerr.Number(err) != 0 || errors.Is(err, errNoRow):
		return serverinfo.NoRoles, nil
	}
	return "", err
}

// CannotTell reports whether the server does not know what it was asked.
func CannotTell(err error) bool { return errors.Is(err, errNoRow) || mysqlerr.IsUnknown(err) }

// learn takes what the pool's first connection says of the server; nil if that
// says nothing.
func (l *Login) learn(ctx context.Context, h *Host, values map[string]string) {
	s, noWaitTimeout := serverinfo.FactsOf(values, h.Config.Params, l.tracks)
	if noWaitTimeout && l.Recycle == dsn.Auto {
		l.Log().LogAttrs(ctx, slog.LevelWarn, "mysqlpool: neither the DSN nor the server says wait_timeout: taking 120 s; set wait_timeout in the DSN, or pool_recycle",
			slog.String("login", l.Name))
	}
	if !h.Learned.CompareAndSwap(nil, s) {
		return
	}
	l.events.Learned(h, s, values["wait_timeout"])
}

// AskLimits asks the server for its limits again. It reports whether the server tells
// them.
func (p *Conn) AskLimits(ctx context.Context) (l budget.Limits, account budget.AccountLimits, tells bool, err error) {
	tells = true // if it panics
	defer p.survive("a look at the server's limits", &err)
	p.usedBy(nil)
	row, err := queryRow(ctx, p, serverinfo.AskLimits)
	if err != nil || len(row) != 6 {
		return l, account, err != nil && !CannotTell(err), err
	}
	l.MaxConnections, _ = serverinfo.Connections(row[0])
	l.MaxStmts = serverinfo.Stmts(row[5])
	// The global value is that of sessions to come, unless init_connect sets another.
	switch {
	case !p.initConnect:
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
