// Package servers gives a test or a command a running MySQL-protocol server.
//
// [Find] returns the first it can have of: the server that MYSQL_POOL_TEST_DSN
// names, one in Docker, a mariadbd or mysqld of this machine started on a
// private data directory, and go-mysql-server embedded in this process. [Open]
// takes a DSN and no other. Whatever they started, [Server.Stop] takes away.
package servers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
)

// The environment variables that Find reads, and that Server.Env sets.
const (
	// EnvDSN is the DSN of a server to use; Find then starts none.
	// EnvUnixDSN and EnvTLSDSN may name other ways to the same server.
	EnvDSN     = "MYSQL_POOL_TEST_DSN"
	EnvUnixDSN = "MYSQL_POOL_TEST_UNIX_DSN"
	EnvTLSDSN  = "MYSQL_POOL_TEST_TLS_DSN"

	// EnvServer is the name of the server in words. Find does not read it.
	EnvServer = "MYSQL_POOL_TEST_SERVER"

	// EnvImage names the Docker image to run instead of mysql:8.4 or mariadb:11.
	// It must take the password of root@'%' from MYSQL_ROOT_PASSWORD or
	// MARIADB_ROOT_PASSWORD and listen on port 3306, as the official ones do.
	EnvImage = "MYSQL_POOL_TEST_IMAGE"

	// EnvMysqld is the path of the mariadbd or mysqld to start.
	EnvMysqld = "MYSQL_POOL_TEST_MYSQLD"
)

// Kind is a way to come by a server.
type Kind string

// The kinds, in the order in which Find tries them.
const (
	DSN      Kind = "dsn"      // the server that MYSQL_POOL_TEST_DSN names
	Docker   Kind = "docker"   // a container, started through dockertest
	Local    Kind = "local"    // a mariadbd or mysqld on this machine, started by us
	Embedded Kind = "embedded" // go-mysql-server in this process
)

// Kinds that Find tries only if they are named: what make test-others builds or
// unpacks.
const (
	Routed Kind = "router" // MySQL Router, which shares connections, before a server as of Local
	TiDB   Kind = "tidb"
	Vitess Kind = "vitess"
)

// AllKinds returns every kind in the order in which Find tries them.
func AllKinds() []Kind { return []Kind{DSN, Docker, Local, Embedded} }

// wishes says which variable asks for a kind outright.
var wishes = map[Kind]string{DSN: EnvDSN, Docker: EnvImage, Local: EnvMysqld}

// ErrNone is what Find's error matches (errors.Is) when no kind could be had.
// The error's text has the reason of each.
var ErrNone = errors.New("no MySQL server to be had")

// Options narrow and tune what Find does. The zero value is fine.
type Options struct {
	// Kinds are the kinds to try, in this order. Default: AllKinds.
	Kinds []Kind

	// Args are more arguments for a server that is started here (Docker,
	// Local), such as "--max-connections=100". The others can take none: see
	// Server.TakesArgs.
	Args []string

	// MyCnf is the option file of a server that is started on this machine
	// (Local), as text. The arguments count more. Default: it reads none.
	MyCnf string

	// StartTimeout bounds one start, without the time to pull an image.
	// Default: one minute for Local, three for Docker.
	StartTimeout time.Duration

	// RealOnly refuses go-mysql-server: the embedded one, and one that
	// MYSQL_POOL_TEST_DSN names.
	RealOnly bool

	// Logf gets one line, without a newline, for each kind passed over (and
	// why) and for the one chosen. Never a password. Default: none.
	Logf func(format string, args ...any)
}

func (o Options) logf(format string, args ...any) {
	if o.Logf != nil {
		o.Logf(format, args...)
	}
}

// A Server is a running server. Its fields must not be changed.
type Server struct {
	Kind    Kind
	Name    string // for people: "MariaDB 11.4.2, in a container of mariadb:11"
	Version string // as SELECT VERSION() gives it

	// DSN is how go-sql-driver/mysql reaches it: over TCP (or as the user's own
	// DSN has it), with user, password and a schema that tests may write to.
	DSN string
	// UnixDSN is the same over a unix socket, "" if there is none.
	UnixDSN string
	// TLSDSN is the same with tls=skip-verify, "" if the server has no TLS.
	TLSDSN string

	product string // "MariaDB 11.4.2"
	logins  func(context.Context) (int64, error)
	db      *sql.DB // the one connection that is kept open
	local   *local  // nil unless Kind is Local or Routed
	vitess  *vitess // nil unless Kind is Vitess

	stopOnce sync.Once
	stop     []func() // run last to first
}

// Real reports whether this is MySQL or MariaDB, not go-mysql-server.
func (s *Server) Real() bool { return s.product != target.GoMySQLServer }

// TakesArgs reports whether Options.Args were applied to this server.
func (s *Server) TakesArgs() bool { return s.Kind == Docker || s.Kind == Local || s.Kind == Routed }

// Logins returns how many connections clients have opened to the server since
// it started, refused ones included, as the server itself counts them. Callers
// take the difference of two readings: what Logins itself needs is one
// connection kept open since the start, which adds nothing between readings
// (unless something killed it meanwhile: replacing it counts as one).
// Other clients of a shared server are counted too.
func (s *Server) Logins(ctx context.Context) (int64, error) { return s.logins(ctx) }

// Monitor returns a handle on that one connection, for what else the server
// tells of itself. Stop closes it.
func (s *Server) Monitor() *sql.DB { return s.db }

// Stop stops and removes what was started, and closes what was opened. It
// returns when that is done, may be called by several goroutines and more than
// once, and never stops a server that a DSN named. What it could not remove, it
// tells Options.Logf.
func (s *Server) Stop() {
	s.stopOnce.Do(func() {
		for _, f := range slices.Backward(s.stop) {
			f()
		}
	})
}

// Env returns env (as of os.Environ) with the variables of this server set, and
// those removed that it has no value for.
func (s *Server) Env(env []string) []string {
	for _, v := range []struct{ name, value string }{
		{EnvDSN, s.DSN}, {EnvUnixDSN, s.UnixDSN}, {EnvTLSDSN, s.TLSDSN}, {EnvServer, s.Name},
	} {
		env = slices.DeleteFunc(slices.Clone(env), func(e string) bool {
			return strings.HasPrefix(e, v.name+"=")
		})
		if v.value != "" {
			env = append(env, v.name+"="+v.value)
		}
	}
	return env
}

// Find returns the first server that can be had of opts.Kinds. ctx bounds the
// search and the start, not the life of the server.
//
// A variable that asks for a kind outright (MYSQL_POOL_TEST_DSN,
// MYSQL_POOL_TEST_IMAGE, MYSQL_POOL_TEST_MYSQLD) leaves only the kinds asked for
// like this: whoever names a server does not want tests to pass on another.
func Find(ctx context.Context, opts Options) (*Server, error) {
	kinds := slices.Clone(opts.Kinds)
	if len(kinds) == 0 {
		kinds = AllKinds()
	}
	if opts.RealOnly {
		kinds = slices.DeleteFunc(kinds, func(k Kind) bool { return k == Embedded })
	}
	if wished := slices.DeleteFunc(slices.Clone(kinds), func(k Kind) bool {
		return wishes[k] == "" || os.Getenv(wishes[k]) == ""
	}); len(wished) > 0 {
		kinds = wished
	}

	var reasons []string
	for _, kind := range kinds {
		s, err := start(ctx, kind, opts)
		if err == nil && opts.RealOnly && !s.Real() {
			s.Stop()
			err = fmt.Errorf("%s is not a real server", s.Name)
		}
		if err == nil {
			opts.logf("using %s", s.Name)
			if len(opts.Args) > 0 && !s.TakesArgs() {
				opts.logf("it was started without the arguments %q", opts.Args)
			}
			return s, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("looking for a MySQL server: %w", context.Cause(ctx))
		}
		opts.logf("not %s: %v", kind, err)
		reasons = append(reasons, fmt.Sprintf("%s: %v", kind, err))
	}
	return nil, fmt.Errorf("%w: %s", ErrNone, strings.Join(reasons, "; "))
}

func start(ctx context.Context, kind Kind, opts Options) (*Server, error) {
	switch kind {
	case DSN:
		return fromEnv(ctx, opts)
	case Docker:
		return startDocker(ctx, opts)
	case Local:
		return startLocal(ctx, opts)
	case Embedded:
		return startEmbedded(ctx, opts)
	case Routed:
		return startRouted(ctx, opts)
	case TiDB:
		return startTiDB(ctx, opts)
	case Vitess:
		return startVitess(ctx, opts)
	}
	return nil, fmt.Errorf("unknown kind of server %q: want one of %q", string(kind), AllKinds())
}
