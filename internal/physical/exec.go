package physical

import (
	"context"
	"database/sql/driver"

	"github.com/mysqlpool/mysqlpool/internal/session"
)

// Exec runs a text without rows.
func (h *Holder) Exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	p := h.leased.Value
	if len(args) > 0 && p.kept().mayUseCache() {
		if result, err := h.execCached(ctx, p, query, args); err != driver.ErrSkip {
			return result, h.noteError(err)
		}
	}
	return h.execText(ctx, p, query, args)
}

// execText is Exec of a text as such.
func (h *Holder) execText(ctx context.Context, p *Conn, query string, args []driver.NamedValue) (result driver.Result, err error) {
	st, combine, err := h.beforeText(ctx, p, query, args, false)
	if err != nil {
		return nil, h.noteError(err)
	}
	p.running()
	if combine {
		result, err = (switcher{p}).execCombined(ctx, query, args)
	} else {
		result, err = p.ExecContext(ctx, query, args)
	}
	h.afterText(p, &st, query, args, result, err)
	return result, h.noteError(err)
}

// Query runs a text that may have rows, which are the stock driver's own.
func (h *Holder) Query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	p := h.leased.Value
	if len(args) > 0 && p.kept().mayUseCache() {
		if rows, err := h.queryCached(ctx, p, query, args); err != driver.ErrSkip {
			return rows, h.noteError(err)
		}
	}
	return h.queryText(ctx, p, query, args)
}

// queryText is Query of a text as such.
func (h *Holder) queryText(ctx context.Context, p *Conn, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	st, combine, err := h.beforeText(ctx, p, query, args, true)
	if err != nil {
		return nil, h.noteError(err)
	}
	p.running()
	if combine {
		rows, err = (switcher{p}).queryCombined(ctx, query, args)
	} else {
		rows, err = p.QueryContext(ctx, query, args)
	}
	p.stmts.reads(rows, err)
	h.afterText(p, &st, query, args, nil, err)
	return rows, h.noteError(err)
}

// mayUseCache reports whether a text with arguments may run on a statement that
// was prepared earlier. With interpolateParams the stock driver needs none.
func (p keeper) mayUseCache() bool {
	return !p.config.Interpolates && p.Shared.Stmts.Share.Load() > 0 && !p.bypassesCache()
}

// execCached is Exec on a cached statement, else driver.ErrSkip.
func (h *Holder) execCached(ctx context.Context, p *Conn, query string, args []driver.NamedValue) (driver.Result, error) {
	e, err := p.kept().cached(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if e.Stmt.mayHaveRows() {
		return nil, driver.ErrSkip
	}
	if err := h.prepareDiagnostics(ctx, p, &e.Stmt.effects, false); err != nil {
		return nil, err
	}
	p.running()
	result, err := e.Stmt.ExecContext(ctx, args)
	if err != nil && p.kept().dropAfterError(e, err) {
		if e, err = p.kept().reprepare(ctx, query, args); err != nil {
			return nil, err
		}
		result, err = e.Stmt.ExecContext(ctx, args)
	}
	h.after(p, &e.Stmt.effects, args, result, err)
	return result, err
}

// queryCached is Query on a cached statement, else driver.ErrSkip.
func (h *Holder) queryCached(ctx context.Context, p *Conn, query string, args []driver.NamedValue) (driver.Rows, error) {
	e, err := p.kept().cached(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if err := h.prepareDiagnostics(ctx, p, &e.Stmt.effects, true); err != nil {
		return nil, err
	}
	p.running()
	rows, err := e.Stmt.QueryContext(ctx, args)
	if err != nil && p.kept().dropAfterError(e, err) {
		if e, err = p.kept().reprepare(ctx, query, args); err != nil {
			return nil, err
		}
		rows, err = e.Stmt.QueryContext(ctx, args)
	}
	p.stmts.reads(rows, err)
	p.kept().charge(e, rows, err)
	h.after(p, &e.Stmt.effects, args, nil, err)
	return rows, err
}

// ExecValues is Exec with the arguments that driver.Execer has.
func (h *Holder) ExecValues(query string, args []driver.Value) (driver.Result, error) {
	return h.execText(context.Background(), h.leased.Value, query, named(args))
}

// QueryValues is Query with the arguments that driver.Queryer has. Nobody reminds its
// users to close the rows, so the connection does not go to anybody else afterwards.
func (h *Holder) QueryValues(query string, args []driver.Value) (driver.Rows, error) {
	p := h.leased.Value
	rows, err := h.queryText(context.Background(), p, query, named(args))
	p.state.Add(session.Identity)
	return rows, err
}
