package hosts

import (
	"context"
	"database/sql/driver"
	"log/slog"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// Config is what a dialer is made of.
type Config struct {
	dsn.Options
	Logger     *slog.Logger           // nil: slog.Default
	AfterLogin physical.AfterLogin    // nil: none
	Cfg        *mysql.Config          // without the pool's options; immutable
	Dial       DialFunc               // the stock driver's login; replaced by tests
	Resolve    serverinfo.ResolveFunc // nil: names are not looked up
	Tracer     *physical.Tracer       // may be nil
}

// Hosts returns the config of each host that the address names.
func (c *Config) Hosts() ([]*mysql.Config, error) {
	return dsn.Hosts(dsn.WithoutKeyName(c.Cfg))
}

// DialFunc logs in to a host and returns a connection on the schema.
type DialFunc func(ctx context.Context, h *physical.Host, schema string) (driver.Conn, error)

// DialStock logs in with a copy of the config for each login: with tls=preferred
// the stock driver clears TLS in its config if the server has none.
func DialStock(ctx context.Context, h *physical.Host, schema string) (driver.Conn, error) {
	cfg := h.Cfg
	if schema != cfg.DBName {
		cfg = cfg.Clone()
		cfg.DBName = schema
	}
	stock, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return stock.Connect(ctx)
}
