package physical

import (
	"context"
	"database/sql/driver"
	"slices"
	"strings"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/session"
	"github.com/mysqlpool/mysqlpool/internal/stmtcache"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// prepare prepares a text on the server. While the server has too many statements
// (max_prepared_stmt_count), it has the pool's own closed and retries for a second at most:
// nothing has run.
func (p keeper) prepare(ctx context.Context, query string) (*prepared, error) {
	if err := switcher(p).selectDeferredSchemaFor(ctx, query); err != nil {
		return nil, err
	}
	p.stmts.counts.misses.Add(1)
	effects := p.scan(query)
	p.prepares(&effects)
	if p.addsToForeign(&effects) { // the server may compute something now
		if err := p.clearForeign(ctx, session.Warnings); err != nil {
			return nil, err
		}
	}
	stock, err := p.PrepareContext(ctx, query)
	if mysqlerr.Number(err) == mysqlerr.TooManyStmts && p.Shared.Stmts.keeps() {
		stock, err = p.prepareWhenPossible(ctx, query)
	}
	if err != nil {
		if mysqlerr.Number(err) != 0 {
			p.diagnostics.foreign &^= session.Warnings | session.RowCount // they are of this error
		}
		return nil, err
	}
	p.stmts.open++
	p.Shared.Stmts.Open.Add(1)
	columns := stockdriver.ColumnsOf(stock)
	return stmtcache.New(p.schema.wanted, query, StmtCost(query, columns.Len()), statement{
		StockStmt: stock.(StockStmt), effects: effects, inserts: onlyInserts(query), noRows: !columns.Known() && returnsNoRows(query), columns: columns, charged: columns.Len(), times: p.timeFormat(),
	}), nil
}

// timeFormat is the host's if the server distinguishes arguments by what they look like,
// else without a location.
func (p keeper) timeFormat() dsn.TimeFormat {
	if facts := p.Host.Learned.Load(); facts != nil && !facts.FixesTypes {
		return dsn.TimeFormat{}
	}
	return p.config.Times
}

const (
	StmtPatience  = time.Second // how long to wait for the server to have room for a statement
	firstStmtWait = time.Millisecond
	MaxStmtWait   = 20 * time.Millisecond
)

func (p keeper) prepareWhenPossible(ctx context.Context, query string) (stock driver.Stmt, err error) {
	until := time.Now().Add(StmtPatience)
	for wait := firstStmtWait; ; wait = min(2*wait, MaxStmtWait) {
		p.Shared.events.TooManyStmts()
		p.ClosePending()
		stock, err = p.PrepareContext(ctx, query)
		if mysqlerr.Number(err) != mysqlerr.TooManyStmts || !time.Now().Before(until) {
			return stock, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// dropAfterError drops the statement if the error shows that the server no longer has it,
// or may come from reusing it. retry is true if it certainly did not run and can succeed
// once re-prepared.
func (p keeper) dropAfterError(e *prepared, err error) (retry bool) {
	switch number := mysqlerr.Number(err); number {
	case mysqlerr.UnknownStmt, mysqlerr.CommandsOutOfSync: // the latter of servers made with Vitess
		if !isOfItself(err) {
			p.drop(e)
			return false // of a statement inside it, which may have run in part
		}
		// The session was reset behind our back; the numbers may be others' by now.
		p.forget()
		return true
	case mysqlerr.NoDB: // its schema is gone, and USE returns that error, as it would have before
		p.drop(e)
		return p.schema.isDeferred() && e.Stmt.effects.Leaves == 0
	case mysqlerr.NeedReprepare: // its tables change all the time
		p.drop(e)
		return e.Stmt.effects.Leaves == 0 // of a procedure some may have run
	case mysqlerr.Conversion: // of an argument, to the character set that earlier ones brought about
		if !e.Cached() {
			return false // the stock driver's would be refused too
		}
		p.Shared.Stmts.notCacheable.Add(e.Schema(), e.Text())
		p.drop(e)
		// The server converts arguments before it runs anything, unless a procedure
		// executes by name.
		return e.Stmt.effects.Leaves == 0 && strings.HasSuffix(err.Error(), "for parameter")
	case 0, mysqlerr.Unknown: // as for an argument that is too large
		if isContextError(err) && p.IsValid() {
			return false // it had ended before anything was sent: the stock driver closes its socket later on
		}
		// Part of its arguments may have been sent, and would count next time.
		p.drop(e)
	default:
		if e.Cached() && !mysqlerr.IsOfData(number) {
			p.drop(e) // it costs no more than the stock driver always does
		}
	}
	return false
}

// unknownItself is what servers write about the statement that was sent, and not about one
// that a routine executes by name ("given to EXECUTE").
var unknownItself = []string{
	"mysqld_stmt_execute",       // MariaDB, and MySQL before 8.0
	"mysql_stmt_precheck",       // MySQL from 8.0 on
	"statement ID is not found", // made with Vitess
}

// isOfItself reports whether an unknown statement is the one that was sent.
func isOfItself(err error) bool {
	return slices.ContainsFunc(unknownItself, func(text string) bool { return strings.Contains(err.Error(), text) })
}

// reprepare prepares the text of a statement that was dropped, to run with the arguments,
// and keeps it if there is room.
func (p keeper) reprepare(ctx context.Context, query string, args []driver.NamedValue) (*prepared, error) {
	e, err := p.prepare(ctx, query)
	if err != nil {
		p.busy = false
		return nil, err
	}
	if !p.mayKeepFor(query, args) || !e.Stmt.accepts(args) || !p.keep(e) {
		p.closeUnlessKept(e) // when it has run
	}
	return e, nil
}

// forget begins another epoch: the server has none of the statements any
// more. To close them might close others of the same number.
func (p keeper) forget() {
	s := &p.stmts
	s.cache.Clear()
	clear(s.toClose)
	s.toClose = s.toClose[:0]
	p.Shared.Stmts.Open.Add(-s.open)
	s.open = 0
	s.released.mu.Lock()
	defer s.released.mu.Unlock()
	s.released.entries = nil
	s.released.any.Store(false)
	s.epoch++
}

func (p keeper) closeStmt(e *prepared) error {
	p.stmts.open--
	p.Shared.Stmts.Open.Add(-1)
	return e.Stmt.Close()
}
