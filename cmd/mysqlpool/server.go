package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/mysqlpool/mysqlpool/cmd/servers"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// The two columns.
var drivers = [2]string{"mysql", "mysql_pool"}

// openServer gives the server of dsn, an embedded one for "", and makes sure
// that both drivers take its DSN.
func openServer(ctx context.Context, dsn string) (*servers.Server, error) {
	server, err := findServer(ctx, dsn)
	if err != nil {
		return nil, err
	}
	for _, driver := range drivers {
		db, err := sql.Open(driver, server.DSN)
		if err != nil {
			server.Stop()
			return nil, fmt.Errorf("sql.Open(%q, dsn): %w", driver, err)
		}
		db.Close()
	}
	return server, nil
}

func findServer(ctx context.Context, dsn string) (*servers.Server, error) {
	if dsn == "" {
		return servers.Find(ctx, servers.Options{Kinds: []servers.Kind{servers.Embedded}})
	}
	s, err := servers.Open(ctx, dsn)
	var refused *mysql.MySQLError
	if cfg, perr := mysql.ParseDSN(dsn); perr == nil && errors.As(err, &refused) {
		for name := range cfg.Params {
			if strings.HasPrefix(name, "pool_") {
				return nil, fmt.Errorf("%w (perhaps because \"mysql\" does not know %s: both drivers take it as @%[2]s)", err, name)
			}
		}
	}
	return s, err
}

// dispose closes what mysql_pool keeps, before the server stops: it would
// otherwise find its connections cut.
func dispose() {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	mysqlpool.Dispose(ctx) // on a time-out, the end of the process closes the rest
}
