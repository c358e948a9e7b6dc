// Package physical is one session on the server: it logs in, is validated, switches its
// schema, runs statements, keeps those that are prepared, and is restored for its next
// user. What a connection meets that others must know it tells through Events.
//
// A Conn is the session, a Holder the logical connection that runs statements on it, a
// Host what is known of the server's side, and a Login what the connections of one pool
// have in common.
package physical

import (
	"context"
	"database/sql/driver"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/budget"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/pool"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// CheckTimeout bounds what is done before a connection is handed out, besides a
// ping: the switch of its schema, and with pool_reset=always the reset. These are a few
// round trips, for which 5 s leave time to send a lost packet again; and the default
// pool_timeout, 30 s, leaves time for another connection after it.
const CheckTimeout = 5 * time.Second

// StockConn is everything that the stock driver's connection implements.
type StockConn interface {
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
	ID                uint64            // CONNECTION_ID(); 0: unknown
	autocommitAtLogin bool              // false if unknown
	baseline          *session.Baseline // nil: unknown
	initConnect       bool              // the server ran statements of its own, or may have
	roleAtLogin       string
}

// Conn is one session on the server. Only the logical connection that
// holds it may touch it, but for the statements that others leave on it.
type Conn struct {
	StockConn
	stockFields
	serial uint64 // tells it from every other one of the process; immutable
	Login  *Login
	Host   *Host
	Place  *budget.Place     // on the server; immutable
	Life   time.Duration     // its greatest age; 0 is no limit
	facts                    // as of the login
	Answer serverinfo.Answer // what the server said of itself, at the login or the latest probe

	config   *dsn.ConnConfig // what it logged in with
	label    string          // the schema that it was to log in to
	home     string          // the schema that it did log in to, which BeforeConnect may have changed
	cautious bool            // the server may take packets of leastServerPacket only
	opaque   bool            // what BeforeConnect made of the config is not known: no state can be undone

	// Guarded by ownership.

	schema     string        // "" is none
	lastSchema string        // what schema was before it became UnknownSchema
	state      session.State // what was left on it; see kinds
	inTx       bool          // a driver.Tx on it has not ended
	busy       bool          // a statement runs, or broke off by a panic
	failed     bool          // a statement failed since the server was asked, or may have, and the status flags do not show it; see unverified
	before     uint16        // the status flags before the latest statement; see running
	used       bool          // something ran on it since it was opened or reset

	latest  *Lease       // whose statement ran last; nil: nobody's
	user    *Lease       // whose statement was sent last, of those that are no statements of the pool itself
	foreign session.Asks // which answers of ofStatements may be of another one's statements than latest's
	lastID  sessionID

	schemas int64 // server.Schemas when the schema was last selected
	kills   int64 // server.Kills when the server last answered a login or a ping

	proven int64  // Host.Doubts when the server last answered a login or a ping
	health health // see there
	killer bool   // it is used to kill another's statement

	altered bool // for good: with pool_reset=never, state was left that texts may depend on

	stmts keptStmts

	after afterLogin
}

// UnknownSchema is the schema of a connection on which USE ran. No schema has
// this name, so that every checkout switches.
const UnknownSchema = "\x00"

// elsewhere is a schema that every server has, and that is never recreated.
const elsewhere = "information_schema"

var _ pool.Resource = (*Conn)(nil)

// serials counts the physical connections of the process.
var serials atomic.Uint64

// New returns the connection that logged in to h with a place, and was to do so on
// a schema. cautious says that the server may take packets of leastServerPacket only.
func New(l *Login, h *Host, stock StockConn, place *budget.Place, schema string, cautious bool) *Conn {
	p := &Conn{serial: serials.Add(1), StockConn: placedConn{stock, place}, Place: place, stockFields: fieldsOf(stock), Login: l, Host: h,
		config: h.Config, label: schema, home: schema, schema: schema, cautious: cautious}
	switch {
	case !h.changes:
	case p.cfg == nil:
		p.opaque = true
		p.schema = UnknownSchema
	default:
		p.config = dsn.ConnConfigOf(p.cfg)
		p.home, p.schema = p.cfg.DBName, p.cfg.DBName
	}
	return p
}

// Moment is what a host's counters were at some time.
type Moment struct{ doubts, kills, schemas int64 }

// Now returns what they are.
func (h *Host) Now() Moment {
	return Moment{h.Doubts.Load(), h.Server.Kills.Load(), h.Server.Schemas.Load()}
}

// LoggedIn notes that the login, which began at that moment, succeeded.
func (p *Conn) LoggedIn(began Moment) {
	p.proven, p.kills, p.schemas = began.doubts, began.kills, began.schemas
	p.Life = p.GreatestAge()
}

// Abandon closes a connection that never was the pool's.
func (p *Conn) Abandon() { p.StockConn.Close() }

// MarkBroken notes that the connection must not be used again.
func (p *Conn) MarkBroken() { p.worsens(broken) }

// wants returns the schema that a checkout with the label wants on this
// connection: what a login with it would be on. It reports false if only a login
// can tell, since BeforeConnect gave this one another schema than it was asked
// for.
func (p *Conn) wants(label string) (schema string, ok bool) {
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
func (p *Conn) Fits(label string) pool.Fit {
	schema, ok := p.wants(label)
	if !ok {
		return pool.Misfit
	}
	switch schema {
	case p.schema:
		if schema != "" && p.schemas != p.Host.Server.Schemas.Load() {
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
// connection is closed.
func (p *Conn) Switch(ctx context.Context, label string) (kept bool, err error) {
	schema, _ := p.wants(label)
	return p.use(ctx, schema)
}

// use is Switch to a schema, whatever its label.
func (p *Conn) use(ctx context.Context, schema string) (kept bool, err error) {
	defer p.survive("the switch of the schema", &err)
	timed, cancel := context.WithTimeout(ctx, CheckTimeout)
	defer cancel()
	p.usedBy(nil)
	schemas := p.Host.Server.Schemas.Load()
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
	switch mysqlerr.Number(err) {
	case 0:
		if err != nil && ctx.Err() == nil {
			p.Host.Doubts.Add(1)
		}
	case mysqlerr.DBAccessDenied, mysqlerr.BadDB, mysqlerr.WrongDBName:
		return true, err
	}
	return false, err
}

// useText returns the statement that selects a schema.
func useText(schema string) string { return "USE `" + strings.ReplaceAll(schema, "`", "``") + "`" }

// Close implements pool.Resource, and hides the stock connection's Close.
func (p *Conn) Close(why pool.Reason) {
	cut := !p.IsValid() // its socket was closed here, or the answer not read
	if !cut && why != pool.Broken && why != pool.Disposed {
		p.saveLastID()
	}
	err := p.StockConn.Close()
	if cut && why == pool.Broken {
		p.kill()
	}
	if why == pool.Broken && p.user != nil {
		p.user.diedOn(p.serial)
	}
	if u := p.lastID.user; u != nil {
		u.LastID.lost(p.lastID.lent)
	}
	p.Host.Open.Add(-1)
	p.Login.Stmts.Open.Add(-p.stmts.open)
	p.Login.Stmts.closed(p)
	p.Login.Log().LogAttrs(context.Background(), slog.LevelDebug, "mysqlpool: closed a connection",
		slog.String("login", p.Login.Name), slog.Uint64("id", p.ID), slog.String("reason", why.String()),
		slog.Any("error", err))
}
