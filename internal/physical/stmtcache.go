package physical

import (
	"context"
	"database/sql/driver"
	"sync"
	"sync/atomic"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/session"
	"github.com/mysqlpool/mysqlpool/internal/stmtcache"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// statement is a prepared statement on the server.
type statement struct {
	StockStmt
	effects    session.Statement
	argClasses []byte // of the first run while it was kept; nil: none yet
	columns    stockdriver.Columns
	charged    int  // how many columns count in its cost
	stale      bool // it was dropped and must not run again

	inserts bool           // see onlyInserts
	noRows  bool           // see returnsNoRows
	times   dsn.TimeFormat // see argClass
}

// prepared is a statement of one physical connection. It is kept for the next use of its
// text, or only for as long as a logical statement has it.
type prepared = stmtcache.Entry[statement]

// keptStmts is the prepared statements of a physical connection. Guarded by
// ownership, but for what says otherwise.
type keptStmts struct {
	cache    stmtcache.Cache[statement]
	toClose  []*prepared   // when no rows are being read
	rows     driver.Rows   // the latest since the connection was offered or pinned; nil: none
	open     int64         // on the server
	epoch    int           // how often all were lost at once, as by a reset; changed under released.mu too
	counts   stmtCounts    // atomic
	released releasedStmts // has a lock of its own
}

// mayHaveRows reports whether it may return rows, so that Exec must have it as new:
// see stockdriver.Columns. Where that is not known the text tells.
func (s *statement) mayHaveRows() bool {
	if s.columns.Known() {
		return s.columns.Len() > 0
	}
	return !s.noRows
}

// keeper prepares statements on a connection, and keeps those that are used again.
type keeper struct{ *Conn }

// kept returns the keeper of the connection's statements.
func (p *Conn) kept() keeper { return keeper{p} }

// reads notes the rows that are being read.
func (s *keptStmts) reads(rows driver.Rows, err error) {
	if err == nil {
		s.rows = rows
	}
}

// isReading reports whether rows are not read to their end: then nothing can be sent.
func (s *keptStmts) isReading() bool { return s.rows != nil && !stockdriver.RowsEnded(s.rows) }

// cacheSafeState is the state under which a SQL text still means the same; with any other
// state the cache is bypassed.
const cacheSafeState = session.Transaction | session.NextTransaction | session.Locks | session.FoundRows

// bypassesCache reports whether the cache must not be used now.
func (p keeper) bypassesCache() bool {
	return p.state.Kinds()&^cacheSafeState != 0 || !p.schema.known() || p.altered
}

// MaxVariants is at most how many statements of one SQL text are kept, each for other
// argument classes.
const MaxVariants = 4

// cached returns the statement of a text that is kept for arguments of these classes, or
// prepares one to be kept. It returns driver.ErrSkip if the stock driver's way is to be
// gone, which database/sql then does: prepare, run, close.
func (p keeper) cached(ctx context.Context, query string, args []driver.NamedValue) (*prepared, error) {
	if err := switcher(p).selectDeferredSchemaForKept(ctx, query); err != nil {
		return nil, err
	}
	for e := p.stmts.cache.Get(p.schema.wanted, query); e != nil; e = e.Also() {
		if e.Stmt.accepts(args) {
			p.stmts.cache.Use(e)
			p.stmts.counts.hits.Add(1)
			return e, nil
		}
		if e.Stmt.NumInput() != len(args) {
			return nil, driver.ErrSkip // database/sql says what is wrong
		}
	}
	if !p.Shared.Stmts.seen.Has(p.schema.wanted, query) || !p.mayKeepFor(query, args) {
		return nil, driver.ErrSkip
	}
	e, err := p.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	switch {
	case !e.Stmt.accepts(args):
		p.closeUnlessKept(e)
		return nil, driver.ErrSkip
	case !p.keep(e):
		p.closeUnlessKept(e) // when it has run
	}
	return e, nil
}

// acquire prepares a text for a logical statement, which releases it. It prepares
// it on the server even if the text is kept: the caller wants to know whether
// that can be done. A text is kept from its second use on, so that one that is
// used once pushes nothing out.
func (p keeper) acquire(ctx context.Context, query string) (*prepared, error) {
	e, err := p.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	if p.Shared.Stmts.keeps() && !p.bypassesCache() && p.stmts.cache.Get(p.schema.wanted, query) == nil {
		if !p.Shared.Stmts.seen.Has(p.schema.wanted, query) {
			p.Shared.Stmts.seen.Add(p.schema.wanted, query)
		} else if p.mayKeep(query) {
			p.keep(e)
		}
	}
	p.stmts.cache.Acquire(e)
	return e, nil
}

// acquireFor is acquire for arguments that a kept statement of the text does not
// accept: it takes another one that does, or prepares one.
func (p keeper) acquireFor(ctx context.Context, query string, args []driver.NamedValue) (*prepared, error) {
	for e := p.stmts.cache.Get(p.schema.wanted, query); e != nil; e = e.Also() {
		if !e.Used() && e.Stmt.accepts(args) {
			p.stmts.counts.hits.Add(1)
			p.stmts.cache.Acquire(e)
			return e, nil
		}
	}
	e, err := p.acquireOwn(ctx, query)
	if err == nil && p.Shared.Stmts.keeps() && p.mayKeepFor(query, args) && e.Stmt.accepts(args) {
		p.keep(e)
	}
	return e, err
}

// acquireOwn is acquire of a statement that is not shared.
func (p keeper) acquireOwn(ctx context.Context, query string) (*prepared, error) {
	e, err := p.prepare(ctx, query)
	if err == nil {
		p.stmts.cache.Acquire(e)
	}
	return e, err
}

// acquireToRebind is acquire for a logical statement that had the text prepared
// elsewhere, and takes what is kept here.
func (p keeper) acquireToRebind(ctx context.Context, query string) (*prepared, error) {
	if !p.bypassesCache() {
		for e := p.stmts.cache.Get(p.schema.wanted, query); e != nil; e = e.Also() {
			if e.Used() {
				continue
			}
			p.stmts.counts.hits.Add(1)
			p.stmts.cache.Acquire(e)
			return e, nil
		}
	}
	return p.acquire(ctx, query)
}

// release removes a user of a statement, and closes it if it has no more and is not kept.
func (p keeper) release(e *prepared) error {
	p.stmts.cache.Release(e)
	if e.Kept() {
		return nil
	}
	return p.closeStmt(e)
}

// mayKeepFor is mayKeep for arguments that no statement is kept for.
func (p keeper) mayKeepFor(query string, args []driver.NamedValue) bool {
	if !canKeep(args, p.timeFormat(), onlyInserts(query)) || !p.mayKeep(query) {
		return false
	}
	p.evicted(p.stmts.cache.EvictOf(p.schema.wanted, query, MaxVariants))
	return true
}

// mayKeep makes room for one more statement, if its text is to be kept.
func (p keeper) mayKeep(query string) bool {
	cost := StmtCost(query, 0)
	if cost > maxStmtCost || p.Shared.Stmts.notCacheable.Has(p.schema.wanted, query) {
		return false
	}
	if effects := p.scan(query); effects.Leaves&^cacheSafeState != 0 || effects.Reads()&statementDiagnostics != 0 {
		return false // the cache is bypassed once it ran; or to prepare it changes what it reads
	}
	if p.cachesSubqueries() && comparesWithSubquery(query) {
		return false
	}
	l := p.Shared.Stmts
	share := int(l.Share.Load())
	if share == 0 {
		return false
	}
	for p.stmts.cache.Len() >= share || p.stmts.cache.Cost()+cost > l.Costs {
		if !p.evict() {
			return false
		}
	}
	if l.full() && !p.evict() {
		return false
	}
	p.ClosePending()
	return true
}

// evict takes a statement out of the cache. It reports false if there is none,
// or each has a user.
func (p keeper) evict() bool {
	return p.evicted(p.stmts.cache.Evict())
}

func (p keeper) evicted(e *prepared) bool {
	if e == nil {
		return false
	}
	p.stmts.counts.evictions.Add(1)
	p.stmts.toClose = append(p.stmts.toClose, e)
	return true
}

// drop takes a statement out of use.
func (p keeper) drop(e *prepared) {
	e.Stmt.stale = true
	p.stmts.cache.Remove(e)
	p.closeUnlessKept(e)
}

func (p keeper) closeUnlessKept(e *prepared) {
	if !e.Kept() {
		p.stmts.toClose = append(p.stmts.toClose, e)
	}
}

// ClosePending closes the statements that are pending close, unless rows are being read:
// then nothing can be sent.
func (p *Conn) ClosePending() { p.kept().closePending() }

func (p keeper) closePending() {
	s := &p.stmts
	if s.released.any.Load() {
		for _, e := range s.released.take() {
			s.cache.Release(e)
			p.closeUnlessKept(e)
		}
	}
	l := p.Shared.Stmts
	for share := int(l.Share.Load()); (s.cache.Len() > share || s.cache.Cost() > l.Costs) && p.evict(); {
	}
	if len(s.toClose) == 0 || s.isReading() {
		return
	}
	for i, e := range s.toClose {
		p.closeStmt(e) // an error breaks the connection, which then shows by itself
		s.toClose[i] = nil
	}
	s.toClose = s.toClose[:0]
}

// releasedStmts is the prepared statements that were released while their connection could
// not be written to. Its next user closes them.
type releasedStmts struct {
	any     atomic.Bool // whether there are any, so that most need no lock
	mu      sync.Mutex
	entries []*prepared // guarded by mu
}

// releaseLater is release, by a caller that may not own the connection, of a statement
// that was acquired in an epoch. If that has ended there is nothing to release.
func (s *keptStmts) releaseLater(e *prepared, epoch int) {
	l := &s.released
	l.mu.Lock()
	defer l.mu.Unlock()
	if epoch == s.epoch {
		l.entries = append(l.entries, e)
		l.any.Store(true)
	}
}

func (l *releasedStmts) take() []*prepared {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries := l.entries
	l.entries = nil
	l.any.Store(false)
	return entries
}
