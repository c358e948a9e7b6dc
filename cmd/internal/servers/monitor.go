package servers

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// connect logs in to s.DSN, finds out what the server is, whether it has TLS,
// and keeps that one connection open to read the server's counters.
func (s *Server) connect(ctx context.Context) error {
	db, err := openQuietly(s.DSN)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	var comment string
	err = db.QueryRowContext(ctx, "SELECT VERSION(), @@version_comment").Scan(&s.Version, &comment)
	if err != nil {
		db.Close()
		return err
	}
	s.gms = comment == "Dolt" // what go-mysql-server answers, whoever runs it
	s.stop = append(s.stop, func() { db.Close() })
	s.db = db
	s.logins = func(ctx context.Context) (int64, error) {
		var name string
		var n int64
		if err := db.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Connections'").Scan(&name, &n); err != nil {
			return 0, fmt.Errorf("reading the server's count of connections: %w", err)
		}
		return n, nil
	}
	s.TLSDSN, err = tlsDSN(ctx, s.DSN)
	if err != nil {
		s.Stop()
	}
	return err
}

// tlsDSN returns dsn with TLS, or "" if its server does not talk TLS with us.
func tlsDSN(ctx context.Context, dsn string) (string, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return "", err
	}
	if cfg.TLSConfig != "" && cfg.TLSConfig != "false" && cfg.TLSConfig != "preferred" {
		return dsn, nil
	}
	cfg.TLSConfig = "skip-verify"
	dsn = cfg.FormatDSN()
	db, err := openQuietly(dsn)
	if err != nil {
		return "", err
	}
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		return "", ctx.Err() // no TLS is no error; being told to stop is
	}
	return dsn, nil
}

// openQuietly opens a handle for the use of this package: the driver logs
// nothing (a server that is starting refuses connections in many words), a dial
// takes ten seconds at most unless dsn says otherwise, and an idle connection
// outlives any wait_timeout the server was started with.
func openQuietly(dsn string) (*sql.DB, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	cfg.Logger = &mysql.NopLogger{}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	cfg.Params = maps.Clone(cfg.Params)
	if cfg.Params == nil {
		cfg.Params = map[string]string{}
	}
	cfg.Params["wait_timeout"] = "28800"
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// waitReady returns once dsn can be logged in to, and creates the test schema.
// When ctx ends first, its error matches ctx's cause.
func waitReady(ctx context.Context, dsn string) error {
	db, err := openQuietly(dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		// A server that is half up may accept and say nothing.
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err := db.ExecContext(try, "CREATE DATABASE IF NOT EXISTS "+testSchema)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last answer: %w)", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

// product is the server's name and version in words: "MariaDB 10.11.19".
func (s *Server) product() string {
	number, _, _ := strings.Cut(strings.TrimPrefix(s.Version, "5.5.5-"), "-")
	switch {
	case s.gms:
		return "go-mysql-server"
	case strings.Contains(s.Version, "MariaDB"):
		return "MariaDB " + number
	default:
		return "MySQL " + number
	}
}
