// Package physical wraps a connection that has logged in: it is inspected, validated,
// switches its schema, runs statements, keeps those that are prepared, and is restored for
// its next user. It reports through Events what others must know.
//
// A Conn is the session, a Holder the logical connection that runs statements on it, a
// Host what is known of the server's side, and Shared what the connections of one pool
// share.
package physical

import (
	"context"
	"database/sql/driver"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/budget"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/pool"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
	"github.com/mysqlpool/mysqlpool/internal/session"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
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

// facts is what is known of a session after the login.
type facts struct {
	ID                uint64 // CONNECTION_ID(); 0: unknown
	autocommitAtLogin bool   // false if unknown

	// The rest is as here until it is read: see baseline.go.

	read        bool              // reading the variables was tried, whatever came of it
	baseline    *session.Baseline // nil: unknown
	initConnect bool              // the server ran statements of its own, or may have
	readRole    bool              // reading the role was tried
	hasRoles    bool              // the server has roles
	roleAtLogin string
}

// unread is the facts of a session before anything is read.
func unread() facts { return facts{initConnect: true} }

// IDAttr is the connection's id for the log, or nothing if it is unknown.
func (f *facts) IDAttr() slog.Attr {
	if f.ID == 0 {
		return slog.Attr{}
	}
	return slog.Uint64("id", f.ID)
}

// Conn is one session on the server. Only the logical connection that
// holds it may touch it, but for the statements that others leave on it.
type Conn struct {
	StockConn
	stockFields
	serial uint64 // unique in the process; immutable
	Shared *Shared
	Host   *Host
	Place  *budget.Place     // on the server; immutable
	Life   time.Duration     // its greatest age; 0 is no limit
	facts                    // as of the login
	Answer serverinfo.Answer // the server's role, at the login or the latest probe

	config   *dsn.ConnConfig // what it logged in with
	cautious bool            // the server may take packets of leastServerPacket only
	opaque   bool            // what BeforeConnect made of the config is not known: no state can be undone

	// Guarded by ownership.

	schema      sessionSchema
	deferred    deferredSchema
	combinesUse bool // it was tested that USE and a text can be sent together
	multi       multiStatements
	flags       statusFlags
	live        liveness
	diagnostics diagnostics

	unsureLarge bool // the login's latest text is too long for a server that takes leastServerPacket only, and has no answer

	state   session.State // what was left on it; see kinds
	inTx    bool          // a driver.Tx on it has not ended
	busy    bool          // a statement runs, or broke off by a panic
	used    bool          // something ran on it since it was opened or reset
	texts   scannedTexts
	altered bool // for good: with pool_reset=never, state was left that texts may depend on

	stmts keptStmts

	after afterLogin
}

var _ pool.Resource = (*Conn)(nil)

// serials counts the physical connections of the process.
var serials atomic.Uint64

// New returns the connection that logged in to h with a place, and was to do so on
// a schema. cautious says that the server may take packets of leastServerPacket only.
func New(l *Shared, h *Host, stock StockConn, place *budget.Place, schema string, cautious bool) *Conn {
	p := &Conn{serial: serials.Add(1), StockConn: placedConn{stock, place}, Place: place, facts: unread(), stockFields: fieldsOf(stock), flags: flagsOf(stockdriver.StatusOf(stock)), Shared: l, Host: h,
		config: h.Config, schema: schemaAtLogin(schema), cautious: cautious}
	switch {
	case !h.changes:
	case p.cfg == nil:
		p.opaque = true
		p.schema.found(UnknownSchema)
	default:
		p.config = dsn.ConnConfigOf(p.cfg)
		p.schema.loggedIn(p.cfg.DBName)
	}
	return p
}

// LoggedIn notes that the login, which began at that moment, succeeded.
func (p *Conn) LoggedIn(began Moment) {
	p.live.asOf, p.schema.changes = began, began.schemas
	p.Life = p.GreatestAge()
}

// Abandon closes a connection that never was the pool's.
func (p *Conn) Abandon() { p.StockConn.Close() }

// MarkBroken notes that the connection must not be used again.
func (p *Conn) MarkBroken() { p.live.worsens(broken) }

// Close implements pool.Resource, and hides the stock connection's Close.
func (p *Conn) Close(why pool.Reason) {
	invalid := !p.IsValid() // its socket was closed here, or the answer not read
	died := why == pool.Broken
	if !invalid && !died && why != pool.Disposed {
		// After these an answer may be unread, which is no sign of death.
		died = why != pool.Dirty && why != pool.Unclosed && p.ResetSession(context.Background()) != nil
		if !died {
			saveLastID(p)
		}
	}
	err := p.StockConn.Close()
	if invalid && why == pool.Broken {
		p.kill()
	}
	p.diagnostics.closed(died, p.serial)
	p.Host.Open.Add(-1)
	p.Shared.Stmts.Open.Add(-p.stmts.open)
	p.Shared.Stmts.closed(p)
	p.Shared.Log().LogAttrs(context.Background(), slog.LevelDebug, "mysqlpool: closed a connection",
		slog.String("login", p.Shared.Name), p.IDAttr(), slog.String("reason", why.String()),
		slog.Any("error", err))
}
