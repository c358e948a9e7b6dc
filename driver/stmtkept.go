package mysqlpool

import (
	"context"
	"database/sql/driver"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/mysqlpool/mysqlpool/internal/session"
	"github.com/mysqlpool/mysqlpool/internal/stmtcache"
)

// statement is a prepared statement on the server.
type statement struct {
	stockStmt
	says  session.Statement
	kinds []byte        // of the arguments of the first run while it was kept; nil: none yet
	heads reflect.Value // the stock driver's columns of it; see stockColumns
	stale bool          // it must not run again: whoever has it prepares another

	inserts bool       // see onlyInserts
	times   timeFormat // see argKind
}

// prepared is a statement of one physical connection, be it kept for whoever
// next has its text, or only for as long as some logical statement has it.
type prepared = stmtcache.Entry[statement]

// keptStmts is the prepared statements of a physical connection. Guarded by
// ownership, but for what says otherwise.
type keptStmts struct {
	cache   stmtcache.Cache[statement]
	toClose []*prepared // when no rows are being read
	rows    driver.Rows // the latest since the connection was put away; nil: none
	open    int64       // on the server
	epoch   int         // how often all were lost at once, as by a reset; changed under left.mu too
	counts  stmtCounts  // atomic
	left    leftStmts   // has a lock of its own
}

// hasRows reports whether it is known to return rows, so that Exec must have it
// as new: see stockColumns.
func (s *statement) hasRows() bool { return s.heads.IsValid() && s.heads.Len() > 0 }

// reads notes rows that are about to be read.
func (p *physical) reads(rows driver.Rows, err error) {
	if err == nil {
		p.stmts.rows = rows
	}
}

// sameMeaning is the kinds of session state under which a text means what it
// means without. Under the others the cache is passed by.
const sameMeaning = session.Transaction | session.NextTransaction | session.Locks | session.FoundRows

// passesCache reports whether the cache is not to be used now.
func (p *physical) passesCache() bool {
	return p.state.Kinds()&^sameMeaning != 0 || p.schema == unknownSchema || p.altered
}

// cached returns the kept statement of a text, if it may run with the arguments,
// or prepares one to be kept. It returns driver.ErrSkip if the stock driver's way
// is to be gone, which database/sql then does: prepare, run, close.
func (p *physical) cached(ctx context.Context, query string, args []driver.NamedValue) (*prepared, error) {
	e := p.stmts.cache.Get(p.schema, query)
	if e != nil && e.Stmt.suits(args) {
		p.stmts.counts.hits.Add(1)
		return e, nil
	}
	if e != nil || !canKeep(query, args, p.timeFormat()) || !p.login.stmts.seen.Has(p.schema, query) || !p.mayKeep(query) {
		return nil, driver.ErrSkip
	}
	e, err := p.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	p.stmts.cache.Add(e)
	if !e.Stmt.suits(args) {
		return nil, driver.ErrSkip // database/sql says what is wrong
	}
	return e, nil
}

// acquire prepares a text for a logical statement, which releases it. It asks
// the server even if the text is kept: whoever prepares wants to know whether
// that can be done. A text is kept from its second use on, so that one that is
// used once pushes nothing out.
func (p *physical) acquire(ctx context.Context, query string) (*prepared, error) {
	e, err := p.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	if p.login.stmts.keeps() && !p.passesCache() && p.stmts.cache.Get(p.schema, query) == nil {
		if !p.login.stmts.seen.Has(p.schema, query) {
			p.login.stmts.seen.Add(p.schema, query)
		} else if p.mayKeep(query) {
			p.stmts.cache.Add(e)
		}
	}
	p.stmts.cache.Acquire(e)
	return e, nil
}

// acquireAgain is acquire for a logical statement that had the text prepared
// elsewhere, and takes what is kept here.
func (p *physical) acquireAgain(ctx context.Context, query string) (*prepared, error) {
	if !p.passesCache() {
		if e := p.stmts.cache.Get(p.schema, query); e != nil && !e.Used() {
			p.stmts.counts.hits.Add(1)
			p.stmts.cache.Acquire(e)
			return e, nil
		}
	}
	return p.acquire(ctx, query)
}

// release takes a user of a statement away, and closes it if nobody has it and
// it is not kept.
func (p *physical) release(e *prepared) error {
	p.stmts.cache.Release(e)
	if e.Kept() {
		return nil
	}
	return p.closeStmt(e)
}

// mayKeep makes room for one more statement, if its text is to be kept.
func (p *physical) mayKeep(query string) bool {
	if len(query) > maxKeptText {
		return false
	}
	if says := p.scan(query); says.Leaves&^sameMeaning != 0 || says.Asks()&ofStatements != 0 {
		return false // the cache is passed by once it ran; or to prepare it changes what it asks for
	}
	l := p.login.stmts
	for share := int(l.share.Load()); p.stmts.cache.Len() >= share; {
		if !p.evict() {
			return false
		}
	}
	if l.full() && !p.evict() {
		return false
	}
	p.tidy()
	return true
}

// evict takes a statement out of the cache. It reports false if there is none,
// or each has a user.
func (p *physical) evict() bool {
	e := p.stmts.cache.Evict()
	if e == nil {
		return false
	}
	p.stmts.counts.evictions.Add(1)
	p.stmts.toClose = append(p.stmts.toClose, e)
	return true
}

// drop takes a statement out of use.
func (p *physical) drop(e *prepared) {
	e.Stmt.stale = true
	p.stmts.cache.Remove(e)
	p.closeUnlessKept(e)
}

func (p *physical) closeUnlessKept(e *prepared) {
	if !e.Kept() {
		p.stmts.toClose = append(p.stmts.toClose, e)
	}
}

// tidy closes what is not wanted any more. While rows are being read nothing can
// be sent.
func (p *physical) tidy() {
	s := &p.stmts
	if s.left.any.Load() {
		for _, e := range s.left.take() {
			s.cache.Release(e)
			p.closeUnlessKept(e)
		}
	}
	for share := int(p.login.stmts.share.Load()); s.cache.Len() > share && p.evict(); {
	}
	if len(s.toClose) == 0 || s.rows != nil && !rowsEnded(s.rows) {
		return
	}
	for i, e := range s.toClose {
		p.closeStmt(e) // an error breaks the connection, which then shows by itself
		s.toClose[i] = nil
	}
	s.toClose = s.toClose[:0]
}

// leftStmts is the prepared statements that were released while nobody who could
// write to their connection was there. Whoever gets the connection next does the
// rest.
type leftStmts struct {
	any     atomic.Bool // whether there are any, so that most need no lock
	mu      sync.Mutex
	entries []*prepared // guarded by mu
}

// leave is release, by somebody who may not own the connection, of a statement
// that was acquired in an epoch. If that has ended there is nothing to release.
func (p *physical) leave(e *prepared, epoch int) {
	l := &p.stmts.left
	l.mu.Lock()
	defer l.mu.Unlock()
	if epoch == p.stmts.epoch {
		l.entries = append(l.entries, e)
		l.any.Store(true)
	}
}

func (l *leftStmts) take() []*prepared {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries := l.entries
	l.entries = nil
	l.any.Store(false)
	return entries
}
