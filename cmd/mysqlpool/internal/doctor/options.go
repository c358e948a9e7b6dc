package doctor

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// Options is what a DSN says that matters here, defaults filled in.
type Options struct {
	PoolSize          int      `json:"pool_size"`
	PoolMaxOverflow   *int     `json:"pool_max_overflow"`    // null is auto
	PoolRecycle       *float64 `json:"pool_recycle_seconds"` // null is auto, 0 is never
	PoolStmtCache     *int     `json:"pool_stmt_cache"`      // null is auto
	PoolReset         string   `json:"pool_reset"`
	PoolTarget        string   `json:"pool_target"`
	InterpolateParams bool     `json:"interpolate_params"`
	WaitTimeoutInDSN  bool     `json:"wait_timeout_in_dsn"` // the DSN sets it for its sessions
}

// plan is a DSN taken apart.
type plan struct {
	pool    *mysql.Config   // with the pool's options
	stock   []*mysql.Config // without them, one for each host
	options Options
}

// newPlan returns the error of sql.Open for what it cannot use.
func newPlan(dsn string) (*plan, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New("not a DSN")
	}
	if _, err := mysqlpool.NewConnector(cfg); err != nil {
		return nil, err
	}
	p := &plan{pool: cfg}
	stock := cfg.Clone()
	stock.Logger = &mysql.NopLogger{}
	values := map[string]string{}
	stock.Params = map[string]string{}
	for name, value := range cfg.Params {
		bare := strings.TrimPrefix(name, "@")
		if strings.HasPrefix(strings.ToLower(bare), "pool_") {
			values[bare] = strings.Trim(value, "'")
		} else {
			stock.Params[name] = value
		}
	}
	p.options = optionsOf(values)
	p.options.InterpolateParams = cfg.InterpolateParams
	_, p.options.WaitTimeoutInDSN = cfg.Params["wait_timeout"]
	for _, addr := range target.Addresses(cfg) {
		p.stock = append(p.stock, target.At(stock, addr))
	}
	return p, nil
}

// tried is the config to try the pool out with: on the hosts that answer, since the
// others would take their time.
func (p *plan) tried(hosts []*Host) *mysql.Config {
	cfg := p.pool.Clone()
	cfg.Logger = &mysql.NopLogger{} // makes the pool its own, which closes with the handle
	if len(hosts) == 1 {
		return cfg
	}
	var up []string
	for _, h := range hosts {
		if h.Readings != nil {
			up = append(up, h.Address)
		}
	}
	cfg.Addr = strings.Join(up, ",")
	if cfg.TLSConfig != "" {
		cfg.TLS = nil // made again from the word, for these hosts
	}
	return cfg
}

// optionsOf reads values that sql.Open takes.
func optionsOf(values map[string]string) Options {
	o := Options{PoolSize: 5, PoolReset: "state", PoolTarget: "auto"}
	number := func(name string) *int {
		n, err := strconv.Atoi(values[name])
		if err != nil { // auto, or not there
			return nil
		}
		return &n
	}
	if n := number("pool_size"); n != nil {
		o.PoolSize = *n
	}
	o.PoolMaxOverflow = number("pool_max_overflow")
	o.PoolStmtCache = number("pool_stmt_cache")
	if d, ok := duration(values["pool_recycle"]); ok {
		s := d.Seconds()
		o.PoolRecycle = &s
	}
	if v := values["pool_reset"]; v != "" {
		o.PoolReset = v
	}
	if v := values["pool_target"]; v != "" {
		o.PoolTarget = v
	}
	return o
}

// duration reads a time as the pool's options have it.
func duration(v string) (time.Duration, bool) {
	if seconds, err := strconv.ParseFloat(v, 64); err == nil {
		return time.Duration(seconds * float64(time.Second)), true
	}
	d, err := time.ParseDuration(v)
	return d, err == nil
}

// most is how many connections one process opens at most; 0 is no limit.
func (o Options) most(p *Pool) int {
	if o.PoolMaxOverflow != nil {
		return o.PoolSize + *o.PoolMaxOverflow
	}
	return p.Limit
}

// isLocal reports whether nothing between us and the server can be listened to
// from outside this machine.
func isLocal(cfg *mysql.Config) bool {
	if cfg.Net == "unix" {
		return true
	}
	host := target.HostOf(cfg.Addr)
	return net.ParseIP(host).IsLoopback() || strings.EqualFold(host, "localhost")
}
