package mysqlpool

import (
	"context"
	"database/sql/driver"
)

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	p, err := c.hold(ctx)
	if err != nil {
		return nil, err
	}
	p.note(query)
	result, err := p.ExecContext(ctx, query, args)
	return result, c.saw(err)
}

// QueryContext implements driver.QueryerContext. The rows are the stock
// driver's own.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	p, err := c.hold(ctx)
	if err != nil {
		return nil, err
	}
	p.note(query)
	rows, err := p.QueryContext(ctx, query, args)
	return rows, c.saw(err)
}

// Exec implements driver.Execer. database/sql calls ExecContext instead; this
// is for users of Conn.Raw.
func (c *conn) Exec(query string, args []driver.Value) (driver.Result, error) {
	p, err := c.hold(context.Background())
	if err != nil {
		return nil, err
	}
	p.note(query)
	result, err := p.Exec(query, args)
	return result, c.saw(err)
}

// Query implements driver.Queryer. database/sql calls QueryContext instead;
// this is for users of Conn.Raw, whom nobody reminds to close the rows. So the
// connection does not go to anybody else afterwards.
func (c *conn) Query(query string, args []driver.Value) (driver.Rows, error) {
	p, err := c.hold(context.Background())
	if err != nil {
		return nil, err
	}
	p.dirty = true
	rows, err := p.Query(query, args)
	return rows, c.saw(err)
}
