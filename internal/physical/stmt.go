package physical

import (
	"context"
	"database/sql/driver"

	"github.com/mysqlpool/mysqlpool/internal/session"
)

// StockStmt is everything that the stock driver's statement implements.
type StockStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
	driver.NamedValueChecker
	driver.ColumnConverter //lint:ignore SA1019 the stock driver has it
}

// Stmt is a prepared statement of a logical connection. It is rebound: on another physical
// connection than the last time it is prepared there.
type Stmt struct {
	h         *Holder
	queryText string

	index int       // in h.stmts; below 0: lost, see stmtList.lose
	inner *prepared // nil once closed
	on    *Conn     // where inner was acquired
	epoch int       // on's as of then
}

// PrepareFor prepares a text as s, which has the zero value.
func (h *Holder) PrepareFor(ctx context.Context, query string, s *Stmt) error {
	p := h.leased.Value
	inner, err := p.kept().acquire(ctx, query)
	if p.Host.runsAtPrepare() {
		if st := p.scan(query); st.ChangesID() {
			h.uncertain(p, 0)
		}
	}
	if err != nil {
		return h.noteError(err)
	}
	*s = Stmt{h: h, queryText: query, inner: inner, on: p, epoch: p.stmts.epoch}
	h.stmts.add(s)
	return nil
}

// Lost reports whether the logical connection lost it with a physical one. It is not rebound
// until it is used again.
func (s *Stmt) Lost() bool { return s.index < 0 }

// Closed reports whether the statement was closed.
func (s *Stmt) Closed() bool { return s.inner == nil }

// ready returns the stock statement on the physical connection that the logical
// one holds, about to run; rows is as in Holder.prepareDiagnostics.
func (s *Stmt) ready(ctx context.Context, args []driver.NamedValue, rows bool) (StockStmt, error) {
	p := s.h.leased.Value
	selectSchema := switcher{p}.selectDeferredSchemaForKept
	if s.inner.Stmt.effects.Leaves&^cacheSafeState != 0 {
		selectSchema = switcher{p}.selectDeferredSchemaFor // afterwards it may not be known which one the session is on
	}
	if err := selectSchema(ctx, s.queryText); err != nil {
		return nil, s.h.noteError(err)
	}
	if err := s.rebind(ctx, p); err != nil {
		return nil, err
	}
	s.h.rebindBefore(ctx, p, &s.inner.Stmt.effects)
	switch inner := s.inner; {
	case !inner.Cached() || anyNamed(args): // the stock driver refuses a named one
	case p.kept().bypassesCache():
		p.stmts.cache.Remove(inner) // the server remembers what it ran under
	case !inner.Stmt.accepts(args):
		if err := s.exchange(s.on.kept().acquireFor(ctx, s.queryText, args)); err != nil {
			return nil, err
		}
	}
	if err := s.h.prepareDiagnostics(ctx, p, &s.inner.Stmt.effects, rows); err != nil {
		return nil, s.h.noteError(err)
	}
	p.running()
	return s.inner.Stmt.StockStmt, nil
}

// readyToExec is ready for Exec.
func (s *Stmt) readyToExec(ctx context.Context, args []driver.NamedValue) (StockStmt, error) {
	if _, err := s.ready(ctx, args, false); err != nil {
		return nil, err
	}
	if err := s.ownToExec(ctx); err != nil {
		return nil, err
	}
	return s.inner.Stmt.StockStmt, nil
}

// ownToExec exchanges a statement that Exec must have as new.
func (s *Stmt) ownToExec(ctx context.Context) error {
	if !s.inner.Cached() || !s.inner.Stmt.mayHaveRows() {
		return nil
	}
	err := s.exchange(s.on.kept().acquireOwn(ctx, s.queryText))
	if err != nil {
		s.on.busy = false
	}
	return err
}

// rebind prepares the statement on p, which its logical connection holds, unless it is
// there.
func (s *Stmt) rebind(ctx context.Context, p *Conn) error {
	if !s.Lost() && p == s.on && p.stmts.epoch == s.epoch && !s.inner.Stmt.stale {
		return nil
	}
	inner, err := p.kept().acquireToRebind(ctx, s.queryText)
	if err != nil {
		return s.h.noteError(err)
	}
	s.on.stmts.releaseLater(s.inner, s.epoch)
	s.inner, s.on, s.epoch = inner, p, p.stmts.epoch
	if s.index < 0 {
		s.h.stmts.add(s)
	}
	return nil
}

// retry returns the statement, re-prepared, if it certainly did not run; else nil. If its
// schema cannot be selected any more, err becomes that error.
func (s *Stmt) retry(ctx context.Context, args []driver.NamedValue, err *error) StockStmt {
	if *err == nil || !s.on.kept().dropAfterError(s.inner, *err) {
		return nil
	}
	if gone := (switcher{s.on}).selectDeferredSchema(ctx); gone != nil {
		*err = gone
		return nil
	}
	if s.rebind(ctx, s.on) != nil {
		return nil
	}
	if s.inner.Cached() && !s.inner.Stmt.accepts(args) && s.exchange(s.on.kept().acquireFor(ctx, s.queryText, args)) != nil {
		return nil
	}
	return s.inner.Stmt.StockStmt
}

// rebindBefore rebinds every statement of the logical connection before one runs after which
// texts mean something else (USE, SET sql_mode). The stock driver prepared them before that,
// and they mean what they meant then. One that cannot be prepared now fails when it is used.
func (h *Holder) rebindBefore(ctx context.Context, p *Conn, effects *session.Statement) {
	if effects.Leaves&^cacheSafeState == 0 {
		return
	}
	for _, s := range h.stmts {
		s.rebind(ctx, p)
	}
}

// exchange takes another statement of the text on the same connection; the one that it
// had stays for others.
func (s *Stmt) exchange(inner *prepared, err error) error {
	if err != nil {
		return s.h.noteError(err)
	}
	s.on.kept().release(s.inner)
	s.inner = inner
	return nil
}

// failed is retry for those that are not retried.
func (s *Stmt) failed(err error) {
	if err != nil {
		s.on.kept().dropAfterError(s.inner, err)
	}
}

// ran notes how it went, and returns the error. result is nil if the answer was rows.
func (s *Stmt) ran(args []driver.NamedValue, result driver.Result, err error) error {
	s.h.after(s.on, &s.inner.Stmt.effects, args, result, err)
	return s.h.noteError(err)
}

// named is the values as the other interfaces have them.
func named(args []driver.Value) []driver.NamedValue {
	all := make([]driver.NamedValue, len(args))
	for i, v := range args {
		all[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return all
}

// Exec runs it without rows.
func (s *Stmt) Exec(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	stock, err := s.readyToExec(ctx, args)
	if err != nil {
		return nil, err
	}
	result, err := stock.ExecContext(ctx, args)
	if s.retry(ctx, args, &err) != nil {
		if err := s.ownToExec(ctx); err != nil {
			return nil, err
		}
		result, err = s.inner.Stmt.ExecContext(ctx, args)
	}
	return result, s.ran(args, result, err)
}

// Query runs it. The rows are the stock driver's own.
func (s *Stmt) Query(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	stock, err := s.ready(ctx, args, true)
	if err != nil {
		return nil, err
	}
	rows, err := stock.QueryContext(ctx, args)
	if stock := s.retry(ctx, args, &err); stock != nil {
		rows, err = stock.QueryContext(ctx, args)
	}
	s.on.stmts.reads(rows, err)
	s.on.kept().charge(s.inner, rows, err)
	return rows, s.ran(args, nil, err)
}

// ExecValues is Exec with the arguments that driver.Stmt has.
func (s *Stmt) ExecValues(args []driver.Value) (driver.Result, error) {
	values := named(args)
	stock, err := s.readyToExec(context.Background(), values)
	if err != nil {
		return nil, err
	}
	result, err := stock.Exec(args)
	s.failed(err)
	return result, s.ran(values, result, err)
}

// QueryValues is Query with the arguments that driver.Stmt has. As after
// Holder.QueryValues the connection does not go to anybody else.
func (s *Stmt) QueryValues(args []driver.Value) (driver.Rows, error) {
	values := named(args)
	stock, err := s.ready(context.Background(), values, true)
	if err != nil {
		return nil, err
	}
	rows, err := stock.Query(args)
	s.failed(err)
	s.on.stmts.reads(rows, err)
	err = s.ran(values, nil, err)
	s.on.state.Add(session.Identity)
	return rows, err
}

// Close closes the statement. A physical connection that is not held is not touched: its
// next user closes the statement on the server, unless it is kept.
func (s *Stmt) Close() error {
	inner := s.inner
	if inner == nil {
		return nil
	}
	s.inner = nil
	s.h.stmts.remove(s)
	if s.h.held && s.h.leased.Value == s.on && s.on.stmts.epoch == s.epoch {
		return s.on.kept().release(inner)
	}
	s.on.stmts.releaseLater(inner, s.epoch)
	return nil
}

// NumInput is driver.Stmt's, which does not touch the connection.
func (s *Stmt) NumInput() int {
	if s.inner == nil {
		return -1
	}
	return s.inner.Stmt.NumInput()
}

// ColumnConverter is driver.ColumnConverter's, without the connection as well.
func (s *Stmt) ColumnConverter(i int) driver.ValueConverter {
	if s.inner == nil {
		return driver.DefaultParameterConverter
	}
	return s.inner.Stmt.ColumnConverter(i)
}
