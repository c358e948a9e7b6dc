package dsn

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Auto, as the value of an option, lets the server's own limits decide.
const Auto = -1

// ResetMode is a value of pool_reset.
type ResetMode string

const (
	ResetState  ResetMode = "state"
	ResetAlways ResetMode = "always"
	ResetNever  ResetMode = "never"
)

// BalanceMode is a value of pool_balance.
type BalanceMode string

const (
	BalanceFailover   BalanceMode = "failover"
	BalanceRoundRobin BalanceMode = "round_robin"
)

// Options is the value of every pool_* option. It is comparable and holds no
// secret: it is part of a pool's key.
type Options struct {
	Size        int
	MaxOverflow int // or auto
	IdleTimeout time.Duration
	Timeout     time.Duration
	Recycle     time.Duration // or auto; 0 is never
	PingAfter   time.Duration
	Keepalive   time.Duration // 0 is never
	Warm        int
	DialLimit   int
	Reset       ResetMode
	StmtCache   int           // or auto
	LeakAfter   time.Duration // 0 is never
	Kill        bool
	Pipeline    bool        // where the server is known to answer several commands sent at once
	LateSwitch  bool        // a schema is selected when a statement needs that, where it is known which do not
	Balance     BalanceMode // "" until Check
	Target      TargetMode
	PoolName    string
}

func DefaultOptions() Options {
	return Options{
		Size:        5,
		MaxOverflow: Auto,
		IdleTimeout: 10 * time.Minute,
		Timeout:     30 * time.Second,
		Recycle:     Auto,
		PingAfter:   30 * time.Second,
		Keepalive:   2 * time.Minute,
		DialLimit:   32,
		Reset:       ResetState,
		StmtCache:   Auto,
		Pipeline:    true,
		LateSwitch:  true,
		Target:      TargetAuto,
	}
}

// OptionPrefix starts every name in optionTable, and no name of the stock driver
// or system variable of MySQL or MariaDB.
const OptionPrefix = "pool_"

// optionTable is every option: what it takes, in words, and how it is set. Documented in
// docs/options.md and driver/options.go.
var optionTable = map[string]struct {
	takes string
	set   func(o *Options, value string) bool
}{
	"pool_size":          {takesCount(0), func(o *Options, v string) bool { return setCount(&o.Size, v, 0) }},
	"pool_max_overflow":  {takesCount(0) + ", or auto", func(o *Options, v string) bool { return setAutoCount(&o.MaxOverflow, v) }},
	"pool_idle_timeout":  {takesTime, func(o *Options, v string) bool { return setTime(&o.IdleTimeout, v) }},
	"pool_timeout":       {takesTime + ", above 0", func(o *Options, v string) bool { return setTime(&o.Timeout, v) && o.Timeout > 0 }},
	"pool_recycle":       {takesTime + ", or auto", func(o *Options, v string) bool { return setAutoTime(&o.Recycle, v) }},
	"pool_ping_after":    {takesTime, func(o *Options, v string) bool { return setTime(&o.PingAfter, v) }},
	"pool_keepalive":     {takesTime, func(o *Options, v string) bool { return setTime(&o.Keepalive, v) }},
	"pool_warm":          {takesCount(0), func(o *Options, v string) bool { return setCount(&o.Warm, v, 0) }},
	"pool_dial_limit":    {takesCount(1), func(o *Options, v string) bool { return setCount(&o.DialLimit, v, 1) }},
	"pool_reset":         {"state, always or never", setReset},
	"pool_stmt_cache":    {takesCount(0) + ", or auto", func(o *Options, v string) bool { return setAutoCount(&o.StmtCache, v) }},
	"pool_leak_after":    {takesTime, func(o *Options, v string) bool { return setTime(&o.LeakAfter, v) }},
	"pool_kill":          {"on or off", setKill},
	"pool_pipeline":      {"auto or off", setPipeline},
	"pool_schema_switch": {"auto or always", setSchemaSwitch},
	"pool_balance":       {"failover or round_robin", setBalance},
	"pool_target":        {"auto, primary, replica, prefer_replica or any", setTarget},
	"pool_name":          {"up to 64 letters, digits, and any of . _ : / -", setName},
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
		*to = Auto
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
		*to = Auto
		return true
	}
	return setTime(to, v)
}

func setReset(o *Options, v string) bool {
	o.Reset = ResetMode(v)
	return slices.Contains([]ResetMode{ResetState, ResetAlways, ResetNever}, o.Reset)
}

func setPipeline(o *Options, v string) bool {
	o.Pipeline = v == "auto"
	return v == "auto" || v == "off"
}

func setSchemaSwitch(o *Options, v string) bool {
	o.LateSwitch = v == "auto"
	return v == "auto" || v == "always"
}

func setKill(o *Options, v string) bool {
	o.Kill = v == "on"
	return slices.Contains([]string{"on", "off"}, v)
}

func setBalance(o *Options, v string) bool {
	o.Balance = BalanceMode(v)
	return slices.Contains([]BalanceMode{BalanceFailover, BalanceRoundRobin}, o.Balance)
}

// OptionNames returns the names of all options, in order.
func OptionNames() []string { return slices.Sorted(maps.Keys(optionTable)) }

// Set sets one option. name is without @.
func (o *Options) Set(name, value string) error {
	row, ok := optionTable[name]
	if !ok {
		return fmt.Errorf("mysqlpool: unknown option %s: the options are %s",
			name, strings.Join(OptionNames(), ", "))
	}
	if !row.set(o, value) {
		return fmt.Errorf("mysqlpool: option %s: got %q, want %s", name, value, row.takes)
	}
	return nil
}

// Check says what is wrong with the options together, and decides what depends
// on others.
func (o *Options) Check() error {
	if o.Size == 0 && o.MaxOverflow == 0 {
		return fmt.Errorf("mysqlpool: options pool_size and pool_max_overflow: got 0 and 0, which allow no connection: want 1 or more together")
	}
	if o.Balance == "" {
		o.Balance = BalanceFailover
		if o.Target == TargetReplica || o.Target == TargetPreferReplica {
			o.Balance = BalanceRoundRobin
		}
	}
	return nil
}

// Limit is how many connections may be open at once; 0 while only the server
// can tell.
func (o *Options) Limit() int {
	if o.MaxOverflow == Auto {
		return 0
	}
	return min(o.Size, math.MaxInt-o.MaxOverflow) + o.MaxOverflow
}

// TakeParams moves the options out of params, a DSN's parameters, into o. A
// name may stand there with a leading @, which makes it a user variable where
// the stock driver sends it on as SET name = value: then the value is written
// as SQL has it, a number or a quoted literal.
func (o *Options) TakeParams(params map[string]string) error {
	// Sorted, so that of two errors it is always the same one that is told.
	for _, param := range slices.Sorted(maps.Keys(params)) {
		name, isVariable := strings.CutPrefix(param, "@")
		if len(name) < len(OptionPrefix) || !strings.EqualFold(name[:len(OptionPrefix)], OptionPrefix) {
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
		if err := o.Set(name, value); err != nil {
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
