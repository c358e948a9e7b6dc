package mysqlpool

import (
	"context"
	"database/sql/driver"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/pool"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// checkTimeout bounds each round trip before a connection is handed out: the
// ping, and the switch of its schema.
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

// physical is one session on the server. Only the logical connection that
// holds it may touch it, but for the statements that others left on it.
type physical struct {
	stockConn
	login *login
	id    uint64 // CONNECTION_ID(); 0 if the server did not say

	schema     string // "" is none; guarded by ownership
	autocommit bool   // @@autocommit after the login
	dirty      bool   // session state may be left on it; guarded by ownership
	inTx       bool   // a driver.Tx on it has not ended; guarded by ownership

	left leftStmts
}

var _ pool.Resource = (*physical)(nil)

// Check implements pool.Resource: the stock driver's liveness check, which
// asks the socket and not the server, and a ping if nobody used the connection
// for pool_ping_after.
func (p *physical) Check(ctx context.Context, idle time.Duration) error {
	if err := p.ResetSession(ctx); err != nil {
		return err
	}
	if idle < p.login.pingAfter {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return p.Ping(ctx)
}

// Fits implements pool.Resource: the label is a schema. A connection cannot be
// taken off its schema, so a checkout without one needs one without.
func (p *physical) Fits(schema string) pool.Fit {
	switch schema {
	case p.schema:
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
func (p *physical) Switch(ctx context.Context, schema string) (kept bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	_, err = p.ExecContext(ctx, "USE `"+strings.ReplaceAll(schema, "`", "``")+"`", nil)
	if err == nil {
		p.schema = schema
	}
	switch errorNumber(err) {
	case 1044, 1049, 1102: // ER_DBACCESS_DENIED_ERROR, ER_BAD_DB_ERROR, ER_WRONG_DB_NAME
		return true, err
	}
	return false, err
}

// Close implements pool.Resource, and hides the stock connection's Close.
func (p *physical) Close(why pool.Reason) {
	err := p.stockConn.Close()
	p.login.log().LogAttrs(context.Background(), slog.LevelDebug, "mysqlpool: closed a connection",
		slog.String("login", p.login.name), slog.Uint64("id", p.id), slog.String("reason", why.String()),
		slog.Any("error", err))
}

// note looks at a statement that is about to run. It counts even if it fails:
// a failed statement may have done half of what it says.
func (p *physical) note(query string) {
	if !p.dirty {
		p.dirty = p.leavesState(session.Plain(query))
	}
}

// leavesState reports whether a statement makes the connection unfit for others.
func (p *physical) leavesState(plain bool) bool {
	switch p.login.reset {
	case resetNever:
		return false
	case resetAlways:
		return true
	}
	// With autocommit off even a SELECT opens a transaction.
	return !plain || !p.autocommit
}

// clean reports whether the session is fit for others. A driver.Tx that has not
// ended when its connection is put away was begun in Conn.Raw: database/sql ends
// its own.
func (p *physical) clean() bool { return !p.dirty && !p.inTx }

// leftStmts is the prepared statements that were closed while nobody who could
// write to their connection was there. Whoever gets the connection next closes
// them on the server.
type leftStmts struct {
	any   atomic.Bool // whether there are any, so that most need no lock
	mu    sync.Mutex
	stmts []driver.Stmt // guarded by mu
}

func (l *leftStmts) add(s driver.Stmt) {
	l.mu.Lock()
	l.stmts = append(l.stmts, s)
	l.any.Store(true)
	l.mu.Unlock()
}

// close closes them; the caller owns the connection.
func (l *leftStmts) close() {
	if !l.any.Load() {
		return
	}
	l.mu.Lock()
	stmts := l.stmts
	l.stmts = nil
	l.any.Store(false)
	l.mu.Unlock()
	for _, s := range stmts {
		s.Close() // an error breaks the connection, which then shows by itself
	}
}
