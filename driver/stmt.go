package mysqlpool

import (
	"context"
	"database/sql/driver"

	"github.com/mysqlpool/mysqlpool/internal/physical"
)

// stmt is a prepared statement of a logical connection, which it follows.
type stmt struct {
	c    *conn
	held physical.Stmt
}

var (
	_ driver.Stmt              = (*stmt)(nil)
	_ driver.StmtExecContext   = (*stmt)(nil)
	_ driver.StmtQueryContext  = (*stmt)(nil)
	_ driver.NamedValueChecker = (*stmt)(nil)
	_ driver.ColumnConverter   = (*stmt)(nil) //lint:ignore SA1019 the stock driver has it
	_ physical.StockStmt       = (*stmt)(nil)
)

// Prepare implements driver.Conn.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.hold(ctx); err != nil {
		return nil, err
	}
	s := &stmt{c: c}
	if err := c.holder.PrepareFor(ctx, query, &s.held); err != nil {
		return nil, err
	}
	return s, nil
}

// hold has the logical connection hold a physical one, for the statement to run.
func (s *stmt) hold(ctx context.Context) error {
	if s.held.Closed() {
		return driver.ErrBadConn // nothing was sent
	}
	return s.c.hold(ctx)
}

// ExecContext implements driver.StmtExecContext.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.hold(ctx); err != nil {
		return nil, err
	}
	return s.held.Exec(ctx, args)
}

// QueryContext implements driver.StmtQueryContext. The rows are the stock
// driver's own.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.hold(ctx); err != nil {
		return nil, err
	}
	return s.held.Query(ctx, args)
}

// Exec implements driver.Stmt, for users of Conn.Raw.
func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	if err := s.hold(context.Background()); err != nil {
		return nil, err
	}
	return s.held.ExecValues(args)
}

// Query implements driver.Stmt, for users of Conn.Raw. As after conn.Query the
// connection does not go to anybody else.
func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	if err := s.hold(context.Background()); err != nil {
		return nil, err
	}
	return s.held.QueryValues(args)
}

// Close implements driver.Stmt. database/sql calls it on connections that it
// returned to its own pool too, sometimes under its own lock (noteUnusedDriverStatement, and
// driverConn.finalClose).
func (s *stmt) Close() error { return s.held.Close() }

// NumInput implements driver.Stmt.
func (s *stmt) NumInput() int { return s.held.NumInput() }

// CheckNamedValue implements driver.NamedValueChecker, without the connection.
func (s *stmt) CheckNamedValue(nv *driver.NamedValue) error {
	return s.c.CheckNamedValue(nv)
}

// ColumnConverter implements driver.ColumnConverter, without the connection as
// well.
func (s *stmt) ColumnConverter(i int) driver.ValueConverter { return s.held.ColumnConverter(i) }
