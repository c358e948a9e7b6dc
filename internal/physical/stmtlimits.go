package physical

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/stmtcache"
)

const (
	// maxStmtsPerConn is the most that a connection keeps unless pool_stmt_cache
	// says otherwise.
	maxStmtsPerConn = 256

	// defaultMaxStmts is taken where the server does not say its
	// max_prepared_stmt_count (MySQL manual, "Server System Variables").
	defaultMaxStmts = 16382

	// StmtPause is for how long a pool keeps no statements after the server said
	// that there are too many.
	StmtPause = 10 * time.Second
)

// StmtLimits is how many prepared statements the connections of a pool keep, and
// what they count.
type StmtLimits struct {
	perConn      int            // pool_stmt_cache, or auto; immutable
	Costs        int64          // of what a connection keeps, at most: see StmtCost; immutable
	seen         stmtcache.Seen // texts that were used
	notCacheable stmtcache.Seen // SQL texts not to be kept: too costly, or a kept statement failed to convert an argument

	Share atomic.Int64 // how many a connection may keep now; set under mu
	total atomic.Int64 // with auto: how many all may have open and still keep more; set under mu
	Open  atomic.Int64 // statements on the server, be they kept or users' own

	mu           sync.Mutex // guards what follows
	conns        map[*Conn]bool
	closedCounts stmtCounts  // what connections counted that are closed now
	paused       *time.Timer // ends a pause; nil if there is none
}

// stmtCounts is counted by a connection's owner, and read by anybody.
type stmtCounts struct {
	hits, misses, evictions atomic.Int64
}

func NewStmtLimits(perConn int) *StmtLimits {
	l := &StmtLimits{perConn: perConn, Costs: max(ConnStmtCosts, min(int64(perConn), maxStmtsPerConn<<8)*minStmtCost), conns: map[*Conn]bool{}}
	l.setLocked()
	return l
}

// Learn takes the server's max_prepared_stmt_count; below 0: it did not say.
func (l *StmtLimits) Learn(serverMax int) {
	if serverMax < 0 {
		serverMax = defaultMaxStmts
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total.Store(int64(serverMax / 2))
	l.setLocked()
}

// keeps reports whether statements are kept at all.
func (l *StmtLimits) keeps() bool {
	return l.perConn > 0 || l.perConn == dsn.Auto && l.total.Load() > 0
}

// full reports whether no more statements are to be kept unless others go.
func (l *StmtLimits) full() bool { return l.perConn == dsn.Auto && l.Open.Load() >= l.total.Load() }

// setLocked sets Share.
func (l *StmtLimits) setLocked() {
	share := int64(l.perConn)
	if l.perConn == dsn.Auto {
		share = min(maxStmtsPerConn, l.total.Load()/int64(max(len(l.conns), 1)))
	}
	if l.paused != nil {
		share = 0
	}
	l.Share.Store(share)
}

// Opened notes a connection.
func (l *StmtLimits) Opened(p *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[p] = true
	l.setLocked()
}

// closed notes that a connection is closed, and its statements with it.
func (l *StmtLimits) closed(p *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, p)
	l.closedCounts.hits.Add(p.stmts.counts.hits.Load())
	l.closedCounts.misses.Add(p.stmts.counts.misses.Load())
	l.closedCounts.evictions.Add(p.stmts.counts.evictions.Load())
	l.setLocked()
}

// Pause has every connection drop what it keeps when it is next used, for a
// while. It reports false if that was so already.
func (l *StmtLimits) Pause() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused != nil {
		return false
	}
	l.paused = time.AfterFunc(StmtPause, l.resume)
	l.setLocked()
	return true
}

func (l *StmtLimits) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = nil
	l.setLocked()
}

// Counts adds up what all connections counted.
func (l *StmtLimits) Counts() (hits, misses, evictions int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	hits, misses, evictions = l.closedCounts.hits.Load(), l.closedCounts.misses.Load(), l.closedCounts.evictions.Load()
	for p := range l.conns {
		hits += p.stmts.counts.hits.Load()
		misses += p.stmts.counts.misses.Load()
		evictions += p.stmts.counts.evictions.Load()
	}
	return hits, misses, evictions
}
