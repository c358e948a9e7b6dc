package mysqlpool

import (
	"log/slog"
	"strconv"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/hosts"
)

// An Option sets one pool_* parameter, named in its documentation. WithLogger,
// WithShareKey and WithAfterLogin have no DSN parameter. NewConnector rejects a negative
// number or duration. math.MaxInt64 means forever.
type Option func(*settings) error

// settings is what a connector is made of, besides the stock driver's config.
type settings struct {
	hosts.Config
	shareKey string // "": none
}

func option(name, value string) Option {
	return func(s *settings) error { return s.Set(name, value) }
}

// WithSize sets pool_size: how many connections are kept open once opened,
// until they are recycled. The default is 5; 0 keeps none.
func WithSize(n int) Option { return option("pool_size", strconv.Itoa(n)) }

// WithMaxOverflow sets pool_max_overflow: how many connections more than
// pool_size may be opened under load; 0 is none. By default it is what the
// server allows: max_connections less 5 %, at least 3, and no more than
// max_user_connections; no limit if it does not say.
func WithMaxOverflow(n int) Option { return option("pool_max_overflow", strconv.Itoa(n)) }

// WithIdleTimeout sets pool_idle_timeout: how long a connection beyond
// pool_size may be idle before it is closed. The default is 10 minutes; 0
// closes it at once.
func WithIdleTimeout(d time.Duration) Option { return option("pool_idle_timeout", d.String()) }

// WithTimeout sets pool_timeout: how long a checkout waits for a connection,
// unless its context ends earlier. The default is 30 seconds; it must be
// above 0.
func WithTimeout(d time.Duration) Option { return option("pool_timeout", d.String()) }

// WithRecycle sets pool_recycle: the greatest age of a connection; 0 is no
// limit. By default it is one second less than the session's wait_timeout, as the
// DSN sets it, else as the server says, else 120 s, and one hour at most. It is
// shortened by up to 2.5 % at random.
func WithRecycle(d time.Duration) Option { return option("pool_recycle", d.String()) }

// WithPingAfter sets pool_ping_after: a connection that was idle for at least this
// long is pinged before it is handed out, for 2 s at most. The default is 30
// seconds; 0 pings each time.
func WithPingAfter(d time.Duration) Option { return option("pool_ping_after", d.String()) }

// WithKeepalive sets pool_keepalive: how often an idle connection is pinged in the
// background, less up to a fifth at random, so that no request finds one that a
// router dropped. One that does not answer within 2 s is closed. The default is 2
// minutes; 0 is never.
func WithKeepalive(d time.Duration) Option { return option("pool_keepalive", d.String()) }

// WithWarm sets pool_warm: how many connections are kept ready for the next
// checkout, opened in advance once the pool is in use, while nobody waits. After
// the server refused a login none is opened until one succeeds. The default is 0.
func WithWarm(n int) Option { return option("pool_warm", strconv.Itoa(n)) }

// WithDialLimit sets pool_dial_limit: how many logins may be under way at
// once. A pool starts with 8 at most, and comes to more while those who wait do
// not become fewer. The default is 32; it must be 1 or more.
func WithDialLimit(n int) Option { return option("pool_dial_limit", strconv.Itoa(n)) }

// WithReset sets pool_reset: what is done before a connection goes to another
// user. "state", the default, undoes what statements left in the session,
// "always" has the server reset it, whatever ran, and "never" does nothing.
func WithReset(mode string) Option { return option("pool_reset", mode) }

// WithStmtCache sets pool_stmt_cache: how many prepared statements are kept for
// each connection; 0 keeps none. By default it is at most 256, and together no
// more than half of the server's max_prepared_stmt_count. Those of a connection
// take about 8 MB of the server's memory at most, or 32 kB for each if more than 256
// are asked for.
func WithStmtCache(n int) Option { return option("pool_stmt_cache", strconv.Itoa(n)) }

// WithLeakAfter sets pool_leak_after: the stack that checked a connection out is
// logged, and listed by Leaks, if that is held for longer. The default, 0, is never.
func WithLeakAfter(d time.Duration) Option { return option("pool_leak_after", d.String()) }

// WithKill sets pool_kill: whether a statement whose context ended is ended on
// the server too. The default is no.
func WithKill(kill bool) Option {
	if kill {
		return option("pool_kill", "on")
	}
	return option("pool_kill", "off")
}

// WithPipeline sets pool_pipeline: how the pool sends what restores a session. "auto",
// the default, is in one write once the server is known to answer that, "off" one
// statement after the other.
func WithPipeline(mode string) Option { return option("pool_pipeline", mode) }

// WithSchemaSwitch sets pool_schema_switch: when a connection selects the schema of its
// next user. "auto", the default, is when a statement needs that: a kept one does not, and
// a plain text takes USE along, where the connection showed that both work. "always" is
// before it is used.
func WithSchemaSwitch(mode string) Option { return option("pool_schema_switch", mode) }

// WithBalance sets pool_balance, for an address of several hosts. "failover" logs
// in to the first one that can be used, "round_robin" to the one with the fewest
// connections, in turn where several have as few. The default
// is "round_robin" if pool_target is replica or prefer_replica, else "failover".
func WithBalance(mode string) Option { return option("pool_balance", mode) }

// WithTarget sets pool_target: which of the hosts are used, by what each says of
// itself. "auto", the default, is a host that takes writes if one does, else one
// that answers; "primary" only one that takes writes; "replica" only those that
// are read-only and whose replication, if they have any, has not stopped;
// "prefer_replica" those if there is one, else one that answers; "any" whichever
// answers.
func WithTarget(target string) Option { return option("pool_target", target) }

// WithName sets pool_name, which names the pool in Stats, in metrics, in logs and in
// ErrPoolTimeout. It is part of what makes two connectors share a pool. The default
// is none.
func WithName(name string) Option { return option("pool_name", name) }

// WithLogger sets where the pool logs. A pool that several connectors share
// logs to the logger of the first. The default is slog.Default; nil is the
// default.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error {
		s.Logger = l
		return nil
	}
}
