package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// The two columns.
var drivers = [2]string{"mysql", "mysql_pool"}

// envDSN names the server in the environment: a flag's password shows in ps.
const envDSN = "MYSQL_POOL_DSN"

// serverFlags say which server a command works on.
type serverFlags struct {
	DSN     *string       `name:"dsn" placeholder:"DSN" help:"The server, as user:password@tcp(host:3306)/schema. Default: the environment variable MYSQL_POOL_DSN, which ps does not show, else an embedded server. Options of the pool are written with an @, as in ?@pool_size=3: both drivers take that DSN."`
	Timeout time.Duration `default:"10s" placeholder:"DURATION" help:"How long the server may take for an answer, a Go duration above 0. Default: ${default}."`
}

// Validate is called by kong.
func (f *serverFlags) Validate() error {
	switch {
	case f.Timeout <= 0:
		return fmt.Errorf("--timeout=%v: want a Go duration above 0, such as 10s", f.Timeout)
	case f.DSN != nil && *f.DSN == "":
		return errors.New("--dsn is empty: want user:password@tcp(host:3306)/schema, or no --dsn for an embedded server")
	}
	return nil
}

// dsn is "" for the embedded server.
func (f *serverFlags) dsn() string {
	if f.DSN != nil {
		return *f.DSN
	}
	return os.Getenv(envDSN)
}

// embedded reports whether no server is named.
func (f *serverFlags) embedded() bool { return f.dsn() == "" }

// open gives the server, and makes sure that both drivers take its DSN.
func (f *serverFlags) open(ctx context.Context, stderr io.Writer) (*target.Server, error) {
	if f.embedded() {
		return openEmbedded(ctx, f.Timeout, stderr)
	}
	if err := checkForBoth(f.dsn()); err != nil {
		return nil, err
	}
	return target.Open(ctx, f.dsn(), f.Timeout)
}

// openHosts is open for a DSN that may name several hosts, of which "mysql" gets
// the first one alone.
func (f *serverFlags) openHosts(ctx context.Context, stderr io.Writer) (all []*target.Server, dsn string, err error) {
	if f.embedded() {
		s, err := openEmbedded(ctx, f.Timeout, stderr)
		if err != nil {
			return nil, "", err
		}
		return []*target.Server{s}, s.DSN, nil
	}
	if err := checkForBoth(f.dsn()); err != nil {
		return nil, "", err
	}
	all, err = target.OpenHosts(ctx, f.dsn(), f.Timeout)
	return all, f.dsn(), err
}

// checkForBoth makes sure that both drivers take a DSN.
func checkForBoth(dsn string) error {
	cfg, err := target.Parse(dsn)
	if err != nil {
		return err
	}
	if err := checkOptions(dsn); err != nil {
		return err
	}
	for name := range cfg.Params {
		if strings.HasPrefix(name, "pool_") {
			return fmt.Errorf("\"mysql\" does not know %s: both drivers take it as @%[1]s", name)
		}
	}
	return nil
}

// openEmbedded starts the embedded server. Building it, if it must be built,
// shows on stderr.
func openEmbedded(ctx context.Context, timeout time.Duration, stderr io.Writer) (*target.Server, error) {
	p := newProgress(stderr, 0)
	defer p.done()
	return target.Embedded(ctx, timeout, p)
}

// checkOptions returns what sql.Open says of a DSN, which dials nothing.
func checkOptions(dsn string) error {
	db, err := sql.Open("mysql_pool", dsn)
	if err != nil {
		return err
	}
	return db.Close()
}

// dispose closes what mysql_pool keeps, before the server stops: it would
// otherwise find its connections cut.
func dispose() {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	mysqlpool.Dispose(ctx) // on a time-out, the end of the process closes the rest
}
