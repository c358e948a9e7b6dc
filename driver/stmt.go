package mysqlpool

import (
	"context"
	"database/sql/driver"

	"github.com/mysqlpool/mysqlpool/internal/session"
)

// stockStmt is everything that the stock driver's statement implements.
type stockStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
	driver.NamedValueChecker
	driver.ColumnConverter //lint:ignore SA1019 the stock driver has it
}

// stmt is a prepared statement of a logical connection. It follows it: on
// another physical connection than the last time it is prepared again.
type stmt struct {
	c     *conn
	query string

	index int       // in c.stmts; below 0: lost, see loseStmts
	inner *prepared // nil once closed
	on    *physical // where inner was acquired
	epoch int       // on's as of then
}

var (
	_ driver.Stmt              = (*stmt)(nil)
	_ driver.StmtExecContext   = (*stmt)(nil)
	_ driver.StmtQueryContext  = (*stmt)(nil)
	_ driver.NamedValueChecker = (*stmt)(nil)
	_ driver.ColumnConverter   = (*stmt)(nil) //lint:ignore SA1019 the stock driver has it
	_ stockStmt                = (*stmt)(nil)
)

// Prepare implements driver.Conn.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	p, err := c.hold(ctx)
	if err != nil {
		return nil, err
	}
	inner, err := p.acquire(ctx, query)
	if p.runsAtPrepare() {
		if st := p.scan(query); st.ChangesID() {
			c.uncertain(p, 0)
		}
	}
	if err != nil {
		return nil, c.saw(err)
	}
	s := &stmt{c: c, query: query, inner: inner, on: p, epoch: p.stmts.epoch}
	c.add(s)
	return s, nil
}

// hold returns the stock statement on the physical connection that the logical
// one holds, about to run; rows is as in conn.asks.
func (s *stmt) hold(ctx context.Context, args []driver.NamedValue, rows bool) (stockStmt, error) {
	if s.inner == nil {
		return nil, driver.ErrBadConn // closed; nothing was sent
	}
	p, err := s.c.hold(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follow(ctx, p); err != nil {
		return nil, err
	}
	s.c.followBefore(ctx, p, &s.inner.Stmt.says)
	switch inner := s.inner; {
	case !inner.Cached() || anyNamed(args): // the stock driver refuses a named one
	case p.passesCache():
		p.stmts.cache.Remove(inner) // the server remembers what it ran under
	case !inner.Stmt.accepts(args):
		if err := s.exchange(s.on.acquireFor(ctx, s.query, args)); err != nil {
			return nil, err
		}
	}
	if err := s.c.asks(ctx, p, &s.inner.Stmt.says, rows); err != nil {
		return nil, s.c.saw(err)
	}
	p.running()
	return s.inner.Stmt, nil
}

// holdToExec is hold for Exec.
func (s *stmt) holdToExec(ctx context.Context, args []driver.NamedValue) (stockStmt, error) {
	if _, err := s.hold(ctx, args, false); err != nil {
		return nil, err
	}
	if err := s.ownToExec(ctx); err != nil {
		return nil, err
	}
	return s.inner.Stmt, nil
}

// ownToExec exchanges a statement that Exec must have as new.
func (s *stmt) ownToExec(ctx context.Context) error {
	if !s.inner.Cached() || !s.inner.Stmt.mayHaveRows() {
		return nil
	}
	err := s.exchange(s.on.acquireOwn(ctx, s.query))
	if err != nil {
		s.on.busy = false
	}
	return err
}

// follow prepares the statement on p, which its logical connection holds, unless
// it is there.
func (s *stmt) follow(ctx context.Context, p *physical) error {
	if p == s.on && p.stmts.epoch == s.epoch && !s.inner.Stmt.stale {
		return nil
	}
	inner, err := p.acquireAgain(ctx, s.query)
	if err != nil {
		return s.c.saw(err)
	}
	s.on.leave(s.inner, s.epoch)
	s.inner, s.on, s.epoch = inner, p, p.stmts.epoch
	if s.index < 0 {
		s.c.add(s)
	}
	return nil
}

// again returns the statement once more if it surely did not run, and was
// prepared again.
func (s *stmt) again(ctx context.Context, args []driver.NamedValue, err error) stockStmt {
	if err == nil || !s.on.afterError(s.inner, err) || s.follow(ctx, s.on) != nil {
		return nil
	}
	if s.inner.Cached() && !s.inner.Stmt.accepts(args) && s.exchange(s.on.acquireFor(ctx, s.query, args)) != nil {
		return nil
	}
	return s.inner.Stmt
}

// followBefore has every statement of the connection follow it, before one runs
// after which texts mean something else (USE, SET sql_mode). The stock driver
// prepared them before that, and they mean what they meant then. One that cannot
// be prepared now fails when it is used.
func (c *conn) followBefore(ctx context.Context, p *physical, says *session.Statement) {
	if says.Leaves&^sameMeaning == 0 {
		return
	}
	for _, s := range c.stmts {
		s.follow(ctx, p)
	}
}

// exchange takes another statement of the text on the same connection; the one that it
// had stays for others.
func (s *stmt) exchange(inner *prepared, err error) error {
	if err != nil {
		return s.c.saw(err)
	}
	s.on.release(s.inner)
	s.inner = inner
	return nil
}

// failed is again for those that are not tried again.
func (s *stmt) failed(err error) {
	if err != nil {
		s.on.afterError(s.inner, err)
	}
}

// named is the values as the other interfaces have them.
func named(args []driver.Value) []driver.NamedValue {
	all := make([]driver.NamedValue, len(args))
	for i, v := range args {
		all[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return all
}

// ran notes how it went, and returns the error. result is nil if the answer was rows.
func (s *stmt) ran(args []driver.NamedValue, result driver.Result, err error) error {
	s.c.after(s.on, &s.inner.Stmt.says, args, result, err)
	return s.c.saw(err)
}

// ExecContext implements driver.StmtExecContext.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	stock, err := s.holdToExec(ctx, args)
	if err != nil {
		return nil, err
	}
	result, err := stock.ExecContext(ctx, args)
	if s.again(ctx, args, err) != nil {
		if err := s.ownToExec(ctx); err != nil {
			return nil, err
		}
		result, err = s.inner.Stmt.ExecContext(ctx, args)
	}
	return result, s.ran(args, result, err)
}

// QueryContext implements driver.StmtQueryContext. The rows are the stock
// driver's own.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	stock, err := s.hold(ctx, args, true)
	if err != nil {
		return nil, err
	}
	rows, err := stock.QueryContext(ctx, args)
	if stock := s.again(ctx, args, err); stock != nil {
		rows, err = stock.QueryContext(ctx, args)
	}
	s.on.reads(rows, err)
	s.on.charge(s.inner)
	return rows, s.ran(args, nil, err)
}

// Exec implements driver.Stmt, for users of Conn.Raw.
func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	values := named(args)
	stock, err := s.holdToExec(context.Background(), values)
	if err != nil {
		return nil, err
	}
	result, err := stock.Exec(args)
	s.failed(err)
	return result, s.ran(values, result, err)
}

// Query implements driver.Stmt, for users of Conn.Raw. As after conn.Query the
// connection does not go to anybody else.
func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	values := named(args)
	stock, err := s.hold(context.Background(), values, true)
	if err != nil {
		return nil, err
	}
	rows, err := stock.Query(args)
	s.failed(err)
	s.on.reads(rows, err)
	err = s.ran(values, nil, err)
	s.on.state.Add(session.Identity)
	return rows, err
}

// Close implements driver.Stmt. database/sql calls it on connections that it
// put away too, sometimes under its own lock (noteUnusedDriverStatement, and
// driverConn.finalClose). A physical connection that is not held is not
// touched: whoever holds it next closes the statement on the server, unless it
// is kept.
func (s *stmt) Close() error {
	inner := s.inner
	if inner == nil {
		return nil
	}
	s.inner = nil
	s.c.forget(s)
	if s.c.held && s.c.lent.Value == s.on && s.on.stmts.epoch == s.epoch {
		return s.on.release(inner)
	}
	s.on.leave(inner, s.epoch)
	return nil
}

func (c *conn) add(s *stmt) {
	s.index = len(c.stmts)
	c.stmts = append(c.stmts, s)
}

// loseStmts is for a connection that was found dead. database/sql would have
// replaced the stock driver's, and would prepare a statement on the other when
// it next runs, whatever was done to that session by then.
func (c *conn) loseStmts() {
	for i, s := range c.stmts {
		s.index = -1
		c.stmts[i] = nil
	}
	c.stmts = c.stmts[:0]
}

// forget takes a statement off the list.
func (c *conn) forget(s *stmt) {
	if s.index < 0 {
		return
	}
	last := len(c.stmts) - 1
	c.stmts[s.index] = c.stmts[last]
	c.stmts[s.index].index = s.index
	c.stmts[last] = nil
	c.stmts = c.stmts[:last]
}

// NumInput implements driver.Stmt. The stock driver's does not touch the
// connection.
func (s *stmt) NumInput() int {
	if s.inner == nil {
		return -1
	}
	return s.inner.Stmt.NumInput()
}

// CheckNamedValue implements driver.NamedValueChecker, without the connection
// as well.
func (s *stmt) CheckNamedValue(nv *driver.NamedValue) error {
	return s.c.CheckNamedValue(nv)
}

// ColumnConverter implements driver.ColumnConverter, without the connection as
// well.
func (s *stmt) ColumnConverter(i int) driver.ValueConverter {
	if s.inner == nil {
		return driver.DefaultParameterConverter
	}
	return s.inner.Stmt.ColumnConverter(i)
}
