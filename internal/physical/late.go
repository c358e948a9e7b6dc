package physical

import (
	"context"
	"database/sql/driver"
	"log/slog"
	"net"
	"slices"

	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
)

// On MySQL and MariaDB a prepared statement runs in the schema in which it was
// prepared, whatever the session's schema is. So a schema need not be selected for a
// statement that is kept. Other servers run it in the session's schema, where it would
// read and write the tables of another user, and a proxy may prepare it again on
// another connection. So a connection is trusted with this only if
//
//   - the server's list of connections shows this one with the address of its socket,
//     and the server takes no other address from a proxy (PROXY protocol): then nobody
//     is between who could have another session run a statement; and
//   - it was tried on this connection.
//
// Anything but a prepared statement selects the schema first, and so does one after which
// the schema is not known. So does the next statement after an error. Until then the
// session is on a schema that belongs to nobody: another user's may be gone when the
// server goes back to it, which leaves the session without one, and whatever is wrong
// here must not write there.

// lateAfter is how many switches a connection makes before it is tried, which takes seven
// round trips.
const lateAfter = 2

// lateSwitch is whether the schema is selected when a statement needs it. Guarded by
// ownership.
type lateSwitch struct {
	switches int
	proved   bool
	doubted  bool // a statement failed since the switch was put off

	// To put a switch off for a text costs two USE, one more than to do it at once. So
	// if that happens again and again it is done at once for a while, longer each time.
	settles int // in a row
	skips   int // switches that are done at once yet
}

// freeSettles is how many are let pass.
const freeSettles = 2

// settled notes that USE was needed after all.
func (l *lateSwitch) settled() {
	if l.settles++; l.settles > freeSettles {
		l.skips = 1 << min(l.settles-freeSettles, 6)
	}
}

// skip reports whether a switch is to be done at once.
func (l *lateSwitch) skip() bool {
	if l.skips == 0 {
		return false
	}
	l.skips--
	return true
}

// isDue counts a switch, and reports whether it is to be tried now.
func (l *lateSwitch) isDue() bool {
	l.switches++
	return l.switches == lateAfter
}

// switcher switches the schema of a connection, at once or when a statement needs that.
type switcher struct{ *Conn }

// switchesLate reports whether the switch to a schema may wait for a statement that
// needs it. There must be statements of it: whoever comes first is to see whether he
// may use it.
func (p switcher) switchesLate(schema string) bool {
	return p.late.proved && p.schema.known() && p.schema.changes == p.Host.Server.Schemas.Load() && !p.kept().passesCache() &&
		(schema == p.schema.now || p.stmts.cache.Knows(schema))
}

// putOff is Switch where that waits.
func (p switcher) putOff(ctx context.Context, schema string) (kept bool, err error) {
	if p.schema.isOff() {
		p.late.settles = 0 // the latest one was never needed
	}
	if p.schema.now != schema && p.schema.now != elsewhere {
		if _, err := p.use(ctx, elsewhere); err != nil {
			return false, err
		}
	}
	p.schema.wanted = schema
	return true, nil
}

// isOff reports whether a switch was put off.
func (s *sessionSchema) isOff() bool { return s.now != s.wanted }

// settleSchema selects the schema if that was put off.
func (p *Conn) settleSchema(ctx context.Context) error {
	if !p.schema.isOff() {
		return nil
	}
	p.late.settled()
	user, wanted := p.shows.user, p.schema.wanted
	kept, err := p.use(ctx, wanted)
	p.usedBy(user)
	p.late.doubted = false
	if err == nil {
		return nil
	}
	p.schema.wanted = wanted // for the next statement, which must not run elsewhere either
	if !kept && mysqlerr.Number(err) != 0 {
		p.live.worsens(broken)
	}
	return err
}

// settleAfterError is settleSchema if a kept statement failed meanwhile.
func (p *Conn) settleAfterError(ctx context.Context) error {
	if !p.late.doubted {
		return nil
	}
	return p.settleSchema(ctx)
}

// lateTrial asks for the schema, and for a table that no other schema is likely to have.
const lateTrial = "SELECT DATABASE(), COUNT(*) > 0 FROM COLLATION_CHARACTER_SET_APPLICABILITY"

// proveLate tries it, if it may be of use, and may leave the session on any schema. It returns an error only
// if the connection broke, or ctx ended.
func (p switcher) proveLate(ctx context.Context, schema string) error {
	// With autocommit off the trial would open a transaction.
	if _, ok := p.local.(*net.TCPAddr); !ok || !p.Shared.LateSwitch || !p.Shared.Stmts.keeps() || !p.autocommit() {
		return nil
	}
	before := p.schema
	works, err := p.tryLate(ctx, schema)
	if serious(err) != nil {
		return err
	}
	if !works && p.schema != before {
		p.schema.forget() // one of them may be gone, and the session then on none
	}
	p.late.proved = works
	p.Shared.Log().LogAttrs(ctx, slog.LevelDebug, "mysqlpool: tried whether a prepared statement runs in the schema in which it was prepared",
		slog.String("login", p.Shared.Name), p.IDAttr(), slog.Bool("works", works), slog.Any("error", err))
	return nil
}

// tryLate prepares a statement in one schema and runs it in another.
func (p switcher) tryLate(ctx context.Context, schema string) (works bool, err error) {
	row, err := queryRow(ctx, p, "SELECT HOST FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()")
	if err != nil || !isAt(ctx, row[0], p.local) {
		return false, err
	}
	// MariaDB and Percona Server: whom they let say that he is somebody else.
	proxies, err := queryRows(ctx, p, "SHOW GLOBAL VARIABLES LIKE 'proxy_protocol_networks'")
	if err != nil || len(proxies) > 0 && proxies[0][1] != "" {
		return false, err
	}
	if _, err := p.ExecContext(ctx, "USE "+elsewhere, nil); err != nil {
		return false, err
	}
	p.schema.found(elsewhere)
	prepared, err := p.PrepareContext(ctx, lateTrial)
	if err != nil {
		return false, err
	}
	defer prepared.Close()
	if _, err := p.ExecContext(ctx, useText(schema), nil); err != nil {
		return false, err
	}
	p.schema.found(schema)
	rows, err := prepared.(driver.StmtQueryContext).QueryContext(ctx, nil)
	if err != nil {
		return false, err
	}
	all, err := readRows(rows)
	return len(all) == 1 && slices.Equal(all[0], []string{elsewhere, "1"}), err
}
