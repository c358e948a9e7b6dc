package mysqlpool

import (
	"slices"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/histogram"
	"github.com/mysqlpool/mysqlpool/internal/hosts"
	"github.com/mysqlpool/mysqlpool/internal/pool"
	"github.com/mysqlpool/mysqlpool/internal/registry"
)

// PoolStats describes one pool. These equations always hold:
//
//	Open = InUse + Idle + Pinned
//	Opened = Open + Recycled + IdleClosed + Broken + Dirty + Overflow + Unclosed + Disposed + Invalidated
//
// These fields, the other status fields except Handles, and the wait counters are one
// consistent snapshot. All other numbers are read one by one.
type PoolStats struct {
	Login  string // user@net(addr); never a password
	Name   string // pool_name
	Number int64  // counts the pools of the process, and stays with this one
	Size   int    // connections kept open: pool_size; once the pool has had no handle for pool_idle_timeout 1 at most
	Limit  int    // connections open at most; 0 while the server was not asked, or did not say

	// Pool status.
	Open      int            // physical connections
	InUse     int            // with which some logical connection works
	Idle      int            // free, or kept by an idle logical connection until somebody needs them
	Pinned    int            // kept by an idle logical connection because session state is on them
	PinnedBy  map[string]int // those, by kind of state (transaction, locks, …); one may count for several; nil for none
	LoggingIn int            // logins under way; not in Open
	Waiting   int            // checkouts that wait for a connection
	Handles   int            // sql.DB handles that have used the pool and are not closed

	// Counters.
	Opened      int64 // logins that succeeded
	LoginErrors int64 // logins that failed, or had the error of one that failed just before

	// Connections closed, by reason.
	Recycled   int64 // they reached their greatest age (pool_recycle), or another host or address is used in the place of theirs
	IdleClosed int64 // beyond pool_size and idle for pool_idle_timeout; for 3 s while more than a quarter of what the server takes is beyond pool_size
	Broken     int64 // they failed, were cancelled in mid-query, or were found dead
	Dirty      int64 // session state was left on them that could not be undone
	Overflow   int64 // more were open than the limit allows, or they took room that a checkout, or another pool of a full server, needed; or pools without handles had more than 16 between them
	Unclosed   int64 // never closed by their user; the garbage collector found them
	Disposed   int64 // Dispose was called, or the handle of a pool of its own was closed

	Invalidated int64 // Invalidate was called

	// Connections that were checked in with session state on them, and kept.

	Undone int64 // statements undid exactly what was left
	Reset  int64 // COM_RESET_CONNECTION undid everything

	// What was found out of how the server restores a session, the first time
	// that this was to be done, and again after an hour. What was refused with an
	// error that may pass is tried again after a minute. Where a reset is ProofIgnored, or
	// an undo, connections with more state than a transaction or another schema are
	// closed. Of several hosts see Hosts; these are of the first one.
	UndoProof  Proof // statements that put variables back and release locks
	ResetProof Proof // COM_RESET_CONNECTION

	// PipelineProof is whether the server is known to answer several commands that
	// are sent at once, by which the pool restores a session in one round trip.
	// Ignored: not all were answered. Refused: the connection broke when it was tried.
	PipelineProof Proof

	Keepalives int64 // pings of idle connections (pool_keepalive)

	Killed int64 // statements whose context ended, that were ended on the server too (pool_kill)

	Hosts []HostStats // in the order of the DSN, if it names several, or pool_target says what the one must be; else nil

	// Prepared statements.

	Stmts         int64 // now on the server: kept, and users' own
	StmtHits      int64 // uses of one that was there
	StmtMisses    int64 // those that had to be prepared
	StmtEvictions int64 // those that made room for others

	// Histograms, in the words of OpenTelemetry's conventions for database clients.
	// A connection that its handle takes back for its next statement counts as
	// used again, and as no checkout.

	CreateTime Histogram // of logins that succeeded
	WaitTime   Histogram // of checkouts that succeeded, checks included
	UseTime    Histogram // from getting a connection to putting it away

	Waits        int64         // checkouts that had to wait, be it for a login
	WaitDuration time.Duration // the time that they waited, in all
	Timeouts     int64         // checkouts that pool_timeout or their context ended; not those that a login's error ended
}

// Histogram is how long things took: how many fell into each bucket.
type Histogram struct {
	Bounds []time.Duration // the upper ends of the buckets, each included: 100 µs to 10 s, the same for all
	Counts []int64         // of each bucket alone; one more than Bounds, for what took longer
	Count  int64           // all of them
	Sum    time.Duration
}

func histogramOf(from *histogram.Histogram) Histogram {
	counts, sum := from.Read()
	h := Histogram{Bounds: slices.Clone(histogram.Bounds[:]), Counts: counts[:], Sum: sum}
	for _, n := range counts {
		h.Count += n
	}
	return h
}

// HostStats is one of several hosts of a pool.
type HostStats struct {
	Addr          string // host:port
	Open          int    // connections
	Opened        int64  // logins that succeeded
	LoginErrors   int64  // logins that failed
	Probes        int64  // times that it was probed, by logins of its own that are in no other number, or on a connection that such a login left open
	UndoProof     Proof  // as in PoolStats
	ResetProof    Proof  // as in PoolStats
	PipelineProof Proof  // as in PoolStats

	// State is what is known of the host, as the log says it: "unknown", nobody
	// logged in to it yet, or nobody used the pool for a while; "up"; "suspect", a
	// connection to it fell silent; "read-only", it takes no writes; "unready", it
	// is not part of its cluster, or a replica whose replication has stopped;
	// "full", it had no room for the latest login (1040, 1203, 1226), and the pool has
	// no connection to it; "down", the latest login failed for another reason; "probing", its back-off is over and it is
	// being probed.
	State    string
	Since    time.Time // when it got this state, probing left out; zero if nobody logged in yet
	Reason   string    // why, in words; "" if it is up
	ReadOnly bool      // it takes no writes, as far as is known
	Wanted   bool      // it is what pool_target asks for, as far as is known
}

// Stats returns every pool of the process, in the order of Login and, where that
// is the same, of age.
func Stats() []PoolStats {
	all := registry.All()
	stats := make([]PoolStats, len(all))
	for i, m := range all {
		stats[i] = statsOf(m.Stats())
	}
	return stats
}

// statsOf is what the registry says of a pool.
func statsOf(m registry.Stats) PoolStats {
	s := &m.Pool
	return PoolStats{
		Login: m.Login, Name: m.Name, Number: m.Number, Size: s.Size, Limit: s.Limit,
		Open: s.Open, InUse: s.InUse, Idle: s.Idle, Pinned: s.Pinned,
		Keepalives: s.Keepalives, Killed: m.Killed, Hosts: hostStatsOf(m.Hosts),
		CreateTime: histogramOf(m.CreateTimes), WaitTime: histogramOf(m.WaitTimes), UseTime: histogramOf(m.UseTimes),
		UndoProof: Proof(m.UndoProof), ResetProof: Proof(m.ResetProof), PipelineProof: Proof(m.PipelineProof),
		PinnedBy: s.PinnedBy, Undone: m.Undone, Reset: m.Resets,
		LoggingIn: s.LoggingIn, Waiting: s.Waiting, Handles: m.Handles,
		Opened: s.Opened, LoginErrors: s.LoginErrors,
		Recycled: s.Closed[pool.Recycled], IdleClosed: s.Closed[pool.IdleTimeout],
		Broken: s.Closed[pool.Broken], Dirty: s.Closed[pool.Dirty],
		Overflow: s.Closed[pool.Overflow], Unclosed: s.Closed[pool.Unclosed], Disposed: s.Closed[pool.Disposed],
		Invalidated: s.Closed[pool.Invalidated],
		Stmts:       m.Stmts, StmtHits: m.StmtHits, StmtMisses: m.StmtMisses, StmtEvictions: m.StmtEvictions,
		Waits: s.Waits, WaitDuration: s.Waited, Timeouts: s.Timeouts,
	}
}

func hostStatsOf(hosts []hosts.Status) (all []HostStats) {
	for _, h := range hosts {
		all = append(all, HostStats{
			Addr: h.Addr, Open: h.Open, Opened: h.Opened, LoginErrors: h.LoginErrors, Probes: h.Probes,
			UndoProof: Proof(h.UndoProof), ResetProof: Proof(h.ResetProof), PipelineProof: Proof(h.PipelineProof),
			State: h.State.String(), Since: h.Since, Reason: h.Reason, ReadOnly: h.ReadOnly, Wanted: h.Wanted,
		})
	}
	return all
}

// Proof is what was found out of one way in which a server restores a
// session.
type Proof string

const (
	ProofUnknown Proof = ""        // not tried, or found out too long ago
	ProofWorks   Proof = "works"   // what was set is gone afterwards
	ProofIgnored Proof = "ignored" // the server answered OK, and what was set is still there
	ProofRefused Proof = "refused" // the server answered with an error
)
