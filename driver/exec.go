package mysqlpool

import (
	"context"
	"database/sql/driver"

	"github.com/mysqlpool/mysqlpool/internal/session"
)

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	p, err := c.hold(ctx)
	if err != nil {
		return nil, err
	}
	c.followBeforeText(ctx, p, query)
	p.running()
	result, err := p.ExecContext(ctx, query, args)
	p.ranText(query, first(args), err)
	return result, c.saw(err)
}

// QueryContext implements driver.QueryerContext. The rows are the stock
// driver's own.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	p, err := c.hold(ctx)
	if err != nil {
		return nil, err
	}
	c.followBeforeText(ctx, p, query)
	p.running()
	rows, err := p.QueryContext(ctx, query, args)
	p.ranText(query, first(args), err)
	return rows, c.saw(err)
}

// Exec implements driver.Execer. database/sql calls ExecContext instead; this
// is for users of Conn.Raw.
func (c *conn) Exec(query string, args []driver.Value) (driver.Result, error) {
	p, err := c.hold(context.Background())
	if err != nil {
		return nil, err
	}
	c.followBeforeText(context.Background(), p, query)
	p.running()
	result, err := p.Exec(query, args)
	p.ranText(query, firstValue(args), err)
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
	c.followBeforeText(context.Background(), p, query)
	p.running()
	rows, err := p.Query(query, args)
	p.ranText(query, firstValue(args), err)
	p.state.Add(session.Identity)
	return rows, c.saw(err)
}
