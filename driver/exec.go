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
	if len(args) > 0 && p.inOneRound() {
		if result, err := c.execCached(ctx, p, query, args); err != driver.ErrSkip {
			return result, c.saw(err)
		}
	}
	st, err := c.beforeText(ctx, p, query, len(args) > 0, false)
	if err != nil {
		return nil, c.saw(err)
	}
	p.running()
	result, err := p.ExecContext(ctx, query, args)
	c.afterText(p, &st, query, args, result, err)
	return result, c.saw(err)
}

// QueryContext implements driver.QueryerContext. The rows are the stock
// driver's own.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	p, err := c.hold(ctx)
	if err != nil {
		return nil, err
	}
	if len(args) > 0 && p.inOneRound() {
		if rows, err := c.queryCached(ctx, p, query, args); err != driver.ErrSkip {
			return rows, c.saw(err)
		}
	}
	st, err := c.beforeText(ctx, p, query, len(args) > 0, true)
	if err != nil {
		return nil, c.saw(err)
	}
	p.running()
	rows, err := p.QueryContext(ctx, query, args)
	p.reads(rows, err)
	c.afterText(p, &st, query, args, nil, err)
	return rows, c.saw(err)
}

// inOneRound reports whether a text with arguments may run on a statement that
// was prepared earlier. With interpolateParams the stock driver needs none.
func (p *physical) inOneRound() bool {
	return !p.config.Interpolates && p.login.stmts.share.Load() > 0 && !p.passesCache()
}

// execCached is ExecContext on a cached statement, else driver.ErrSkip.
func (c *conn) execCached(ctx context.Context, p *physical, query string, args []driver.NamedValue) (driver.Result, error) {
	e, err := p.cached(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if e.Stmt.mayHaveRows() {
		return nil, driver.ErrSkip
	}
	if err := c.asks(ctx, p, &e.Stmt.says, false); err != nil {
		return nil, err
	}
	p.running()
	result, err := e.Stmt.ExecContext(ctx, args)
	if err != nil && p.afterError(e, err) {
		if e, err = p.prepareAgain(ctx, query, args); err != nil {
			return nil, err
		}
		result, err = e.Stmt.ExecContext(ctx, args)
	}
	c.after(p, &e.Stmt.says, args, result, err)
	return result, err
}

// queryCached is QueryContext on a cached statement, else driver.ErrSkip.
func (c *conn) queryCached(ctx context.Context, p *physical, query string, args []driver.NamedValue) (driver.Rows, error) {
	e, err := p.cached(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if err := c.asks(ctx, p, &e.Stmt.says, true); err != nil {
		return nil, err
	}
	p.running()
	rows, err := e.Stmt.QueryContext(ctx, args)
	if err != nil && p.afterError(e, err) {
		if e, err = p.prepareAgain(ctx, query, args); err != nil {
			return nil, err
		}
		rows, err = e.Stmt.QueryContext(ctx, args)
	}
	p.reads(rows, err)
	p.charge(e)
	c.after(p, &e.Stmt.says, args, nil, err)
	return rows, err
}

// Exec implements driver.Execer. database/sql calls ExecContext instead; this
// is for users of Conn.Raw.
func (c *conn) Exec(query string, args []driver.Value) (driver.Result, error) {
	p, err := c.hold(context.Background())
	if err != nil {
		return nil, err
	}
	st, err := c.beforeText(context.Background(), p, query, len(args) > 0, false)
	if err != nil {
		return nil, c.saw(err)
	}
	p.running()
	result, err := p.Exec(query, args)
	c.afterText(p, &st, query, named(args), result, err)
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
	st, err := c.beforeText(context.Background(), p, query, len(args) > 0, true)
	if err != nil {
		return nil, c.saw(err)
	}
	p.running()
	rows, err := p.Query(query, args)
	p.reads(rows, err)
	c.afterText(p, &st, query, named(args), nil, err)
	p.state.Add(session.Identity)
	return rows, c.saw(err)
}
