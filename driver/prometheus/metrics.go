package prometheus

import (
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"github.com/prometheus/client_golang/prometheus"
)

// metric is one name, and how its values are read.
type metric struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	values func(s *mysqlpool.PoolStats) []value
}

// value is one series of a pool: its labels besides the pool's, and its value.
type value struct {
	labels []string
	value  float64
}

// poolLabels are on every series.
var poolLabels = []string{"db_client_connection_pool_name", "pool"}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, append(append([]string{}, poolLabels...), labels...), nil)
}

func gauge(name, help string, of func(s *mysqlpool.PoolStats) float64) metric {
	return metric{describe(name, help), prometheus.GaugeValue, one(of)}
}

func counter(name, help string, of func(s *mysqlpool.PoolStats) float64) metric {
	return metric{describe(name, help), prometheus.CounterValue, one(of)}
}

func one(of func(s *mysqlpool.PoolStats) float64) func(s *mysqlpool.PoolStats) []value {
	return func(s *mysqlpool.PoolStats) []value { return []value{{nil, of(s)}} }
}

var metrics = []metric{
	{
		describe("db_client_connection_count", "Physical connections, by state: used, idle, or pinned by session state that was left on them.", "db_client_connection_state"),
		prometheus.GaugeValue,
		func(s *mysqlpool.PoolStats) []value {
			return []value{{[]string{"used"}, float64(s.InUse)}, {[]string{"idle"}, float64(s.Idle)}, {[]string{"pinned"}, float64(s.Pinned)}}
		},
	},
	{
		describe("mysqlpool_pool_info", "1 for each pool, with what the log calls it: its login, and its pool_name, which may be empty.", "login", "pool_name"),
		prometheus.GaugeValue,
		func(s *mysqlpool.PoolStats) []value { return []value{{[]string{s.Login, s.Name}, 1}} },
	},
	gauge("db_client_connection_idle_max", "Connections that stay open when idle: pool_size, or less once the pool has no handle.",
		func(s *mysqlpool.PoolStats) float64 { return float64(s.Size) }),
	{
		describe("db_client_connection_max", "Connections open at most. Absent while there is no limit."),
		prometheus.GaugeValue,
		func(s *mysqlpool.PoolStats) []value {
			if s.Limit == 0 {
				return nil
			}
			return []value{{nil, float64(s.Limit)}}
		},
	},
	gauge("db_client_connection_pending_requests", "Checkouts that wait for a connection.",
		func(s *mysqlpool.PoolStats) float64 { return float64(s.Waiting) }),
	counter("db_client_connection_timeouts_total", "Checkouts that pool_timeout or their context ended.",
		func(s *mysqlpool.PoolStats) float64 { return float64(s.Timeouts) }),

	counter("mysqlpool_waits_total", "Checkouts that had to wait, be it for a login.",
		func(s *mysqlpool.PoolStats) float64 { return float64(s.Waits) }),
	counter("mysqlpool_wait_duration_seconds_total", "Time that checkouts waited, of those that had to.",
		func(s *mysqlpool.PoolStats) float64 { return s.WaitDuration.Seconds() }),
	gauge("mysqlpool_handles", "sql.DB handles that have used the pool and are not closed.",
		func(s *mysqlpool.PoolStats) float64 { return float64(s.Handles) }),
	gauge("mysqlpool_logins_under_way", "Logins under way.",
		func(s *mysqlpool.PoolStats) float64 { return float64(s.LoggingIn) }),
	counter("mysqlpool_connections_opened_total", "Logins that succeeded.",
		func(s *mysqlpool.PoolStats) float64 { return float64(s.Opened) }),
	counter("mysqlpool_keepalives_total", "Pings of idle connections.",
		func(s *mysqlpool.PoolStats) float64 { return float64(s.Keepalives) }),
	counter("mysqlpool_login_errors_total", "Logins that failed.",
		func(s *mysqlpool.PoolStats) float64 { return float64(s.LoginErrors) }),
	{
		describe("mysqlpool_connections_closed_total", "Connections closed, by reason.", "reason"),
		prometheus.CounterValue,
		func(s *mysqlpool.PoolStats) []value {
			return []value{
				{[]string{"recycled"}, float64(s.Recycled)}, {[]string{"idle"}, float64(s.IdleClosed)},
				{[]string{"broken"}, float64(s.Broken)}, {[]string{"dirty"}, float64(s.Dirty)},
				{[]string{"overflow"}, float64(s.Overflow)}, {[]string{"unclosed"}, float64(s.Unclosed)},
				{[]string{"disposed"}, float64(s.Disposed)}, {[]string{"invalidated"}, float64(s.Invalidated)},
			}
		},
	},
	{
		describe("mysqlpool_pinned_connections", "Connections that are pinned, by the kind of session state on them. One may count for several kinds; kinds without any are absent.", "state"),
		prometheus.GaugeValue,
		func(s *mysqlpool.PoolStats) (all []value) {
			for kind, n := range s.PinnedBy {
				all = append(all, value{[]string{kind}, float64(n)})
			}
			return all
		},
	},
	{
		describe("mysqlpool_sessions_restored_total", "Connections that were checked in with session state on them and kept, by what restored them: undone or reset.", "how"),
		prometheus.CounterValue,
		func(s *mysqlpool.PoolStats) []value {
			return []value{{[]string{"undone"}, float64(s.Undone)}, {[]string{"reset"}, float64(s.Reset)}}
		},
	},
	{
		describe("mysqlpool_restore_proof", "1 for what was found out of how the server restores a session, by undo and by reset, and whether it answers several commands that are sent at once (pipeline): works, ignored or refused. Absent while unknown.", "host", "way", "found"),
		prometheus.GaugeValue,
		proofs,
	},
	counter("mysqlpool_statements_killed_total", "Statements whose context ended, that were ended on the server too (pool_kill).",
		func(s *mysqlpool.PoolStats) float64 { return float64(s.Killed) }),
	gauge("mysqlpool_prepared_statements", "Prepared statements on the server, kept and users' own.",
		func(s *mysqlpool.PoolStats) float64 { return float64(s.Stmts) }),
	{
		describe("mysqlpool_statement_cache_total", "Uses of prepared statements: hit, one was there; miss, it had to be prepared; eviction, one made room for another.", "result"),
		prometheus.CounterValue,
		func(s *mysqlpool.PoolStats) []value {
			return []value{
				{[]string{"hit"}, float64(s.StmtHits)}, {[]string{"miss"}, float64(s.StmtMisses)}, {[]string{"eviction"}, float64(s.StmtEvictions)},
			}
		},
	},

	ofHosts("mysqlpool_host_connections", "Connections of each host, if the DSN names several.", prometheus.GaugeValue,
		func(h *mysqlpool.HostStats) float64 { return float64(h.Open) }),
	ofHosts("mysqlpool_host_connections_opened_total", "Logins to each host that succeeded.", prometheus.CounterValue,
		func(h *mysqlpool.HostStats) float64 { return float64(h.Opened) }),
	ofHosts("mysqlpool_host_login_errors_total", "Logins to each host that failed.", prometheus.CounterValue,
		func(h *mysqlpool.HostStats) float64 { return float64(h.LoginErrors) }),
	ofHosts("mysqlpool_host_probes_total", "Times that each host was probed in the background.", prometheus.CounterValue,
		func(h *mysqlpool.HostStats) float64 { return float64(h.Probes) }),
	{
		describe("mysqlpool_host_state", "1 for the state that each host is in.", "host", "state"),
		prometheus.GaugeValue,
		func(s *mysqlpool.PoolStats) (all []value) {
			for _, h := range s.Hosts {
				all = append(all, value{[]string{h.Addr, h.State}, 1})
			}
			return all
		},
	},
	ofHosts("mysqlpool_host_read_only", "1 if the host takes no writes, as far as is known, else 0.", prometheus.GaugeValue,
		func(h *mysqlpool.HostStats) float64 { return truth(h.ReadOnly) }),
	ofHosts("mysqlpool_host_wanted", "1 if the host is what pool_target asks for, as far as is known, else 0.", prometheus.GaugeValue,
		func(h *mysqlpool.HostStats) float64 { return truth(h.Wanted) }),
}

// proofs are those of each host, or without a name of the only one.
func proofs(s *mysqlpool.PoolStats) (all []value) {
	hosts := s.Hosts
	if len(hosts) == 0 {
		hosts = []mysqlpool.HostStats{{UndoProof: s.UndoProof, ResetProof: s.ResetProof, PipelineProof: s.PipelineProof}}
	}
	for _, h := range hosts {
		for _, p := range []struct {
			way   string
			found mysqlpool.Proof
		}{{"undo", h.UndoProof}, {"reset", h.ResetProof}, {"pipeline", h.PipelineProof}} {
			if p.found != mysqlpool.ProofUnknown {
				all = append(all, value{[]string{h.Addr, p.way, string(p.found)}, 1})
			}
		}
	}
	return all
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func ofHosts(name, help string, kind prometheus.ValueType, of func(h *mysqlpool.HostStats) float64) metric {
	return metric{describe(name, help, "host"), kind, func(s *mysqlpool.PoolStats) (all []value) {
		for _, h := range s.Hosts {
			all = append(all, value{[]string{h.Addr}, of(&h)})
		}
		return all
	}}
}

var histograms = []struct {
	desc *prometheus.Desc
	of   func(s *mysqlpool.PoolStats) mysqlpool.Histogram
}{
	{
		describe("db_client_connection_create_time_seconds", "How long logins took that succeeded."),
		func(s *mysqlpool.PoolStats) mysqlpool.Histogram { return s.CreateTime },
	},
	{
		describe("db_client_connection_wait_time_seconds", "How long checkouts took that succeeded, with the checks of the connection. A handle that takes its own connection back makes none."),
		func(s *mysqlpool.PoolStats) mysqlpool.Histogram { return s.WaitTime },
	},
	{
		describe("db_client_connection_use_time_seconds", "How long connections were used at a time."),
		func(s *mysqlpool.PoolStats) mysqlpool.Histogram { return s.UseTime },
	},
}
