package mysqlpool

import (
	"context"
	"database/sql/driver"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/pool"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// checkTimeout bounds what is done before a connection is handed out, besides a
// ping: the switch of its schema, and with pool_reset=always the reset.
const checkTimeout = 5 * time.Second

// stockConn is everything that the stock driver's connection implements.
type stockConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.Execer //lint:ignore SA1019 the stock README tells users of Conn.Raw to assert it
	driver.ExecerContext
	driver.Queryer //lint:ignore SA1019 as Execer
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
}

// facts is what the server says of a session after the login.
type facts struct {
	id                uint64            // CONNECTION_ID(); 0: unknown
	autocommitAtLogin bool              // false if unknown
	baseline          *session.Baseline // nil: unknown
	initConnect       bool              // the server ran statements of its own, or may have
	roleAtLogin       string
}

// physical is one session on the server. Only the logical connection that
// holds it may touch it, but for the statements that others leave on it.
type physical struct {
	stockConn
	stockFields
	serial uint64 // tells it from every other one of the process; immutable
	login  *login
	host   *host
	place  *place        // on the server; immutable
	life   time.Duration // its greatest age; 0 is no limit
	facts                // as of the login
	answer hostAnswer    // what the server said of itself, at the login or the latest probe

	config   *connConfig // what it logged in with
	label    string      // the schema that it was to log in to
	home     string      // the schema that it did log in to, which BeforeConnect may have changed
	cautious bool        // the server may take packets of leastServerPacket only
	opaque   bool        // what BeforeConnect made of the config is not known: no state can be undone

	// Guarded by ownership.

	schema     string        // "" is none
	lastSchema string        // what schema was before it became unknownSchema
	state      session.State // what was left on it; see kinds
	inTx       bool          // a driver.Tx on it has not ended
	busy       bool          // a statement runs, or broke off by a panic
	failed     bool          // a statement failed since the server was asked, or may have, and the status flags do not show it; see unverified
	before     uint16        // the status flags before the latest statement; see running
	used       bool          // something ran on it since it was opened or reset

	latest  *lease       // whose statement ran last; nil: nobody's
	user    *lease       // whose statement was sent last, of those that are no statements of the pool itself
	foreign session.Asks // which answers of ofStatements may be of another one's statements than latest's
	lastID  sessionID

	schemas int64 // server.schemas when the schema was last selected
	kills   int64 // server.kills when the server last answered a login or a ping

	proven int64 // host.doubts when the server last answered a login or a ping
	cut    bool  // an error ended it: the socket is closed
	killer bool  // it is used to kill another's statement
	broken bool  // an answer says that it must not be used again

	altered bool // for good: with pool_reset=never, state was left that texts may depend on

	stmts keptStmts
}

// unknownSchema is the schema of a connection on which USE ran. No schema has
// this name, so that every checkout switches.
const unknownSchema = "\x00"

// elsewhere is a schema that every server has, and that is never recreated.
const elsewhere = "information_schema"

var _ pool.Resource = (*physical)(nil)

// serials counts the physical connections of the process.
var serials atomic.Uint64

// newPhysical returns the connection that logged in to h, and was to do so on a
// schema.
func newPhysical(l *login, h *host, stock stockConn, schema string) *physical {
	p := &physical{serial: serials.Add(1), stockConn: stock, stockFields: fieldsOf(stock), login: l, host: h,
		config: h.config, label: schema, home: schema, schema: schema}
	switch {
	case !h.changes:
	case p.cfg == nil:
		p.opaque = true
		p.schema = unknownSchema
	default:
		p.config = connConfigOf(p.cfg)
		p.home, p.schema = p.cfg.DBName, p.cfg.DBName
	}
	return p
}

// wants returns the schema that a checkout with the label wants on this
// connection: what a login with it would be on. It reports false if only a login
// can tell, since BeforeConnect gave this one another schema than it was asked
// for.
func (p *physical) wants(label string) (schema string, ok bool) {
	switch {
	case label == p.label:
		return p.home, true
	case p.label == p.home:
		return label, true
	}
	return "", false
}

// Fits implements pool.Resource: the label is the schema of a config. A
// connection cannot be taken off its schema, so a checkout without one needs one
// without. Where a schema may have been recreated since it was selected, it is
// selected again: the session is on the one that is gone, with its character set.
func (p *physical) Fits(label string) pool.Fit {
	schema, ok := p.wants(label)
	if !ok {
		return pool.Misfit
	}
	switch schema {
	case p.schema:
		if schema != "" && p.schemas != p.host.server.schemas.Load() {
			return pool.Convertible
		}
		return pool.Exact
	case "":
		return pool.Misfit
	}
	if p.schema == "" {
		return pool.LastResort
	}
	return pool.Convertible
}

// Switch implements pool.Resource. For an unknown or a forbidden schema the
// server has the same error numbers as at login. After any other error the
// connection is given up.
func (p *physical) Switch(ctx context.Context, label string) (kept bool, err error) {
	schema, _ := p.wants(label)
	return p.use(ctx, schema)
}

// use is Switch to a schema, whatever its label.
func (p *physical) use(ctx context.Context, schema string) (kept bool, err error) {
	defer p.survive("the switch of the schema", &err)
	timed, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	p.usedBy(nil)
	schemas := p.host.server.schemas.Load()
	if p.schema == schema && p.schemas != schemas {
		// To select the current one again changes nothing on MariaDB.
		if _, err := p.ExecContext(timed, "USE "+elsewhere, nil); err != nil {
			return false, err
		}
		p.schema = elsewhere
	}
	_, err = p.ExecContext(timed, useText(schema), nil)
	if err == nil {
		p.schema, p.schemas = schema, schemas
	}
	switch errorNumber(err) {
	case 0:
		if err != nil && ctx.Err() == nil {
			p.host.doubts.Add(1)
		}
	case 1044, 1049, 1102: // ER_DBACCESS_DENIED_ERROR, ER_BAD_DB_ERROR, ER_WRONG_DB_NAME
		return true, err
	}
	return false, err
}

// useText returns the statement that selects a schema.
func useText(schema string) string { return "USE `" + strings.ReplaceAll(schema, "`", "``") + "`" }

// Close implements pool.Resource, and hides the stock connection's Close.
func (p *physical) Close(why pool.Reason) {
	cut := !p.IsValid() // its socket was closed here, or the answer not read
	err := p.stockConn.Close()
	if cut && why == pool.Broken {
		p.kill()
	}
	if why == pool.Broken && p.user != nil {
		p.user.diedOn(p.serial)
	}
	p.host.open.Add(-1)
	p.login.stmts.open.Add(-p.stmts.open)
	p.login.stmts.closed(p)
	p.login.log().LogAttrs(context.Background(), slog.LevelDebug, "mysqlpool: closed a connection",
		slog.String("login", p.login.name), slog.Uint64("id", p.id), slog.String("reason", why.String()),
		slog.Any("error", err))
}
