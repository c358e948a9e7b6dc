package mysqlpool

import (
	"context"
	"database/sql/driver"
	"runtime"
	"strings"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// conn is a logical connection: what database/sql holds. It holds a physical
// connection from its first statement until database/sql returns it to its own pool. Then it
// offers it, and reclaims it for the next statement unless the pool gave it
// to somebody else. Without one it is empty, and valid: its next statement
// checks one out.
//
// database/sql calls it under a lock of its own (driverConn.Mutex), so that
// its fields need none.
type conn struct {
	connector *connector
	checker   driver.NamedValueChecker // the physical connection that it had last

	holder   physical.Holder
	watched  bool // physical.Lease.Dropped is called once it is garbage
	used     bool // something ran since database/sql last asked IsValid
	closed   bool
	alone    bool           // it is the only one of its connector, and closes that with itself
	since    time.Duration  // of the clock, when it got what it holds
	pinned   time.Time      // when it was released with session state on it, unless held
	checkout *checkoutWatch // while pool_leak_after watches it
	tx       tx             // the latest transaction
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
	_ physical.StockConn        = (*conn)(nil)
)

// hold has it hold a physical connection, and gets it one if it is empty. It returns the
// checkout's error, ctx's among them.
func (c *conn) hold(ctx context.Context) error {
	c.used = true
	if c.holder.Resume() {
		return nil
	}
	if c.closed {
		return driver.ErrBadConn // as the stock driver does; nothing was sent
	}
	if !c.holder.Reclaim() {
		leased, err := c.connector.CheckOut(ctx)
		if err != nil {
			return err
		}
		c.holder.CheckedOut(leased)
		c.checker = leased.Value
	}
	c.holds()
	c.holder.Resume()
	return nil
}

// holds notes that it holds its physical connection from now on.
func (c *conn) holds() {
	c.watch()
	c.since = clock()
	c.watchCheckout()
}

// clockStart is when clock was 0.
var clockStart = time.Now()

// clock tells the time since some moment. To read it costs half of what time.Now does.
func clock() time.Duration { return time.Since(clockStart) }

// watch has what it holds closed once it is garbage.
func (c *conn) watch() {
	if !c.watched {
		c.watched = true
		runtime.AddCleanup(c, (*physical.Lease).Dropped, c.holder.Lease)
	}
}

// endUse notes the end of a use of the physical connection, which it must still hold.
func (c *conn) endUse() {
	c.holder.Current().Shared.UseTimes.Observe(clock() - c.since)
	c.endWatch()
}

// IsValid implements driver.Validator. database/sql asks it when it returns a
// healthy connection to its own pool (sql.DB.putConn), so this is where the physical
// connection is offered, or pinned if session state is left on it.
func (c *conn) IsValid() bool {
	if !c.connector.validates.Load() {
		c.connector.validates.Store(true)
	}
	if c.closed {
		return false
	}
	if !c.holder.Holds() {
		return true
	}
	if !c.holder.Usable() {
		return false
	}
	c.endUse()
	if c.holder.OfferOrPin() {
		c.pinned = time.Now()
	}
	c.used = false
	return true
}

// ResetSession implements driver.SessionResetter. database/sql calls it before
// it uses a connection again. It never fails: if the physical connection is
// gone or dead this one is empty, and its next statement checks one out.
// driver.ErrBadConn would reach users once SetMaxOpenConns is met, and
// database/sql swallows every other error (sql.DB.conn).
func (c *conn) ResetSession(ctx context.Context) error {
	if !c.holder.Holds() {
		if !c.holder.Reclaim() {
			return nil
		}
		c.holds()
	}
	if err := c.check(ctx); err != nil {
		c.discard(pool.Broken)
		c.holder.Lost()
		return nil
	}
	c.holder.Current().ClosePending()
	c.used = true // from here database/sql asks IsValid, or it is told to discard
	return nil
}

// check sees whether the connection that its owner has again is alive.
func (c *conn) check(ctx context.Context) error {
	var idle time.Duration // an offered one is the pool's soon
	if !c.pinned.IsZero() {
		idle = time.Since(c.pinned)
		c.pinned = time.Time{}
	}
	return c.holder.Current().CheckAlive(ctx, idle)
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
		c.holder.Closed()
		defer c.connector.Closed()
	}
	if c.alone {
		defer c.connector.Close()
	}
	if !c.holder.Holds() && !c.holder.Reclaim() {
		return nil
	}
	switch {
	case c.holder.Rejected():
		c.checkIn()
	case c.used && (c.connector.validates.Load() || calledByDatabaseSQL() || c.holder.ReturnedBadConn() || !c.holder.Sound()):
		c.discard(pool.Broken)
	default:
		c.checkIn()
	}
	return nil
}

// checkIn checks in the physical connection, which it holds.
func (c *conn) checkIn() {
	c.endUse()
	c.holder.CheckIn()
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
	c.endUse()
	c.holder.Discard(why)
}

// CheckNamedValue implements driver.NamedValueChecker. The stock driver's does
// not touch its connection, so it does not matter who has that by now.
func (c *conn) CheckNamedValue(nv *driver.NamedValue) error {
	return c.checker.CheckNamedValue(nv)
}

// Ping implements driver.Pinger.
func (c *conn) Ping(ctx context.Context) error {
	if err := c.hold(ctx); err != nil {
		return err
	}
	return c.holder.Ping(ctx)
}

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.hold(ctx); err != nil {
		return nil, err
	}
	return c.holder.Exec(ctx, query, args)
}

// QueryContext implements driver.QueryerContext. The rows are the stock
// driver's own.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.hold(ctx); err != nil {
		return nil, err
	}
	return c.holder.Query(ctx, query, args)
}

// Exec implements driver.Execer. database/sql calls ExecContext instead; this
// is for users of Conn.Raw.
func (c *conn) Exec(query string, args []driver.Value) (driver.Result, error) {
	if err := c.hold(context.Background()); err != nil {
		return nil, err
	}
	return c.holder.ExecValues(query, args)
}

// Query implements driver.Queryer. database/sql calls QueryContext instead; this
// is for users of Conn.Raw, whom nobody reminds to close the rows. So the
// connection does not go to anybody else afterwards.
func (c *conn) Query(query string, args []driver.Value) (driver.Rows, error) {
	if err := c.hold(context.Background()); err != nil {
		return nil, err
	}
	return c.holder.QueryValues(query, args)
}
