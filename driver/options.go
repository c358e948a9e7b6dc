package mysqlpool

import (
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// auto, as the value of an option, lets the server's own limits decide.
const auto = -1

// resetMode is a value of pool_reset.
type resetMode string

const (
	resetState  resetMode = "state"
	resetAlways resetMode = "always"
	resetNever  resetMode = "never"
)

// balanceMode is a value of pool_balance.
type balanceMode string

const (
	balanceFailover   balanceMode = "failover"
	balanceRoundRobin balanceMode = "round_robin"
)

// options is the value of every pool_* option. It is comparable and holds no
// secret: it is part of a pool's key.
type options struct {
	size        int
	maxOverflow int // or auto
	idleTimeout time.Duration
	timeout     time.Duration
	recycle     time.Duration // or auto; 0 is never
	pingAfter   time.Duration
	keepalive   time.Duration // 0 is never
	warm        int
	dialLimit   int
	reset       resetMode
	stmtCache   int           // or auto
	leakAfter   time.Duration // 0 is never
	kill        bool
	pipeline    bool        // where the server is known to answer several commands sent at once
	balance     balanceMode // "" until check
	target      targetMode
	poolName    string
}

func defaultOptions() options {
	return options{
		size:        5,
		maxOverflow: auto,
		idleTimeout: 10 * time.Minute,
		timeout:     30 * time.Second,
		recycle:     auto,
		pingAfter:   30 * time.Second,
		keepalive:   2 * time.Minute,
		dialLimit:   32,
		reset:       resetState,
		stmtCache:   auto,
		pipeline:    true,
		target:      targetAuto,
	}
}

// optionPrefix starts every name in the table, and no name of the stock driver
// or system variable of MySQL or MariaDB.
const optionPrefix = "pool_"

// table is every option: what it takes, in words, and how it is set.
var table = map[string]struct {
	takes string
	set   func(o *options, value string) bool
}{
	"pool_size":         {takesCount(0), func(o *options, v string) bool { return setCount(&o.size, v, 0) }},
	"pool_max_overflow": {takesCount(0) + ", or auto", func(o *options, v string) bool { return setAutoCount(&o.maxOverflow, v) }},
	"pool_idle_timeout": {takesTime, func(o *options, v string) bool { return setTime(&o.idleTimeout, v) }},
	"pool_timeout":      {takesTime + ", above 0", func(o *options, v string) bool { return setTime(&o.timeout, v) && o.timeout > 0 }},
	"pool_recycle":      {takesTime + ", or auto", func(o *options, v string) bool { return setAutoTime(&o.recycle, v) }},
	"pool_ping_after":   {takesTime, func(o *options, v string) bool { return setTime(&o.pingAfter, v) }},
	"pool_keepalive":    {takesTime, func(o *options, v string) bool { return setTime(&o.keepalive, v) }},
	"pool_warm":         {takesCount(0), func(o *options, v string) bool { return setCount(&o.warm, v, 0) }},
	"pool_dial_limit":   {takesCount(1), func(o *options, v string) bool { return setCount(&o.dialLimit, v, 1) }},
	"pool_reset":        {"state, always or never", setReset},
	"pool_stmt_cache":   {takesCount(0) + ", or auto", func(o *options, v string) bool { return setAutoCount(&o.stmtCache, v) }},
	"pool_leak_after":   {takesTime, func(o *options, v string) bool { return setTime(&o.leakAfter, v) }},
	"pool_kill":         {"on or off", setKill},
	"pool_pipeline":     {"auto or off", setPipeline},
	"pool_balance":      {"failover or round_robin", setBalance},
	"pool_target":       {"auto, primary, replica, prefer_replica or any", setTarget},
	"pool_name":         {"up to 64 letters, digits, and any of . _ : / -", setName},
}

const takesTime = "a Go duration (5s, 2m) or a plain number of seconds"

func takesCount(least int) string { return fmt.Sprintf("a whole number, %d or more", least) }

func setCount(to *int, v string, least int) bool {
	n, err := strconv.ParseUint(v, 10, 31)
	*to = int(n)
	return err == nil && *to >= least
}

func setAutoCount(to *int, v string) bool {
	if v == "auto" {
		*to = auto
		return true
	}
	return setCount(to, v, 0)
}

func setTime(to *time.Duration, v string) bool {
	if v == "" || strings.Trim(v, "0123456789.") == "" {
		seconds, err := strconv.ParseFloat(v, 64)
		*to = time.Duration(math.Round(seconds * float64(time.Second)))
		return err == nil && seconds <= math.MaxInt64/float64(time.Second)-1
	}
	d, err := time.ParseDuration(v)
	*to = d
	return err == nil && d >= 0
}

func setAutoTime(to *time.Duration, v string) bool {
	if v == "auto" {
		*to = auto
		return true
	}
	return setTime(to, v)
}

func setReset(o *options, v string) bool {
	o.reset = resetMode(v)
	return slices.Contains([]resetMode{resetState, resetAlways, resetNever}, o.reset)
}

func setPipeline(o *options, v string) bool {
	o.pipeline = v == "auto"
	return v == "auto" || v == "off"
}

func setKill(o *options, v string) bool {
	o.kill = v == "on"
	return slices.Contains([]string{"on", "off"}, v)
}

func setBalance(o *options, v string) bool {
	o.balance = balanceMode(v)
	return slices.Contains([]balanceMode{balanceFailover, balanceRoundRobin}, o.balance)
}

// set sets one option. name is without @.
func (o *options) set(name, value string) error {
	row, ok := table[name]
	if !ok {
		return fmt.Errorf("mysqlpool: unknown option %s: the options are %s",
			name, strings.Join(slices.Sorted(maps.Keys(table)), ", "))
	}
	if !row.set(o, value) {
		return fmt.Errorf("mysqlpool: option %s: got %q, want %s", name, value, row.takes)
	}
	return nil
}

// check says what is wrong with the options together, and decides what depends
// on others.
func (o *options) check() error {
	if o.size == 0 && o.maxOverflow == 0 {
		return fmt.Errorf("mysqlpool: options pool_size and pool_max_overflow: got 0 and 0, which allow no connection: want 1 or more together")
	}
	if o.balance == "" {
		o.balance = balanceFailover
		if o.target == targetReplica || o.target == targetPreferReplica {
			o.balance = balanceRoundRobin
		}
	}
	return nil
}

// limit is how many connections may be open at once; 0 while only the server
// can tell.
func (o *options) limit() int {
	if o.maxOverflow == auto {
		return 0
	}
	return min(o.size, math.MaxInt-o.maxOverflow) + o.maxOverflow
}

// takeParams moves the options out of params, a DSN's parameters, into o. A
// name may stand there with a leading @, which makes it a user variable where
// the stock driver sends it on as SET name = value: then the value is written
// as SQL has it, a number or a quoted literal.
func (o *options) takeParams(params map[string]string) error {
	// Sorted, so that of two errors it is always the same one that is told.
	for _, param := range slices.Sorted(maps.Keys(params)) {
		name, isVariable := strings.CutPrefix(param, "@")
		if len(name) < len(optionPrefix) || !strings.EqualFold(name[:len(optionPrefix)], optionPrefix) {
			continue
		}
		value := params[param]
		if isVariable {
			if _, twice := params[name]; twice {
				return fmt.Errorf("mysqlpool: options %s and %s: want one of the two", name, param)
			}
			literal, ok := unquote(value)
			if !ok {
				return fmt.Errorf("mysqlpool: option %s: got %s, want a number or, as SQL has it, a quoted literal: %s='%s' (in a DSN %s=%%27%s%%27)",
					param, value, param, value, param, value)
			}
			value = literal
		}
		if err := o.set(name, value); err != nil {
			return err
		}
		delete(params, param)
	}
	return nil
}

// unquote returns what an SQL literal stands for: a number as it is, a quoted
// string without its quotes. No option's value has a quote or a backslash.
func unquote(literal string) (string, bool) {
	if n := len(literal); n >= 2 && literal[0] == '\'' && literal[n-1] == '\'' {
		inner := literal[1 : n-1]
		return inner, !strings.ContainsAny(inner, `'\`)
	}
	return literal, literal != "" && strings.Trim(literal, "0123456789.") == ""
}

// An Option sets what the DSN sets with the pool_* parameter that its
// documentation names. See the package documentation for the parameters. A
// negative number or duration is an error of NewConnector. The longest duration,
// math.MaxInt64, means for ever.
type Option func(*settings) error

// settings is what a connector is made of, besides the stock driver's config.
type settings struct {
	options
	logger *slog.Logger // nil means slog.Default
}

func option(name, value string) Option {
	return func(s *settings) error { return s.set(name, value) }
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
// logged if that is held for longer. The default, 0, is never.
func WithLeakAfter(d time.Duration) Option { return option("pool_leak_after", d.String()) }

// WithKill sets pool_kill: whether a statement whose context ended is ended on
// the server too. The default is no.
func WithKill(kill bool) Option {
	if kill {
		return option("pool_kill", "on")
	}
	return option("pool_kill", "off")
}

// WithBalance sets pool_balance, for an address of several hosts. "failover" logs
// in to the first one that can be used, "round_robin" to each in turn. The default
// is "round_robin" if pool_target is replica or prefer_replica, else "failover".
func WithBalance(mode string) Option { return option("pool_balance", mode) }

// WithTarget sets pool_target: which of the hosts are used, by what each says of
// itself. "auto", the default, is a host that takes writes if one does, else one
// that answers; "primary" only one that takes writes; "replica" only those that
// are read-only; "prefer_replica" those if there is one, else one that answers;
// "any" whichever answers.
func WithTarget(target string) Option { return option("pool_target", target) }

// WithLogger sets where the pool logs. A pool that several connectors share
// logs to the logger of the first. The default is slog.Default; nil is the
// default.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error {
		s.logger = l
		return nil
	}
}
