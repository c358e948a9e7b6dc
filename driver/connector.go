package mysqlpool

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/hosts"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/registry"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// connector makes the logical connections of one handle.
type connector struct {
	registry.Handle

	// validates is set once database/sql called IsValid on any connection. A
	// driver that wraps this one may hide IsValid.
	validates atomic.Bool
}

var (
	_ driver.Connector = (*connector)(nil)
	_ io.Closer        = (*connector)(nil)
)

// NewConnector returns a connector for sql.OpenDB, from a config of the stock
// driver and options of the pool. cfg is copied. Options in cfg.Params count as
// in a DSN, and those in opts come after them.
//
// The connector shares the pool of its login and options, unless it holds something
// that cannot be compared: DialFunc, BeforeConnect, WithAfterLogin, a Logger or a
// hand-made tls.Config. Then it has a pool of its own, which closes with its handle;
// WithShareKey makes it shared. A tls.Config registered by name is compared by content
// and must contain no function. Time zones are equal if their names and rules are. A nil
// Option is ignored.
//
// Give each connector to one sql.OpenDB: closing the handle closes the connector,
// and with it a pool of its own, under any other handle of it. (The
// stock driver's has no Close.)
//
// It returns the stock driver's error for a config that cannot be used, or one
// that names the option.
func NewConnector(cfg *mysql.Config, opts ...Option) (driver.Connector, error) {
	if cfg == nil {
		return nil, errors.New("mysqlpool: NewConnector: got no config, want one from mysql.NewConfig or mysql.ParseDSN")
	}
	cfg = cfg.Clone()
	if err := dsn.Normalize(cfg); err != nil {
		return nil, err
	}
	if _, err := mysql.NewConnector(cfg); err != nil {
		return nil, err
	}
	c, err := connectorOf(cfg, dsn.IsNamedLocation(cfg.Loc), opts...)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// connectorOfDSN returns the connector of Driver.OpenConnector.
func connectorOfDSN(text string) (driver.Connector, error) {
	if c := seenDSNs.connector(text); c != nil {
		return c, nil
	}
	cfg, err := dsn.Parse(text)
	if err != nil {
		return nil, err
	}
	c, err := newConnector(cfg)
	if err != nil {
		return nil, err
	}
	seenDSNs.add(text, c)
	return c, nil
}

// newConnector is NewConnector for a config that is normalised, as one from
// ParseDSN is, and that the caller no longer uses.
func newConnector(cfg *mysql.Config, opts ...Option) (*connector, error) {
	return connectorOf(cfg, true, opts...)
}

func connectorOf(cfg *mysql.Config, namedLoc bool, opts ...Option) (*connector, error) {
	s := settings{Config: hosts.Config{Options: dsn.DefaultOptions(), Cfg: cfg, Dial: hosts.DialStock, Resolve: serverinfo.ResolveDNS, Tracer: &tracer}}
	if err := s.TakeParams(cfg.Params); err != nil {
		return nil, err
	}
	for _, o := range opts {
		if o == nil {
			continue
		}
		if err := o(&s); err != nil {
			return nil, err
		}
	}
	if err := s.Check(); err != nil {
		return nil, err
	}
	c := &connector{}
	c.Config = s.Config
	c.Key, c.Shared = dsn.KeyOf(cfg, s.Options, dsn.Sharing{NamedLoc: namedLoc, ShareKey: s.shareKey, AfterLogin: s.AfterLogin != nil})
	_, err := c.Hosts()
	return c, err
}

// Connect implements driver.Connector. What it returns was checked just now:
// database/sql calls no ResetSession after it. It never returns
// driver.ErrBadConn, which database/sql would take as a reason to ask again.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	leased, err := c.CheckOut(ctx)
	if err != nil {
		return nil, err
	}
	c.Opened()
	var gone func()
	if !c.Shared {
		gone = c.Closed
	}
	lc := &conn{connector: c, checker: leased.Value, holder: physical.NewHolder(leased, gone)}
	if !c.Shared {
		lc.watch()
	}
	// Offered from the start: database/sql may return a connection to its own pool that
	// it never used, and calls no IsValid for it (see openNewConnection there).
	lc.holder.OfferUnused()
	return lc, nil
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return Driver{} }

// Close implements io.Closer: sql.DB.Close calls it. A shared pool keeps its
// connections, for the next handle; that is what it is for. A pool of the
// connector's own closes once all logical connections are closed: a sql.Conn or a
// transaction may outlive its handle.
func (c *connector) Close() error {
	c.Leave()
	return nil
}
