// Package target is the server that a command of mysqlpool works on: one that a
// DSN names, or the embedded one, which is a program of its own.
package target

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
	parse "github.com/mysqlpool/mysqlpool/internal/dsn"
)

// A Server is a running server. Its fields must not be changed.
type Server struct {
	Name    string // for people: "MariaDB 11.4.2 at 127.0.0.1:3306"
	Product string // "MariaDB 11.4.2"; "" if it has not answered
	Version string // as SELECT VERSION() gives it
	Addr    string // host:port, or the path of a socket
	DSN     string // how go-sql-driver/mysql reaches it
	UnixDSN string // the same over a unix socket; "" if there is none, or none is known

	logins func(context.Context) (int64, error)
	db     *sql.DB // one connection, kept open

	stopOnce sync.Once
	stop     []func() // run last to first
}

// Logins returns how many connections clients have opened to the server, as it
// counts them, those of all clients. It opens none itself.
func (s *Server) Logins(ctx context.Context) (int64, error) { return s.logins(ctx) }

// Monitor returns a handle on the one connection that is kept open. Stop closes
// it.
func (s *Server) Monitor() *sql.DB { return s.db }

// Stop closes what was opened and ends the embedded server. It never stops a
// server that a DSN named.
func (s *Server) Stop() {
	s.stopOnce.Do(func() {
		for i := len(s.stop) - 1; i >= 0; i-- {
			s.stop[i]()
		}
	})
}

// What a DSN looks like, for messages.
const wantDSN = "want user:password@tcp(host:3306)/schema"

// Parse is mysql.ParseDSN with errors that name no password and say what a DSN
// looks like.
func Parse(dsn string) (cfg *mysql.Config, err error) {
	defer func() {
		if p := recover(); p != nil { // for the parameter "strict"
			cfg, err = nil, fmt.Errorf("not a DSN: %s (%s)", redact(fmt.Sprint(p), dsn), wantDSN)
		}
	}()
	if dsn == "" {
		return nil, fmt.Errorf("the DSN is empty (%s)", wantDSN)
	}
	cfg, err = mysql.ParseDSN(dsn)
	if err != nil {
		msg := redact(err.Error(), dsn)
		if ours := parse.ParseError(dsn, err); ours != err {
			msg = strings.TrimSuffix(strings.TrimPrefix(ours.Error(), "mysqlpool: invalid DSN: "), ": "+wantDSN)
		}
		return nil, fmt.Errorf("not a DSN: %s (%s)", msg, wantDSN)
	}
	if strings.Contains(cfg.Net, ":") { // "user:password(...)", which ParseDSN takes for a network
		return nil, fmt.Errorf("not a DSN: no @ after the password (%s)", wantDSN)
	}
	return cfg, nil
}

// redact removes from msg what may be the password of dsn, which need not be
// well formed: what stands between the first colon and the last @ or slash.
func redact(msg, dsn string) string {
	_, rest, ok := strings.Cut(dsn, ":")
	if !ok {
		return msg
	}
	for _, end := range []string{"@", "/"} {
		if i := strings.LastIndex(rest, end); i > 0 {
			msg = strings.ReplaceAll(msg, rest[:i], "***")
		}
	}
	return msg
}

// Open uses the server that dsn names. It logs in at once, and returns the
// driver's own error (errors.As finds a *mysql.MySQLError) after what was tried.
// A server that says nothing for that long is an error.
func Open(ctx context.Context, dsn string, timeout time.Duration) (*Server, error) {
	cfg, err := Parse(dsn)
	if err != nil {
		return nil, err
	}
	if cfg.Net == "tcp" && strings.Contains(cfg.Addr, ",") {
		return nil, errors.New("the DSN names several hosts, which \"mysql\" cannot log in to: name one")
	}
	s := &Server{DSN: dsn}
	if cfg.Net == "unix" {
		s.UnixDSN = dsn
	}
	if err := s.connect(ctx, cfg, timeout); err != nil {
		s.Stop()
		return nil, fmt.Errorf("logging in to %s(%s) as %q: %w", cfg.Net, cfg.Addr, cfg.User, Explain(ctx, err, timeout))
	}
	return s, nil
}

// Explain says so if err is of a server that said nothing within a time limit,
// and not of ctx, which the caller gave up.
func Explain(ctx context.Context, err error, timeout time.Duration) error {
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %v (--timeout)", timeout)
	}
	return err
}

// connect opens the connection that is kept, and finds out what the server is.
func (s *Server) connect(ctx context.Context, cfg *mysql.Config, timeout time.Duration) error {
	db, err := OpenQuietly(cfg)
	if err != nil {
		return err
	}
	s.stop = append(s.stop, func() { db.Close() })
	db.SetMaxOpenConns(1)
	s.db, s.Addr = db, cfg.Addr
	s.logins = func(ctx context.Context) (int64, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		var name string
		var n int64
		if err := db.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Connections'").Scan(&name, &n); err != nil {
			return 0, fmt.Errorf("reading the server's count of connections: %w", err)
		}
		return n, nil
	}
	var version, comment string
	ask, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := db.QueryRowContext(ask, "SELECT VERSION(), @@version_comment").Scan(&version, &comment); err != nil {
		return errors.Join(err, ask.Err())
	}
	s.Product, s.Version = product(version, comment), version
	s.Name = fmt.Sprintf("%s at %s", s.Product, cfg.Addr)
	return nil
}

// OpenQuietly opens a handle on which the driver logs nothing, and whose idle
// connection outlives any wait_timeout of the server.
func OpenQuietly(cfg *mysql.Config) (*sql.DB, error) {
	cfg = cfg.Clone()
	cfg.Logger = &mysql.NopLogger{}
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

// GoMySQLServer is the Product of the embedded server, whoever runs it.
const GoMySQLServer = "go-mysql-server"

// product is a server's name and version in words: "MariaDB 10.11.19".
func product(version, comment string) string {
	number, _, _ := strings.Cut(strings.TrimPrefix(version, "5.5.5-"), "-")
	switch {
	case comment == "Dolt":
		return GoMySQLServer
	case strings.Contains(version, "MariaDB"):
		return "MariaDB " + number
	case strings.Contains(version, "TiDB"):
		_, tidb, _ := strings.Cut(version, "TiDB-")
		return "TiDB " + tidb
	case strings.Contains(version, "Vitess"):
		return "Vitess, as MySQL " + number
	}
	return "MySQL " + number
}

// IsTLS reports whether the server is connected over TLS. It asks with tls=preferred only,
// for no longer than timeout, and reports false if the server does not tell.
func (s *Server) IsTLS(ctx context.Context, timeout time.Duration) (bool, error) {
	cfg, err := Parse(s.DSN)
	if err != nil {
		return false, err
	}
	switch cfg.TLSConfig {
	case "", "false":
		return false, nil
	case "preferred":
	default:
		return true, nil
	}
	ask, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var name, cipher string
	if err := s.db.QueryRowContext(ask, "SHOW SESSION STATUS LIKE 'Ssl_cipher'").Scan(&name, &cipher); err != nil {
		return false, ctx.Err()
	}
	return cipher != "", nil
}

// OverTLS returns the server's DSN with TLS, "" if it does not talk TLS.
func (s *Server) OverTLS(ctx context.Context, timeout time.Duration) (string, error) {
	cfg, err := Parse(s.DSN)
	if err != nil {
		return "", err
	}
	if cfg.TLSConfig != "" && cfg.TLSConfig != "false" && cfg.TLSConfig != "preferred" {
		return s.DSN, nil
	}
	cfg.TLSConfig = "skip-verify"
	dsn := cfg.FormatDSN()
	if cfg, err = Parse(dsn); err != nil { // makes the TLS config of the word
		return "", err
	}
	db, err := OpenQuietly(cfg)
	if err != nil {
		return "", err
	}
	defer db.Close()
	try, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if db.PingContext(try) != nil {
		return "", ctx.Err() // no TLS is no error; being told to stop is
	}
	return dsn, nil
}
