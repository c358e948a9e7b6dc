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
	says  session.Statement

	index int       // in c.stmts
	stock stockStmt // nil once closed
	on    *physical // where stock was prepared
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
	stock, err := c.prepare(ctx, p, query)
	if err != nil {
		return nil, err
	}
	s := &stmt{c: c, query: query, says: p.scan(query), index: len(c.stmts), stock: stock, on: p, epoch: p.left.epoch}
	c.stmts = append(c.stmts, s)
	return s, nil
}

func (c *conn) prepare(ctx context.Context, p *physical, query string) (stockStmt, error) {
	s, err := p.PrepareContext(ctx, query)
	if err != nil {
		return nil, c.saw(err)
	}
	return s.(stockStmt), nil
}

// hold returns the stock statement on the physical connection that the logical
// one holds, about to run.
func (s *stmt) hold(ctx context.Context) (stockStmt, error) {
	if s.stock == nil {
		return nil, driver.ErrBadConn // closed; nothing was sent
	}
	p, err := s.c.hold(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follow(ctx, p); err != nil {
		return nil, err
	}
	s.c.followBefore(ctx, p, &s.says)
	p.running()
	return s.stock, nil
}

// follow prepares the statement on p, which its logical connection holds, unless
// it is there.
func (s *stmt) follow(ctx context.Context, p *physical) error {
	if p == s.on && p.left.epoch == s.epoch {
		return nil
	}
	stock, err := s.c.prepare(ctx, p, s.query)
	if err != nil {
		return err
	}
	s.on.left.add(s.stock, s.epoch)
	s.stock, s.on, s.epoch = stock, p, p.left.epoch
	return nil
}

// followBefore has every statement of the connection follow it, before one runs
// that leaves state. The stock driver prepared them before that: what a name or
// a quote in them means is what it meant then (USE, SET sql_mode). One that
// cannot be prepared now fails when it is used.
func (c *conn) followBefore(ctx context.Context, p *physical, says *session.Statement) {
	if says.Leaves == 0 {
		return
	}
	for _, s := range c.stmts {
		s.follow(ctx, p)
	}
}

// followBeforeText is followBefore for a statement as text.
func (c *conn) followBeforeText(ctx context.Context, p *physical, query string) {
	if len(c.stmts) > 0 {
		says := p.scan(query)
		c.followBefore(ctx, p, &says)
	}
}

// ran notes how it went, and returns the error.
func (s *stmt) ran(firstArg any, err error) error {
	s.on.ran(&s.says, firstArg, err)
	return s.c.saw(err)
}

// ExecContext implements driver.StmtExecContext.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	stock, err := s.hold(ctx)
	if err != nil {
		return nil, err
	}
	result, err := stock.ExecContext(ctx, args)
	return result, s.ran(first(args), err)
}

// QueryContext implements driver.StmtQueryContext. The rows are the stock
// driver's own.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	stock, err := s.hold(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := stock.QueryContext(ctx, args)
	return rows, s.ran(first(args), err)
}

// Exec implements driver.Stmt, for users of Conn.Raw.
func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	stock, err := s.hold(context.Background())
	if err != nil {
		return nil, err
	}
	result, err := stock.Exec(args)
	return result, s.ran(firstValue(args), err)
}

// Query implements driver.Stmt, for users of Conn.Raw. As after conn.Query the
// connection does not go to anybody else.
func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	stock, err := s.hold(context.Background())
	if err != nil {
		return nil, err
	}
	rows, err := stock.Query(args)
	err = s.ran(firstValue(args), err)
	s.on.state.Add(session.Identity)
	return rows, err
}

// Close implements driver.Stmt. database/sql calls it on connections that it
// put away too, sometimes under its own lock (noteUnusedDriverStatement, and
// driverConn.finalClose). A physical connection that is not held is not
// touched: whoever holds it next closes the statement on the server.
func (s *stmt) Close() error {
	stock := s.stock
	if stock == nil {
		return nil
	}
	s.stock = nil
	s.c.forget(s)
	if s.c.held && s.c.lent.Value == s.on && s.on.left.epoch == s.epoch {
		return stock.Close()
	}
	s.on.left.add(stock, s.epoch)
	return nil
}

// forget takes a statement off the list.
func (c *conn) forget(s *stmt) {
	last := len(c.stmts) - 1
	c.stmts[s.index] = c.stmts[last]
	c.stmts[s.index].index = s.index
	c.stmts[last] = nil
	c.stmts = c.stmts[:last]
}

// NumInput implements driver.Stmt. The stock driver's does not touch the
// connection.
func (s *stmt) NumInput() int {
	if s.stock == nil {
		return -1
	}
	return s.stock.NumInput()
}

// CheckNamedValue implements driver.NamedValueChecker, without the connection
// as well.
func (s *stmt) CheckNamedValue(nv *driver.NamedValue) error {
	return s.c.CheckNamedValue(nv)
}

// ColumnConverter implements driver.ColumnConverter, without the connection as
// well.
func (s *stmt) ColumnConverter(i int) driver.ValueConverter {
	if s.stock == nil {
		return driver.DefaultParameterConverter
	}
	return s.stock.ColumnConverter(i)
}
