package fleet

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// process is what queries: a handle with one pool or the other.
type process interface {
	query(ctx context.Context) error
	close()
}

const (
	size        = 5  // connections that are kept when idle, by both
	workers     = 8  // of each process
	dialLimit   = 32 // of mysqlpool
	poolTimeout = 30 * time.Second
)

// ours is mysqlpool's pool, as a handle that checks in after each use has it.
type ours struct{ *pool.Pool[*resource] }

type resource struct{ *session }

func (*resource) Fits(string) pool.Fit                         { return pool.Exact }
func (*resource) Switch(context.Context, string) (bool, error) { return true, nil }
func (*resource) Restore(context.Context) bool                 { return true }
func (r *resource) Close(pool.Reason)                          { r.session.close() }
func (r *resource) Check(context.Context, time.Duration) error {
	if !r.alive() { // the socket shows it
		return errDead
	}
	return nil
}

func newOurs(s *server) process {
	return ours{pool.New(pool.Config[*resource]{
		Login: func(ctx context.Context, _ string) (*resource, time.Duration, error) {
			c, err := s.login(ctx)
			return &resource{c}, time.Hour, err
		},
		LoginTimeout: dialTimeout, LoginLimit: dialLimit,
		Size: size, Limit: s.places * 95 / 100,
		IdleTimeout: 10 * time.Minute, Timeout: poolTimeout, OfferFor: time.Second,
		Full: func(err error) bool { return err == errFull },
	})}
}

func (o ours) query(ctx context.Context) error {
	c, err := o.CheckOut(ctx, "")
	if err != nil {
		return err
	}
	if err := c.Value.query(); err != nil {
		c.Discard(pool.Broken)
		return err
	}
	c.CheckIn()
	return nil
}

func (o ours) close() { o.Dispose(context.Background()) }

// stock is database/sql's pool over connections that behave as the stock driver's.
type stock struct{ *sql.DB }

func newStock(s *server) process {
	db := sql.OpenDB(&connector{s})
	db.SetMaxIdleConns(size)
	return stock{db}
}

func (d stock) query(ctx context.Context) error {
	_, err := d.ExecContext(ctx, "DO 1")
	return err
}

func (d stock) close() { d.DB.Close() }

type connector struct{ s *server }

func (c *connector) Driver() driver.Driver { return nil }
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	session, err := c.s.login(ctx)
	if err != nil {
		return nil, err
	}
	return conn{session}, nil
}

type conn struct{ *session }

func (conn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (conn) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }
func (c conn) Close() error                      { c.session.close(); return nil }
func (c conn) IsValid() bool                     { return c.alive() }
func (c conn) ResetSession(context.Context) error {
	if !c.alive() {
		return driver.ErrBadConn
	}
	return nil
}
func (c conn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, c.query()
}
