package physical

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/session"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

var (
	errAfterLoginOver = errors.New("mysqlpool: the connection of WithAfterLogin was used after the function had returned, or its time was over, or Close was called: use it in the function only")
	errOpenRows       = errors.New("it leaves rows that are not closed: close them")
)

// afterLoginConn is a connection as AfterLogin has it: it notes what the statements
// leave, and is of no use once the function has ended. Its statements end with the
// function's context, whatever contexts they have.
type afterLoginConn struct {
	p   *Conn
	ctx context.Context // the function's

	mu    sync.Mutex // guards what follows, and p until over
	over  bool
	left  error             // what end returned
	rows  *afterLoginRows   // the latest; nil: none
	stmts []*afterLoginStmt // not closed
	binds []func()          // see bind

	oneByOne  bool // variables of the character sets may have been set one by one
	unknown   bool // a statement is not understood, and is no SET
	changesID bool // LAST_INSERT_ID() may be another
}

var (
	_ driver.ConnBeginTx        = (*afterLoginConn)(nil)
	_ driver.ConnPrepareContext = (*afterLoginConn)(nil)
	_ driver.ExecerContext      = (*afterLoginConn)(nil)
	_ driver.QueryerContext     = (*afterLoginConn)(nil)
	_ driver.Pinger             = (*afterLoginConn)(nil)
	_ driver.NamedValueChecker  = (*afterLoginConn)(nil)
)

// end takes the connection from the function. It waits for a statement that runs, which
// its context has ended. It returns an error if rows are left open.
func (c *afterLoginConn) end() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return c.left
	}
	c.over = true
	if c.rows != nil && !c.rows.ended() {
		c.left = errOpenRows
	}
	for _, s := range c.stmts {
		if c.left == nil {
			c.left = s.inner.Close()
		}
	}
	for _, unbind := range c.binds {
		unbind()
	}
	return c.left
}

// use locks the connection, to be unlocked unless there is an error.
func (c *afterLoginConn) use() error {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return errAfterLoginOver
	}
	return nil
}

// bind returns a context that ends with the function's too.
func (c *afterLoginConn) bind(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.ctx, cancel)
	c.binds = append(c.binds, func() { stop(); cancel() })
	return ctx
}

// ran notes a statement that ran.
func (c *afterLoginConn) ran(st *session.Statement, query string, args []driver.NamedValue, err error) {
	if err == driver.ErrSkip {
		c.p.declined()
		return
	}
	c.p.ran(st, firstValue(args), err)
	if st.Acts() {
		c.p.Shared.acted(st)
	}
	c.oneByOne = c.oneByOne || dsn.SetsCharsets(query)
	c.changesID = c.changesID || st.ChangesID()
	c.unknown = c.unknown || st.Leaves&(session.Other|session.Identity) != 0 && (st.Several() || !setsVariables(query))
}

// setsVariables reports whether a text is SET, so that any statement which changes the
// same again is one that the classifier takes for state.
func setsVariables(query string) bool {
	words := strings.Fields(query)
	return len(words) > 1 && strings.EqualFold(words[0], "SET") && !strings.EqualFold(words[1], "STATEMENT")
}

func (c *afterLoginConn) exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.use(); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	st := c.p.scan(query)
	c.p.running()
	result, err := c.p.ExecContext(c.bind(ctx), query, args)
	c.ran(&st, query, args, err)
	return result, err
}

// ExecContext implements driver.ExecerContext.
func (c *afterLoginConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.exec(ctx, query, args)
}

// QueryContext implements driver.QueryerContext.
func (c *afterLoginConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.use(); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	st := c.p.scan(query)
	c.p.running()
	rows, err := c.p.QueryContext(c.bind(ctx), query, args)
	c.ran(&st, query, args, err)
	return c.reads(rows, err)
}

func (c *afterLoginConn) reads(rows driver.Rows, err error) (driver.Rows, error) {
	if err != nil {
		return nil, err
	}
	c.rows = &afterLoginRows{c: c, inner: rows}
	return c.rows, nil
}

// Ping implements driver.Pinger.
func (c *afterLoginConn) Ping(ctx context.Context) error {
	if err := c.use(); err != nil {
		return err
	}
	defer c.mu.Unlock()
	return c.p.Ping(c.bind(ctx))
}

// CheckNamedValue implements driver.NamedValueChecker.
func (c *afterLoginConn) CheckNamedValue(v *driver.NamedValue) error { return c.p.CheckNamedValue(v) }

// Close implements driver.Conn: the function does not use the connection any more. The
// pool does.
func (c *afterLoginConn) Close() error { return c.end() }

// Prepare implements driver.Conn.
func (c *afterLoginConn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(c.ctx, query)
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *afterLoginConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.use(); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	st := c.p.scan(query)
	c.p.prepares(&st)
	inner, err := c.p.PrepareContext(c.bind(ctx), query)
	if err != nil {
		c.p.flags.forget()
		return nil, err
	}
	stock, ok := inner.(StockStmt)
	if !ok {
		return nil, errors.Join(errors.New("mysqlpool: the stock driver's statement lacks an interface: update mysqlpool"), inner.Close())
	}
	s := &afterLoginStmt{c: c, inner: stock, query: query, effects: st}
	c.stmts = append(c.stmts, s)
	return s, nil
}

// Begin implements driver.Conn.
func (c *afterLoginConn) Begin() (driver.Tx, error) { return c.BeginTx(c.ctx, driver.TxOptions{}) }

// BeginTx implements driver.ConnBeginTx.
func (c *afterLoginConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if err := c.use(); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	if _, err := c.p.BeginTx(c.bind(ctx), opts); err != nil {
		c.p.flags.forget()
		if opts.Isolation != 0 {
			c.p.state.Add(session.NextTransaction)
		}
		return nil, err
	}
	c.p.state.Add(session.Transaction)
	return &afterLoginTx{c: c}, nil
}

// afterLoginTx is a transaction. The stock driver's own ends with no context.
type afterLoginTx struct {
	c    *afterLoginConn
	done bool
}

func (t *afterLoginTx) Commit() error   { return t.end("COMMIT") }
func (t *afterLoginTx) Rollback() error { return t.end("ROLLBACK") }

func (t *afterLoginTx) end(how string) error {
	if t.done {
		return mysql.ErrInvalidConn // as the stock driver's
	}
	t.done = true
	_, err := t.c.exec(t.c.ctx, how, nil)
	return err
}

// afterLoginStmt is a prepared statement. One that the function leaves open is closed.
type afterLoginStmt struct {
	c       *afterLoginConn
	inner   StockStmt
	query   string
	effects session.Statement
}

func (s *afterLoginStmt) NumInput() int { return s.inner.NumInput() }
func (s *afterLoginStmt) CheckNamedValue(v *driver.NamedValue) error {
	return s.inner.CheckNamedValue(v)
}

func (s *afterLoginStmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.ExecContext(s.c.ctx, named(args))
}

func (s *afterLoginStmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.QueryContext(s.c.ctx, named(args))
}

func (s *afterLoginStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	c := s.c
	if err := c.use(); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	c.p.running()
	result, err := s.inner.ExecContext(c.bind(ctx), args)
	c.ran(&s.effects, s.query, args, err)
	return result, err
}

func (s *afterLoginStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	c := s.c
	if err := c.use(); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	c.p.running()
	rows, err := s.inner.QueryContext(c.bind(ctx), args)
	c.ran(&s.effects, s.query, args, err)
	return c.reads(rows, err)
}

func (s *afterLoginStmt) Close() error {
	c := s.c
	if c.use() != nil {
		return nil // end closed it
	}
	defer c.mu.Unlock()
	for i, open := range c.stmts {
		if open == s {
			c.stmts = append(c.stmts[:i], c.stmts[i+1:]...)
			return s.inner.Close()
		}
	}
	return nil
}

// afterLoginRows is rows that end with the function.
type afterLoginRows struct {
	c      *afterLoginConn
	inner  driver.Rows
	closed bool // guarded by afterLoginConn.mu
}

func (r *afterLoginRows) ended() bool { return r.closed || stockdriver.RowsEnded(r.inner) }

func (r *afterLoginRows) Columns() []string { return r.inner.Columns() }

func (r *afterLoginRows) Next(dest []driver.Value) error {
	if err := r.c.use(); err != nil {
		return err
	}
	defer r.c.mu.Unlock()
	err := r.inner.Next(dest)
	if err != nil && err != io.EOF {
		r.c.p.flags.forget()
	}
	return err
}

func (r *afterLoginRows) Close() error {
	if r.c.use() != nil {
		return nil // nobody reads them any more
	}
	defer r.c.mu.Unlock()
	r.closed = true
	return r.inner.Close()
}

// HasNextResultSet implements driver.RowsNextResultSet.
func (r *afterLoginRows) HasNextResultSet() bool {
	if r.c.use() != nil {
		return false
	}
	defer r.c.mu.Unlock()
	more, ok := r.inner.(driver.RowsNextResultSet)
	return ok && more.HasNextResultSet()
}

// NextResultSet implements driver.RowsNextResultSet.
func (r *afterLoginRows) NextResultSet() error {
	if err := r.c.use(); err != nil {
		return err
	}
	defer r.c.mu.Unlock()
	if more, ok := r.inner.(driver.RowsNextResultSet); ok {
		return more.NextResultSet()
	}
	return io.EOF
}
