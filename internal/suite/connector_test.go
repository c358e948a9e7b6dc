package suite

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// openConfig opens a handle with NewConnector.
func openConfig(t *testing.T, cfg *mysql.Config, opts ...mysqlpool.Option) *sql.DB {
	t.Helper()
	c, err := mysqlpool.NewConnector(cfg, opts...)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	t.Cleanup(func() { db.Close() })
	return db
}

func TestSuitePlainConfigSharesThePoolOfItsDSN(t *testing.T) {
	s := needServer(t)
	id := openQueryClose(t, pooled, s.dsn)
	db := openConfig(t, s.config(t))
	if got := connectionID(t, db); got != id {
		t.Errorf("connection %d, want %d, that of the DSN", got, id)
	}
	db.Close()
	if got := openQueryClose(t, pooled, s.dsn); got != id {
		t.Errorf("connection %d, want %d as before", got, id)
	}
}

func TestSuiteOptionsMakeAnotherPool(t *testing.T) {
	s := needServer(t)
	a := openConfig(t, s.config(t), mysqlpool.WithSize(1), mysqlpool.WithMaxOverflow(0))
	b := s.open(t, pooled, "pool_size=1&pool_max_overflow=0")
	c := openConfig(t, s.config(t), mysqlpool.WithSize(2))
	if connectionID(t, a) != connectionID(t, b) {
		t.Error("the same options do not share")
	}
	a.Close()
	b.Close()
	if connectionID(t, c) == connectionID(t, s.open(t, pooled, "pool_size=1&pool_max_overflow=0")) {
		t.Error("other options share")
	}
}

// dialer is a DialFunc that counts.
type dialer struct{ calls atomic.Int64 }

func (d *dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d.calls.Add(1)
	var nd net.Dialer
	return nd.DialContext(ctx, network, addr)
}

func TestSuiteConfigWithAFunctionHasAPoolOfItsOwn(t *testing.T) {
	for name, set := range map[string]func(t *testing.T, cfg *mysql.Config, calls *atomic.Int64){
		"DialFunc": func(_ *testing.T, cfg *mysql.Config, calls *atomic.Int64) {
			cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
				calls.Add(1)
				return new(net.Dialer).DialContext(ctx, network, addr)
			}
		},
		"BeforeConnect": func(t *testing.T, cfg *mysql.Config, calls *atomic.Int64) {
			password := cfg.Passwd
			cfg.Passwd = "rotated long ago"
			if err := cfg.Apply(mysql.BeforeConnect(func(_ context.Context, cfg *mysql.Config) error {
				calls.Add(1)
				cfg.Passwd = password
				return nil
			})); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := needServer(t)
			cfg := s.config(t)
			var calls atomic.Int64
			set(t, cfg, &calls)
			shared := connectionID(t, s.open(t, pooled, ""))
			db := openConfig(t, cfg)
			db.SetMaxIdleConns(0)
			id := connectionID(t, db)
			if again := connectionID(t, db); again != id || id == shared {
				t.Errorf("connections %d and %d, want one, and not %d of the DSN's pool", id, again, shared)
			}
			if n := calls.Load(); n != 1 {
				t.Errorf("the function was called %d times, want once", n)
			}
			another := openConfig(t, cfg)
			if got := connectionID(t, another); got == id {
				t.Errorf("connection %d is shared with another connector", id)
			}
			if n := len(mysqlpool.Stats()); n != 3 {
				t.Errorf("%d pools, want 3", n)
			}
			db.Close()
			s.wantGone(t, id)
			another.Close()
			eventually(t, func() error {
				if all := mysqlpool.Stats(); len(all) != 1 {
					return fmt.Errorf("pools are left: %+v", all)
				}
				return nil
			})
		})
	}
}

func TestSuitePrivatePoolWaitsForWhatIsInUse(t *testing.T) {
	s := needServer(t)
	cfg := s.config(t)
	var d dialer
	cfg.DialFunc = d.dial
	db := openConfig(t, cfg)
	tx := begin(t, db)
	id := connectionID(t, tx)
	db.Close()
	if again := connectionID(t, tx); again != id {
		t.Errorf("the transaction went from connection %d to %d", id, again)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	s.wantGone(t, id)
}

type contextKey struct{}

func TestSuiteContextValuesReachDialFunc(t *testing.T) {
	s := needServer(t)
	asStock(t, func(t *testing.T, driver string) (seen any) {
		cfg := s.config(t)
		cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			seen = ctx.Value(contextKey{})
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		var db *sql.DB
		if driver == stock {
			c, err := mysql.NewConnector(cfg)
			if err != nil {
				t.Fatal(err)
			}
			db = sql.OpenDB(c)
			defer db.Close()
		} else {
			db = openConfig(t, cfg)
		}
		if err := db.PingContext(context.WithValue(t.Context(), contextKey{}, "the value")); err != nil {
			t.Error(err)
		}
		return seen
	})
}
