package servers

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
)

// answerTime bounds each answer of a server that should be up.
const answerTime = time.Minute

// connect logs in to s.DSN, finds out what the server is, whether it has TLS,
// and keeps that one connection open to read the server's counters.
func (s *Server) connect(ctx context.Context) error {
	t, err := target.Open(ctx, s.DSN, answerTime)
	if err != nil {
		return err
	}
	s.stop = append(s.stop, t.Stop)
	s.Version, s.product = t.Version, t.Product
	s.db, s.logins = t.Monitor(), t.Logins
	s.TLSDSN, err = t.OverTLS(ctx, answerTime)
	if err != nil {
		s.Stop()
	}
	return err
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
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	return target.OpenQuietly(cfg)
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
