package physical

import (
	"context"
	"database/sql/driver"
	"log/slog"
	"slices"

	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/peer"
)

// On MySQL and MariaDB a prepared statement runs in the schema in which it was
// prepared, whatever the session's schema is. So a schema need not be selected for a
// statement that is kept. Other servers run it in the session's schema, where it would
// read and write the tables of another user, and a proxy may prepare it again on
// another connection. So a connection is trusted with this only if
//
//   - nothing is in between that could run a statement on another session. Over TCP the
//     server's list of connections must show this one with the address of its socket, and the
//     server must take no other address from a proxy (PROXY protocol). Over a unix socket the
//     program at its other end must be the server itself; and
//   - it was tested on this connection.
//
// Anything but a prepared statement selects the schema first, or together with itself (see
// combineduse.go), and so does one after which the schema is not known. So does the next statement after an error. Until then the
// session is on a neutral schema: another user's may be gone when the server goes back to
// it, which leaves the session without one, and a bug here must not write there.

// deferAfter is how many switches a connection makes before it is tested, which takes some ten
// round trips.
const deferAfter = 2

// deferredSchema is whether USE is deferred until a statement needs it. Guarded by
// ownership.
type deferredSchema struct {
	switches            int
	trusted             bool
	failedSinceDeferral bool // a statement failed since USE was deferred

	// A deferred USE that is needed after all costs two USE instead of one. So if that
	// happens repeatedly, USE is sent at once for a while, longer each time.
	forcedUses int // how often USE was needed after all, in a row
	skips      int // how many of the next switches are done at once
}

// freeForcedUses is how many of forcedUses have no consequence.
const freeForcedUses = 2

// countForcedUse notes that a deferred USE is needed after all, unless that was expected.
func (p switcher) countForcedUse() {
	if p.schema.now != neutralSchema {
		return
	}
	d := &p.deferred
	if d.forcedUses++; d.forcedUses > freeForcedUses {
		d.skips = 1 << min(d.forcedUses-freeForcedUses, 6)
	}
}

// skip reports whether a switch is to be done at once.
func (d *deferredSchema) skip() bool {
	if d.skips == 0 {
		return false
	}
	d.skips--
	return true
}

// isTestDue counts a switch, and reports whether deferral is to be tested now.
func (d *deferredSchema) isTestDue() bool {
	d.switches++
	return d.switches == deferAfter
}

// switcher switches the schema of a connection, at once or when a statement needs that.
type switcher struct{ *Conn }

// canDefer reports whether USE may wait until a statement needs it. Without a cached
// statement of that schema USE is sent now, so that the server checks access.
func (p switcher) canDefer(schema string) bool {
	return p.deferred.trusted && p.Shared.Stmts.keeps() && p.schema.known() && p.schema.changes == p.Host.Server.Schemas.Load() && !p.kept().bypassesCache() &&
		(schema == p.schema.now || p.stmts.cache.Knows(schema))
}

// deferUse is Switch where USE is deferred.
func (p switcher) deferUse(ctx context.Context, schema string) (kept bool, err error) {
	if p.schema.isDeferred() {
		p.deferred.forcedUses = 0 // the latest one was never needed
	}
	if p.schema.now != schema && p.schema.now != neutralSchema {
		if _, err := p.use(ctx, neutralSchema); err != nil {
			return false, err
		}
	}
	p.schema.wanted = schema
	return true, nil
}

// isDeferred reports whether USE is deferred.
func (s *sessionSchema) isDeferred() bool { return s.now != s.wanted }

// selectDeferredSchema sends USE if it was deferred.
func (p switcher) selectDeferredSchema(ctx context.Context) error {
	if !p.schema.isDeferred() {
		return nil
	}
	p.countForcedUse()
	user, wanted := p.diagnostics.user, p.schema.wanted
	kept, err := p.use(ctx, wanted)
	p.usedBy(user)
	p.deferred.failedSinceDeferral = false
	if err == nil {
		return nil
	}
	p.schema.wanted = wanted // for the next statement, which must not run elsewhere either
	if !kept && mysqlerr.Number(err) != 0 {
		p.live.worsens(broken)
	}
	return err
}

// selectDeferredSchemaFor is selectDeferredSchema before a statement of that text. It sends
// nothing before one that asks about earlier statements only: USE would change the answers.
func (p switcher) selectDeferredSchemaFor(ctx context.Context, query string) error {
	if !p.schema.isDeferred() {
		return nil
	}
	if st := p.scan(query); st.OnlyReadsDiagnostics() {
		return nil
	}
	return p.selectDeferredSchema(ctx)
}

// selectDeferredSchemaForKept is selectDeferredSchemaFor before a kept statement. It sends
// nothing if the session is on the neutral schema, unless a kept statement failed since USE
// was deferred.
func (p switcher) selectDeferredSchemaForKept(ctx context.Context, query string) error {
	if p.deferred.trusted && p.schema.now == neutralSchema && !p.deferred.failedSinceDeferral {
		return nil
	}
	return p.selectDeferredSchemaFor(ctx, query)
}

// deferralTest selects the schema, and from a table that no other schema is likely to have.
const deferralTest = "SELECT DATABASE(), COUNT(*) > 0 FROM COLLATION_CHARACTER_SET_APPLICABILITY"

// testDeferral tests whether USE can be deferred on this connection, if that may be of use.
// It may leave the session on any schema. It returns an error only if the connection broke,
// or ctx ended.
func (p switcher) testDeferral(ctx context.Context, schema string) error {
	// With autocommit off the test would open a transaction.
	if !p.Shared.LateSwitch || !p.autocommit() {
		return nil
	}
	before := p.schema
	works, err := p.runDeferralTest(ctx, schema)
	if unlessServerError(err) != nil {
		return err
	}
	if !works && p.schema != before {
		p.schema.forget() // one of them may be gone, and the session then on none
	}
	p.deferred.trusted = works
	p.Shared.Log().LogAttrs(ctx, slog.LevelDebug, "mysqlpool: tried whether a prepared statement runs in the schema in which it was prepared",
		slog.String("login", p.Shared.Name), p.IDAttr(), slog.Bool("works", works), slog.Any("error", err))
	if !works {
		return nil
	}
	return p.testCombined(ctx)
}

// runDeferralTest prepares a statement in one schema and runs it in another.
func (p switcher) runDeferralTest(ctx context.Context, schema string) (works bool, err error) {
	if direct, err := p.isDirect(ctx); err != nil || !direct {
		return false, err
	}
	if _, err := p.ExecContext(ctx, "USE "+neutralSchema, nil); err != nil {
		return false, err
	}
	p.schema.found(neutralSchema)
	prepared, err := p.PrepareContext(ctx, deferralTest)
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
	return len(all) == 1 && slices.Equal(all[0], []string{neutralSchema, "1"}), err
}

// isDirect reports whether nothing is between this connection and its server that could run
// a statement on another session. It reports false if that is not known.
func (p switcher) isDirect(ctx context.Context) (bool, error) {
	if p.local == nil {
		return isServer(peer.Program(p.known.NetConn)), nil
	}
	row, err := queryRow(ctx, p, "SELECT HOST FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()")
	if err != nil || !isAt(ctx, row[0], p.local) {
		return false, err
	}
	// MariaDB and Percona Server: the proxies that may state another client address.
	proxies, err := queryRows(ctx, p, "SHOW GLOBAL VARIABLES LIKE 'proxy_protocol_networks'")
	return err == nil && (len(proxies) == 0 || proxies[0][1] == ""), err
}

// isServer reports whether a program of that name is MySQL or MariaDB.
func isServer(name string) bool { return name == "mysqld" || name == "mariadbd" }
