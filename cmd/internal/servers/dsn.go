package servers

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/go-sql-driver/mysql"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
)

// testSchema is the schema of the servers that are started here.
const testSchema = "mysqlpool_test"

// fromEnv uses the server that MYSQL_POOL_TEST_DSN names.
func fromEnv(ctx context.Context, opts Options) (*Server, error) {
	dsn := os.Getenv(EnvDSN)
	if dsn == "" {
		return nil, errors.New(EnvDSN + " is not set")
	}
	s, err := Open(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", EnvDSN, err)
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err == nil && cfg.DBName == "" {
		s.Stop()
		return nil, fmt.Errorf("%s names no schema: add one that tests may write to, as in user:password@tcp(host:3306)/%s",
			EnvDSN, testSchema)
	}
	s.Name += " (" + EnvDSN + ")"
	if v := os.Getenv(EnvUnixDSN); v != "" {
		s.UnixDSN = v
	}
	if v := os.Getenv(EnvTLSDSN); v != "" {
		s.TLSDSN = v
	}
	return s, nil
}

// Open uses the server that dsn names. It logs in at once, and fails if it
// cannot: with the driver's own error (errors.As finds a *mysql.MySQLError)
// after what was tried, and without the password.
func Open(ctx context.Context, dsn string) (*Server, error) {
	cfg, err := target.Parse(dsn)
	if err != nil {
		return nil, err
	}
	s := &Server{Kind: DSN, DSN: dsn}
	if cfg.Net == "unix" {
		s.UnixDSN = dsn
	}
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	s.Name = fmt.Sprintf("%s at %s", s.product, cfg.Addr)
	return s, nil
}

// dsnFor returns the DSN of a server that is started here.
func dsnFor(network, addr, password, schema string) string {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd = "root", password
	cfg.Net, cfg.Addr, cfg.DBName = network, addr, schema
	return cfg.FormatDSN()
}
