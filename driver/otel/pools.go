package otel

import (
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"
)

type poolMetric struct {
	instrument
	values func(p *mysqlpool.PoolStats) []value
}

func one(of func(p *mysqlpool.PoolStats) int64) func(*mysqlpool.PoolStats) []value {
	return func(p *mysqlpool.PoolStats) []value { return []value{with(of(p))} }
}

func ofHosts(of func(h *mysqlpool.HostStats) value) func(*mysqlpool.PoolStats) []value {
	return func(p *mysqlpool.PoolStats) (all []value) {
		for _, h := range p.Hosts {
			v := of(&h)
			v.attributes = append(v.attributes, with(0, "host", h.Addr).attributes...)
			all = append(all, v)
		}
		return all
	}
}

// proofs are those of each host, or without a name of the only one.
func proofs(p *mysqlpool.PoolStats) (all []value) {
	hosts := p.Hosts
	if len(hosts) == 0 {
		hosts = []mysqlpool.HostStats{{UndoProof: p.UndoProof, ResetProof: p.ResetProof, PipelineProof: p.PipelineProof}}
	}
	for _, h := range hosts {
		for _, proof := range []struct {
			way   string
			found mysqlpool.Proof
		}{{"undo", h.UndoProof}, {"reset", h.ResetProof}, {"pipeline", h.PipelineProof}} {
			if proof.found != mysqlpool.ProofUnknown {
				all = append(all, with(1, "host", h.Addr, "way", proof.way, "found", string(proof.found)))
			}
		}
	}
	return all
}

// convention is what the semantic conventions say of a metric.
type convention interface {
	Name() string
	Unit() string
	Description() string
}

func conventional(c convention, k kind) instrument {
	return instrument{c.Name(), c.Unit(), c.Description(), k}
}

var poolMetrics = []poolMetric{
	{conventional(dbconv.ClientConnectionCount{}, sum), func(p *mysqlpool.PoolStats) []value {
		const state = "db.client.connection.state"
		return []value{with(int64(p.InUse), state, "used"), with(int64(p.Idle), state, "idle"), with(int64(p.Pinned), state, "pinned")}
	}},
	{conventional(dbconv.ClientConnectionIdleMax{}, sum), one(func(p *mysqlpool.PoolStats) int64 { return int64(p.Size) })},
	{conventional(dbconv.ClientConnectionMax{}, sum), func(p *mysqlpool.PoolStats) []value { return optional(p.Limit) }},
	{conventional(dbconv.ClientConnectionPendingRequests{}, sum), one(func(p *mysqlpool.PoolStats) int64 { return int64(p.Waiting) })},
	{conventional(dbconv.ClientConnectionTimeouts{}, counter), one(func(p *mysqlpool.PoolStats) int64 { return p.Timeouts })},

	{instrument{"mysqlpool.pool.info", "", "1 for each pool, with what the log calls it: its login, and its pool_name, which may be empty.", sum},
		func(p *mysqlpool.PoolStats) []value { return []value{with(1, "login", p.Login, "pool_name", p.Name)} }},
	{instrument{"mysqlpool.waits", "{request}", "Checkouts that had to wait, be it for a login.", counter}, one(func(p *mysqlpool.PoolStats) int64 { return p.Waits })},
	{instrument{"mysqlpool.handles", "{handle}", "sql.DB handles that have used the pool and are not closed.", sum}, one(func(p *mysqlpool.PoolStats) int64 { return int64(p.Handles) })},
	{instrument{"mysqlpool.logins_under_way", "{login}", "Logins under way.", sum}, one(func(p *mysqlpool.PoolStats) int64 { return int64(p.LoggingIn) })},
	{instrument{"mysqlpool.connections_opened", "{connection}", "Logins that succeeded.", counter}, one(func(p *mysqlpool.PoolStats) int64 { return p.Opened })},
	{instrument{"mysqlpool.login_errors", "{login}", "Logins that failed.", counter}, one(func(p *mysqlpool.PoolStats) int64 { return p.LoginErrors })},
	{instrument{"mysqlpool.keepalives", "{ping}", "Pings of idle connections.", counter}, one(func(p *mysqlpool.PoolStats) int64 { return p.Keepalives })},
	{instrument{"mysqlpool.connections_closed", "{connection}", "Connections closed, by reason.", counter}, func(p *mysqlpool.PoolStats) []value {
		return []value{
			with(p.Recycled, "reason", "recycled"), with(p.IdleClosed, "reason", "idle"), with(p.Broken, "reason", "broken"), with(p.Dirty, "reason", "dirty"),
			with(p.Overflow, "reason", "overflow"), with(p.Unclosed, "reason", "unclosed"), with(p.Disposed, "reason", "disposed"), with(p.Invalidated, "reason", "invalidated"),
		}
	}},
	{instrument{"mysqlpool.pinned_connections", "{connection}", "Connections that are pinned, by the kind of session state on them. One may count for several kinds; kinds without any are absent.", sum},
		func(p *mysqlpool.PoolStats) (all []value) {
			for kind, n := range p.PinnedBy {
				all = append(all, with(int64(n), "state", kind))
			}
			return all
		}},
	{instrument{"mysqlpool.sessions_restored", "{connection}", "Connections that were checked in with session state on them and kept, by what restored them: undone or reset.", counter},
		func(p *mysqlpool.PoolStats) []value {
			return []value{with(p.Undone, "how", "undone"), with(p.Reset, "how", "reset")}
		}},
	{instrument{"mysqlpool.restore_proof", "", "1 for what was found out of how the server restores a session, by undo and by reset, and whether it answers several commands that are sent at once (pipeline): works, ignored or refused. Absent while unknown.", gauge},
		proofs},
	{instrument{"mysqlpool.statements_killed", "{statement}", "Statements whose context ended, that were ended on the server too (pool_kill).", counter}, one(func(p *mysqlpool.PoolStats) int64 { return p.Killed })},
	{instrument{"mysqlpool.prepared_statements", "{statement}", "Prepared statements on the server, kept and users' own.", sum}, one(func(p *mysqlpool.PoolStats) int64 { return p.Stmts })},
	{instrument{"mysqlpool.statement_cache", "{statement}", "Uses of prepared statements: hit, one was there; miss, it had to be prepared; eviction, one made room for another.", counter},
		func(p *mysqlpool.PoolStats) []value {
			return []value{with(p.StmtHits, "result", "hit"), with(p.StmtMisses, "result", "miss"), with(p.StmtEvictions, "result", "eviction")}
		}},

	{instrument{"mysqlpool.host_connections", "{connection}", "Connections of each host, if the DSN names several.", sum}, ofHosts(func(h *mysqlpool.HostStats) value { return with(int64(h.Open)) })},
	{instrument{"mysqlpool.host_connections_opened", "{connection}", "Logins to each host that succeeded.", counter}, ofHosts(func(h *mysqlpool.HostStats) value { return with(h.Opened) })},
	{instrument{"mysqlpool.host_login_errors", "{login}", "Logins to each host that failed.", counter}, ofHosts(func(h *mysqlpool.HostStats) value { return with(h.LoginErrors) })},
	{instrument{"mysqlpool.host_probes", "{probe}", "Times that each host was probed in the background.", counter}, ofHosts(func(h *mysqlpool.HostStats) value { return with(h.Probes) })},
	{instrument{"mysqlpool.host_state", "", "1 for the state that each host is in.", gauge}, ofHosts(func(h *mysqlpool.HostStats) value { return with(1, "state", h.State) })},
	{instrument{"mysqlpool.host_read_only", "", "1 if the host takes no writes, as far as is known, else 0.", gauge}, ofHosts(func(h *mysqlpool.HostStats) value { return with(truth(h.ReadOnly)) })},
	{instrument{"mysqlpool.host_wanted", "", "1 if the host is what pool_target asks for, as far as is known, else 0.", gauge}, ofHosts(func(h *mysqlpool.HostStats) value { return with(truth(h.Wanted)) })},
}

// waitDuration is the one with fractions.
var waitDuration = instrument{"mysqlpool.wait_duration", "s", "Time that checkouts waited, of those that had to.", counter}

// heldLong has no number of a pool, since a leak may outlive its pool.
var heldLong = instrument{"mysqlpool.connections_held_long", "{connection}", "Connections that are held for longer than pool_leak_after. Absent while there are none.", sum}
