package mysqlpool

import (
	"context"
	"database/sql/driver"
	"runtime"
	"strings"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/pool"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// conn is a logical connection: what database/sql holds. It holds a physical
// connection from its first statement until database/sql puts it away; then it
// offers it, and takes it back for the next statement unless the pool gave it
// to somebody else. Without one it is empty, and valid: its next statement
// checks one out.
//
// database/sql calls it under a lock of its own (driverConn.Mutex), so that
// its fields need none.
type conn struct {
	connector *connector
	checker   driver.NamedValueChecker // the physical connection that it had last

	*lease
	used     bool // something ran since database/sql last asked IsValid
	bad      bool // driver.ErrBadConn was returned
	rejected bool // ... for a write that was refused; the connection is good
	closed   bool
	alone    bool      // it is the only one of its connector, and closes that with itself
	since    time.Time // when it got what it holds
	pinned   time.Time // when it was put away with session state on it, unless held
	loan     *loan     // while pool_leak_after watches it
	tx       tx        // the latest transaction
	stmts    []*stmt   // that follow it: prepared, not closed and not lost
}

var (
	_ driver.Conn               = (*conn)(nil)
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.Execer             = (*conn)(nil) //lint:ignore SA1019 the stock README tells users of Conn.Raw to assert it
	_ driver.ExecerContext      = (*conn)(nil)
	_ driver.Queryer            = (*conn)(nil) //lint:ignore SA1019 as Execer
	_ driver.QueryerContext     = (*conn)(nil)
	_ driver.Pinger             = (*conn)(nil)
	_ driver.SessionResetter    = (*conn)(nil)
	_ driver.Validator          = (*conn)(nil)
	_ driver.NamedValueChecker  = (*conn)(nil)
	_ stockConn                 = (*conn)(nil)
)

// hold returns the physical connection that this one holds, and gets it one if
// it is empty. It returns the checkout's error, ctx's among them.
func (c *conn) hold(ctx context.Context) (*physical, error) {
	c.used, c.rejected = true, false
	if c.held {
		p := c.lent.Value
		p.tidy()
		p.usedBy(c.lease)
		return p, nil
	}
	if c.closed {
		return nil, driver.ErrBadConn // as the stock driver does; nothing was sent
	}
	if !c.takeBack() {
		lent, err := c.connector.checkOut(ctx)
		if err != nil {
			return nil, err
		}
		c.lent, c.held, c.checker = lent, true, lent.Value
		if c.died.Swap(false) {
			c.loseStmts()
		}
	}
	c.holds()
	p := c.lent.Value
	p.tidy()
	p.usedBy(c.lease)
	return p, nil
}

// holds notes that it holds its physical connection from now on.
func (c *conn) holds() {
	c.watch()
	c.since = time.Now()
	c.watchLoan()
}

// watch has dropped called once it is garbage.
func (c *conn) watch() {
	if !c.watched {
		c.watched = true
		runtime.AddCleanup(c, (*lease).dropped, c.lease)
	}
}

// letsGo notes that it does not hold it any more, while it still knows it.
func (c *conn) letsGo() {
	c.lent.Value.login.useTimes.Observe(time.Since(c.since))
	c.endLoan()
}

// IsValid implements driver.Validator. database/sql asks it when it puts a
// healthy connection away (sql.DB.putConn), so this is where the physical
// connection is offered, or pinned if session state is left on it.
func (c *conn) IsValid() bool {
	if !c.connector.validates.Load() {
		c.connector.validates.Store(true)
	}
	if c.closed {
		return false
	}
	if !c.held {
		return true
	}
	p := c.lent.Value
	p.stmts.rows = nil // database/sql has closed them
	p.tidy()
	if p.broken {
		return false
	}
	if !p.IsValid() {
		p.isCut(p.cancelled()) // perhaps while rows were read
		return false
	}
	c.letsGo()
	if kinds := p.kinds(); kinds != 0 {
		c.pinned = time.Now()
		c.ticket = c.lent.Pin(uint32(kinds))
	} else {
		c.ticket = c.lent.Offer()
	}
	c.held, c.used = false, false
	return true
}

// ResetSession implements driver.SessionResetter. database/sql calls it before
// it uses a connection again. It never fails: if the physical connection is
// gone or dead this one is empty, and its next statement checks one out.
// driver.ErrBadConn would reach users once SetMaxOpenConns is met, and
// database/sql swallows every other error (sql.DB.conn).
func (c *conn) ResetSession(ctx context.Context) error {
	if !c.held {
		if !c.takeBack() {
			return nil
		}
		c.holds()
	}
	p := c.lent.Value
	if err := c.check(ctx, p); err != nil {
		c.discard(pool.Broken)
		c.loseStmts()
		c.lastID.set(0) // as of the connection that the stock driver would open now
		return nil
	}
	p.tidy()
	c.used = true // from here database/sql asks IsValid, or it is told to discard
	return nil
}

// check sees whether the connection that was taken back is alive.
func (c *conn) check(ctx context.Context, p *physical) error {
	var idle time.Duration // an offered one is the pool's soon
	if !c.pinned.IsZero() {
		idle = time.Since(c.pinned)
		c.pinned = time.Time{}
	}
	return p.checkAlive(ctx, idle)
}

// Close implements driver.Conn. It checks the physical connection in, or closes
// it if it must not be used again.
//
// database/sql asks no IsValid after driver.ErrBadConn, nor when a user evicts
// a connection with Conn.Raw. So to close a connection that was used since the
// last IsValid means to discard it. On a connector where nobody ever asks
// IsValid, since another driver wraps this one and hides it, the stock driver's
// own answer and the errors that were returned decide.
func (c *conn) Close() error {
	if !c.closed {
		c.closed = true
		c.lastID.gone.Store(true)
		defer c.connector.closedOne()
	}
	if c.alone {
		defer c.connector.Close()
	}
	if !c.held && !c.takeBack() {
		return nil
	}
	p := c.lent.Value
	switch {
	case c.rejected && !p.broken && p.IsValid():
		c.checkIn()
	case c.used && (c.connector.validates.Load() || calledByDatabaseSQL() || c.bad || p.broken || !p.IsValid()):
		c.discard(pool.Broken)
	default:
		c.checkIn()
	}
	return nil
}

// checkIn gives up the physical connection, which it holds. It takes no time,
// since database/sql may call Close under its own lock.
func (c *conn) checkIn() {
	c.letsGo()
	lent := c.lent
	c.lent, c.held = nil, false
	lent.Value.stmts.rows = nil
	if lent.Value.mustRestore() {
		lent.CheckInDirty()
		return
	}
	lent.Value.state.Reset()
	lent.CheckIn()
}

// calledByDatabaseSQL reports whether the caller's caller is database/sql, and
// not a driver that wraps this one. If it cannot tell it says no, which costs
// certainty about a connection that is evicted at the first use of its handle,
// and nothing else.
func calledByDatabaseSQL() bool {
	const skip = 3 // runtime.Callers, this function, Close
	var pc [1]uintptr
	if runtime.Callers(skip, pc[:]) == 0 {
		return false
	}
	frame, _ := runtime.CallersFrames(pc[:]).Next()
	return strings.HasPrefix(frame.Function, "database/sql.")
}

// discard closes the physical connection, which it holds, and leaves this one
// empty.
func (c *conn) discard(why pool.Reason) {
	c.letsGo()
	lent := c.lent
	c.lent, c.held = nil, false
	lent.Discard(why)
}

// saw notes an error that is about to be returned, and returns what is. A write
// that was refused because the server is read-only says nothing of the kind where
// the session itself may take no writes. With rejectReadOnly the stock driver says
// driver.ErrBadConn for it; that says nothing where the connection was closed
// before.
func (c *conn) saw(err error) error {
	if err == nil {
		return nil
	}
	if !c.held {
		c.bad = c.bad || err == driver.ErrBadConn
		return err
	}
	p := c.lent.Value
	if err == driver.ErrBadConn {
		suspect := p.config.RejectReadOnly && !p.login.hosts.several() && !p.cut && !c.mayRefuseWrites()
		p.saw(err)
		c.bad = true
		if suspect {
			p.login.becameReadOnly()
		}
		return err
	}
	p.saw(err)
	readOnly, transaction := mysqlerr.IsReadOnly(err), mysqlerr.IsReadOnlyTransaction(err)
	if !readOnly && !transaction {
		return err
	}
	if readOnly || !c.mayRefuseWrites() {
		p.login.writeRefused(p, err)
	}
	return c.rejects(p, err)
}

// rejects is what rejectReadOnly makes of a refused write where there are several
// hosts: what the stock driver does, but for the connection, which is kept unless
// there is a host to go to. Otherwise each write would cost three logins while no
// host takes writes.
func (c *conn) rejects(p *physical, err error) error {
	if !c.connector.cfg.RejectReadOnly || !p.login.hosts.several() {
		return err
	}
	c.bad, c.rejected = true, true
	return driver.ErrBadConn
}

// mayRefuseWrites reports whether the session may be in a read-only transaction
// (error 1792, which the stock driver takes for a read-only server): in one that
// was begun so, or by statements, which are not asked what they began.
func (c *conn) mayRefuseWrites() bool {
	p := c.lent.Value
	if params := p.config.Params; params["transaction_read_only"]+params["tx_read_only"] != "" {
		return true
	}
	kinds := p.state.Kinds()
	begins := p.autocommitAtLogin || p.state.AutocommitSet() // else any statement opens a transaction
	if !begins {
		kinds &^= session.Transaction
	}
	return p.inTx && c.tx.readOnly || begins && !p.inTx && p.inTransaction() ||
		kinds&(session.Transaction|session.NextTransaction|session.Variables|session.Other) != 0
}

// CheckNamedValue implements driver.NamedValueChecker. The stock driver's does
// not touch its connection, so it does not matter who has that by now.
func (c *conn) CheckNamedValue(nv *driver.NamedValue) error {
	return c.checker.CheckNamedValue(nv)
}

// Ping implements driver.Pinger.
func (c *conn) Ping(ctx context.Context) error {
	p, err := c.hold(ctx)
	if err != nil {
		return err
	}
	return c.saw(p.Ping(ctx))
}
