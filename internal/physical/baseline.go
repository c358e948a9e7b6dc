package physical

import (
	"context"
	"errors"
	"strconv"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// The baseline is what a session was like after its login, to which it is restored: its
// variables, and its role. It costs a round trip to read, and many programs leave nothing
// that needs it. A pool's first login has the variables from the query about the server.
// Otherwise the baseline is read when a statement is about to leave such state:
//
//	on that connection, before the statement    unless that would destroy diagnostics that
//	                                            its user may still read: see diagnostics.go
//	on each other connection                    at its next checkout
//	from then on                                at each login
//
// A connection on which it was not read is closed at check-in if more is left on it than
// can be undone without.

// needNoBaseline is the kinds of state that are undone without it, or never.
const needNoBaseline = session.Transaction | session.NextTransaction | session.Schema | session.FoundRows | session.Identity

// inBaseline is the kinds of state in which the baseline cannot be read any more: it
// would show them, or end them.
const inBaseline = session.NextTransaction | session.Variables | session.Other | session.Identity

// noteLeft notes the kinds of state that a user leaves.
func (h *Host) noteLeft(kinds session.Kinds) {
	if h.leftKinds()&kinds != kinds {
		h.left.Or(uint32(kinds))
	}
}

func (h *Host) leftKinds() session.Kinds { return session.Kinds(h.left.Load()) }

// readsAtLogin reports whether the baseline is read at each login.
func (p asker) readsAtLogin() bool {
	return p.Shared.AfterLogin != nil || p.Shared.Reset == dsn.ResetAlways || p.Host.leftKinds()&^needNoBaseline != 0
}

// beforeState is called before each statement of h, which holds p, while not all of the
// baseline is read. It returns an error only if the connection broke, or ctx ended.
func (h *Holder) beforeState(ctx context.Context, p *Conn, st *session.Statement) error {
	if !p.lacksBaseline(st.Leaves) || p.Shared.Reset == dsn.ResetNever {
		return nil
	}
	p.Host.noteLeft(st.Leaves)
	// SELECT of variables changes FOUND_ROWS(), ROW_COUNT(), which the next statement does
	// anyway, and the warnings, where that does it too. Where it does not, only an error of
	// the SELECT does.
	lost := session.Found | st.Reads()
	if p.Host.keepsWarnings() {
		lost |= session.Warnings
	}
	if p.kinds()&inBaseline != 0 || lost&^p.diagnostics.foreign&statementDiagnostics != 0 {
		return nil
	}
	latest := p.diagnostics.latest
	err := asker{p}.readBaseline(ctx)
	p.diagnostics.latest = latest
	return err
}

// lacksBaseline reports whether more of it is needed to restore such state. What is not
// understood may have changed the role.
func (f *facts) lacksBaseline(left session.Kinds) bool {
	return !f.read && left&^needNoBaseline != 0 || !f.readRole && left&session.Other != 0
}

// baselineIsDue reports whether it is to be read before the connection is handed out.
func (p asker) baselineIsDue() bool { return !p.readRole && p.lacksBaseline(p.Host.leftKinds()) }

// readBaseline reads it on a session on which nothing of inBaseline was left. It returns
// an error only if the connection broke, or ctx ended: what the server refuses stays
// unknown.
func (p asker) readBaseline(ctx context.Context) (err error) {
	if err := ctx.Err(); err != nil {
		return err // the next statement may ask
	}
	defer p.survive("the reading of the session's variables", &err)
	p.usedBy(nil)
	return unlessServerError(p.askSession(ctx, false))
}

// askSession reads the baseline, and with host also the host's role. If the server's
// variables are unknown, it reads the session's id.
func (p asker) askSession(ctx context.Context, host bool) error {
	return p.askSessionWith(ctx, host, !p.Host.hasNoRoles.Load())
}

// askSessionWith is askSession; roles is whether the role is asked for.
func (p asker) askSessionWith(ctx context.Context, host, roles bool) error {
	p.read, p.readRole = true, true
	p.baseline = nil // what is known of it is no use without the role
	server := p.Host.Learned.Load()
	if server == nil || len(server.Variables) == 0 {
		return mysqlerr.UnlessExpired(p.askID(ctx))
	}
	columns := server.BaselineColumns()
	if roles {
		columns = append(columns, "CURRENT_ROLE()")
	}
	if host {
		columns = append(columns, server.RoleQueries.Columns()...)
	}
	row, err := selectRow(ctx, p.Conn, columns)
	switch {
	case err == nil:
	case roles && mysqlerr.MayPass(err):
		if err := p.askSessionWith(ctx, host, false); err != nil || p.baseline == nil {
			return err
		}
		// All but the role was answered. If that is refused again this is no passing fault:
		// go-mysql-server has no other number for a function that it lacks.
		return p.askRole(ctx, func(err error) bool { return mysqlerr.MayLackFunction(err) || mysqlerr.MayPass(err) })
	case errors.Is(err, errNoRow), mysqlerr.MayPass(err):
		return mysqlerr.UnlessExpired(p.askID(ctx))
	case mysqlerr.Number(err) == mysqlerr.UnknownVariable: // it is another server by now
		p.Host.Learned.CompareAndSwap(server, nil)
		return p.askReplacedServer(ctx, host)
	case roles && mysqlerr.MayLackFunction(err):
		err := p.askSessionWith(ctx, host, false)
		if p.baseline != nil {
			p.Host.hasNoRoles.Store(true)
		}
		return err
	case host && server.RoleQueries != 0 && mysqlerr.IsDenied(err) && p.Shared.dropRoleQueries(ctx, p.Host, server, err):
		return p.askSession(ctx, host)
	default:
		return mysqlerr.UnlessExpired(err)
	}
	values := map[string]string{"autocommit": row[1], "init_connect": row[2]}
	p.ID, _ = strconv.ParseUint(row[0], 10, 64)
	row = row[3:]
	for i, name := range server.Variables {
		values[name] = row[i]
	}
	row = row[len(server.Variables):]
	if p.hasRoles = roles; roles {
		p.roleAtLogin, row = row[0], row[1:]
	}
	p.setBaseline(values)
	if !host {
		return nil
	}
	p.Answer = server.RoleQueries.Answer(row)
	return p.askReplication(ctx)
}

// askReplacedServer is askSession of a server of which nothing is known: SHOW VARIABLES tells
// those that there are, be it more than SELECT knows, as behind a proxy.
func (p asker) askReplacedServer(ctx context.Context, host bool) error {
	variables, err := p.askServer(ctx)
	if err != nil || variables == nil {
		return err
	}
	if err := p.askRole(ctx, mysqlerr.MayLackFunction); err != nil || !host {
		return err
	}
	return mysqlerr.UnlessExpired(p.askFirst(ctx, variables))
}

// askRole reads the role alone. lacks reports whether an error says that the server has no
// roles. After any other error of the server the baseline is unknown.
func (p asker) askRole(ctx context.Context, lacks func(error) bool) error {
	row, err := queryRow(ctx, p, "SELECT CURRENT_ROLE()")
	switch {
	case err == nil:
		p.hasRoles, p.roleAtLogin = true, row[0]
	case lacks(err):
		p.Host.hasNoRoles.Store(true)
	case mysqlerr.Number(err) == 0 && !errors.Is(err, errNoRow):
		return err
	default:
		p.baseline = nil
	}
	return nil
}

// setBaseline takes what a connection's variables are after the login. Most have the
// same, and share the memory.
func (p asker) setBaseline(values map[string]string) {
	p.read = true
	p.autocommitAtLogin = serverinfo.IsOn(values["autocommit"])
	p.initConnect = values["init_connect"] != ""
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
