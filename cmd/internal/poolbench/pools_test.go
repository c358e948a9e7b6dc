package poolbench

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/puddle/v2"

	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// lender is what each of the pools does: lend a connection, and use runs in
// between.
type lender interface {
	lend(ctx context.Context, use func()) error
	opened() int64
	close()
}

// A lenderKind makes a pool of at most max connections, of which size are kept,
// whose logins take that long.
type lenderKind struct {
	name string
	make func(tb testing.TB, size, max int, login time.Duration) lender
}

var lenders = []lenderKind{
	{"mysqlpool", newOurs},
	{"puddle", newPuddle},
	{"database-sql", newSQL},
}

// ours is mysqlpool's own pool, used as a handle per use would: check out,
// check in.
type ours struct {
	*pool.Pool[*resource]
}

type resource struct{}

func (*resource) Fits(string) pool.Fit                         { return pool.Exact }
func (*resource) Switch(context.Context, string) (bool, error) { return true, nil }
func (*resource) Check(context.Context, time.Duration) error   { return nil }
func (*resource) Restore(context.Context) bool                 { return true }
func (*resource) Close(pool.Reason)                            {}

func newOurs(_ testing.TB, size, max int, login time.Duration) lender {
	return ours{pool.New(pool.Config[*resource]{
		Login: func(context.Context, string) (*resource, time.Duration, error) {
			time.Sleep(login)
			return new(resource), time.Hour, nil
		},
		LoginTimeout: time.Minute, LoginLimit: 8,
		Size: size, Limit: max,
		IdleTimeout: time.Minute, Timeout: time.Minute, OfferFor: time.Second,
	})}
}

func (o ours) lend(ctx context.Context, use func()) error {
	c, err := o.CheckOut(ctx, "")
	if err != nil {
		return err
	}
	use()
	c.CheckIn()
	return nil
}

func (o ours) opened() int64 { return o.Stats().Opened }
func (o ours) close()        { o.Dispose(context.Background()) }

type puddled struct {
	*puddle.Pool[*resource]
	logins *atomic.Int64
}

func newPuddle(tb testing.TB, _, max int, login time.Duration) lender {
	logins := new(atomic.Int64)
	p, err := puddle.NewPool(&puddle.Config[*resource]{
		Constructor: func(context.Context) (*resource, error) {
			time.Sleep(login)
			logins.Add(1)
			return new(resource), nil
		},
		Destructor: func(*resource) {},
		MaxSize:    int32(max),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return puddled{p, logins}
}

func (p puddled) lend(ctx context.Context, use func()) error {
	r, err := p.Acquire(ctx)
	if err != nil {
		return err
	}
	use()
	r.Release()
	return nil
}

func (p puddled) opened() int64 { return p.logins.Load() }
func (p puddled) close()        { p.Close() }

// sqlDB is database/sql over a connector whose connections do nothing.
type sqlDB struct {
	*sql.DB
	connector *nothing
}

func newSQL(_ testing.TB, size, max int, login time.Duration) lender {
	c := &nothing{login: login}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(max)
	db.SetMaxIdleConns(size)
	return sqlDB{db, c}
}

func (d sqlDB) lend(ctx context.Context, use func()) error {
	c, err := d.Conn(ctx)
	if err != nil {
		return err
	}
	use()
	return c.Close()
}

func (d sqlDB) opened() int64 { return d.connector.logins.Load() }
func (d sqlDB) close()        { d.DB.Close() }

type nothing struct {
	login  time.Duration
	logins atomic.Int64
}

func (n *nothing) Driver() driver.Driver { return nil }
func (n *nothing) Connect(context.Context) (driver.Conn, error) {
	time.Sleep(n.login)
	n.logins.Add(1)
	return nothingConn{}, nil
}

type nothingConn struct{}

func (nothingConn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (nothingConn) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }
func (nothingConn) Close() error                        { return nil }
