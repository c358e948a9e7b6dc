package physical

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// A session's diagnostics (SHOW WARNINGS, ROW_COUNT(), FOUND_ROWS()) are about earlier
// statements. A logical connection never reads those about another one's statements:
// before a statement that reads them they are cleared, and are as in a new session.
// Nothing is sent for that before such a statement.

// statementDiagnostics is the diagnostics that are about earlier statements.
const statementDiagnostics = session.Warnings | session.RowCount | session.Found

// diagnostics records which logical connection a session's warnings, ROW_COUNT(),
// FOUND_ROWS() and last id belong to. Guarded by ownership.
type diagnostics struct {
	latest  *Lease              // whose statement ran last; nil: nobody's
	user    *Lease              // whose statement was sent last, of those that are no statements of the pool itself
	foreign session.Diagnostics // which of statementDiagnostics may be about another one's statements than latest's
	rows    bool                // latest's own ROW_COUNT() is that of rows, -1
	lastID  sessionID

	// Of user, since it offered or pinned the connection.

	changes uint64 // its LastID.changes then
	checks  int    // how often others had the connection checked
	left    bool   // the latest check was the first, and soon: see Lease.diedOn
}

// offeredBy notes that l is about to offer or pin the connection.
func (d *diagnostics) offeredBy(l *Lease) {
	if d.user == l {
		d.changes, d.checks, d.left = l.LastID.changes.Load(), 0, false
	}
}

// checkBegins notes that somebody other than user has the connection checked, which was idle
// for so long.
func (d *diagnostics) checkBegins(idle time.Duration) {
	d.checks++
	d.left = d.checks == 1 && idle < PingTimeout
}

// checkEnded notes how that ended. Where it ended with ctx the connection is closed for it,
// and user lost nothing.
func (d *diagnostics) checkEnded(ctx context.Context, err error) {
	switch {
	case err == nil:
		d.left = false
	case ctx.Err() != nil:
		d.user = nil
	}
}

// usedBy notes whose statement is sent, be it to run or to be prepared: an error
// shows in SHOW WARNINGS too. nil is the pool's own.
func (p *Conn) usedBy(l *Lease) { p.diagnostics.usedBy(l, p.serial) }

// usedBy is Conn.usedBy on the connection of that serial.
func (d *diagnostics) usedBy(l *Lease, serial uint64) {
	moved := l != nil && l.LastID.home.Load() != serial // its latest statement ran elsewhere
	if d.latest != l || moved {
		d.latest, d.foreign = l, statementDiagnostics
	}
	if l == nil {
		return
	}
	d.user = l
	if moved {
		l.LastID.home.Store(serial)
	}
}

// closed notes that the session is over, by itself if it broke.
func (d *diagnostics) closed(broke bool, serial uint64) {
	if broke && d.user != nil {
		d.user.diedOn(serial, d.changes, d.left)
	}
	if u := d.lastID.user; u != nil {
		u.LastID.lost(d.lastID.leased)
	}
}

// clearing returns the statements that make the session report the requested
// diagnostics as a new session does (table below). If ROW_COUNT() is the user's own but
// FOUND_ROWS() or the warnings are another user's, clearing those also overwrites
// ROW_COUNT(), unless it is -1.
//
//	                                       ROW_COUNT() FOUND_ROWS() warnings
//	MySQL, new                              0           0            none
//	  SELECT 1 LIMIT 0                     -1           0            none
//	  SET sql_notes = @@sql_notes           0           as before    none
//	MySQL 5.6, new                          0           0            none
//	  DO (SELECT 1 FROM (SELECT 1) AS t)    0           1            none
//	  SELECT 1 LIMIT 0                     -1           0            as before
//	MariaDB, new                            0           any          none
//	  DO (SELECT 1 FROM (SELECT 1) AS t)    0           1            none
//	  SELECT 1                             -1           1            as before
func (d *diagnostics) clearing(reads session.Diagnostics, h *Host) []string {
	reads &= d.foreign
	nothingOwn := d.foreign&session.RowCount != 0
	switch {
	case h.isMariaDB() && !nothingOwn && reads&session.Warnings != 0 && d.rows:
		return []string{"DO (SELECT 1 FROM (SELECT 1) AS t)", "SELECT 1"}
	case h.isMariaDB() && (nothingOwn || reads&session.Warnings != 0):
		return []string{"DO (SELECT 1 FROM (SELECT 1) AS t)"}
	case h.isMariaDB():
		return []string{"SELECT 1"}
	}
	var all []string
	if h.keepsWarnings() && (nothingOwn || reads&session.Warnings != 0) {
		all = append(all, "DO (SELECT 1 FROM (SELECT 1) AS t)")
	}
	all = append(all, "SELECT 1 LIMIT 0")
	if nothingOwn {
		all = append(all, "SET SESSION sql_notes = @@SESSION.sql_notes")
	}
	return all
}

// after notes what a statement of the latest user made its own of foreign, which is
// not 0; rows is whether its answer was rows.
func (d *diagnostics) after(st *session.Statement, rows bool, err error, keepsWarnings bool) {
	if err != nil && mysqlerr.Number(err) == 0 {
		return // it was not sent, or the session is over
	}
	d.rows = rows
	d.foreign &^= session.RowCount
	if err == nil && st.SetsFound(keepsWarnings) {
		d.foreign &^= session.Found
	}
	switch {
	case st.Reads()&session.Warnings != 0: // they are there after it too
	case !keepsWarnings, err == nil && st.UsesTables(), err != nil && mysqlerr.Number(err) != 0:
		d.foreign &^= session.Warnings
	}
}

// prepareDiagnostics is called before each statement of h, which holds p. It makes the
// diagnostics that the statement reads h's own. rows is whether the stock driver's Query
// runs it. It returns an error only if the connection broke, or ctx ended.
func (h *Holder) prepareDiagnostics(ctx context.Context, p *Conn, st *session.Statement, rows bool) error {
	return h.prepareDiagnosticsWith(ctx, p, st, rows, false)
}

// prepareDiagnosticsWith is prepareDiagnostics; mayReset is whether the session may be reset for it.
func (h *Holder) prepareDiagnosticsWith(ctx context.Context, p *Conn, st *session.Statement, rows, mayReset bool) error {
	if !p.readRole {
		if err := h.beforeState(ctx, p, st); err != nil {
			return err
		}
	}
	reads := st.Reads()
	if p.addsToForeign(st) {
		reads |= session.Warnings // or afterwards it would not be known whose they are
	}
	shown := reads&session.LastID != 0 || p.config.AutoIsNull
	if p.config.AutoIsNull || st.ChangesID() && (rows || p.diagnostics.lastID.unknown || !st.Inserts() || h.LastID.mustResolve(h.leased, p.diagnostics.lastID.user == h.Lease)) {
		reads |= session.LastID // or it would not be known whether it changed it
	}
	if reads == 0 {
		return nil
	}
	if reads&session.LastID != 0 {
		err := unlessServerError(h.placeLastID(ctx, p))
		if err == errForeignLastID {
			err = h.withoutLastID(ctx, p, shown, mayReset)
		}
		if err != nil {
			return err
		}
	}
	return p.clearForeign(ctx, reads)
}

// addsToForeign reports whether a statement may add warnings to another user's.
func (p *Conn) addsToForeign(st *session.Statement) bool {
	return p.diagnostics.foreign&session.Warnings != 0 && p.Host.keepsWarnings() && st.MayWarnWithoutTables()
}

// clearForeign clears those of reads that are about another user's statements. The last
// id is not one of them.
func (p *Conn) clearForeign(ctx context.Context, reads session.Diagnostics) error {
	if reads&p.diagnostics.foreign == 0 {
		return nil
	}
	for _, st := range p.diagnostics.clearing(reads, p.Host) {
		if _, err := p.ExecContext(ctx, st, nil); unlessServerError(err) != nil {
			return err
		}
	}
	p.diagnostics.foreign = 0
	return nil
}

// unlessServerError returns nil if the server answered with an error: it may not know
// these functions. It returns any other error.
func unlessServerError(err error) error {
	if mysqlerr.Number(err) != 0 {
		return nil
	}
	return err
}

// after notes how a statement of h on p went. args are its arguments, result is
// nil if its answer was rows.
func (h *Holder) after(p *Conn, st *session.Statement, args []driver.NamedValue, result driver.Result, err error) {
	p.ran(st, firstValue(args), err)
	if err != nil {
		p.deferred.failedSinceDeferral = true
	}
	if p.diagnostics.foreign != 0 {
		p.diagnostics.after(st, err == nil && p.answeredRows(st, result), err, p.Host.keepsWarnings())
	}
	if st.ChangesID() {
		h.notesID(p, st, args, result, err)
		if p.config.AutoIsNull {
			// On MariaDB, and MySQL 5.6, a session finds its last id once after each
			// INSERT, and no other statement has it find one.
			p.state.Add(session.Other)
		}
	}
	if st.Acts() {
		p.Shared.acted(st)
	}
}

// answeredRows reports whether the answer to a statement that succeeded was rows, which Exec
// discards. result is nil for Query.
func (p *Conn) answeredRows(st *session.Statement, result driver.Result) bool {
	if result == nil {
		return p.stmts.rows != nil && len(p.stmts.rows.Columns()) > 0
	}
	n, _ := result.RowsAffected()
	return n == 0 && st.ReturnsRows()
}

// afterText is after for a statement as text, which st may be of already.
func (h *Holder) afterText(p *Conn, st *session.Statement, query string, args []driver.NamedValue, result driver.Result, err error) {
	if err == driver.ErrSkip {
		p.declined()
		return
	}
	if st.IsZero() {
		*st = p.scan(query)
	}
	h.after(p, st, args, result, err)
	if result == nil && err == nil && st.Several() {
		p.flags.failed = true // those behind the first may still fail, and rows.Close does not report it
	}
}

// beforeText reads a statement that is about to run as text, and readies the
// connection for it. combine means that USE is to be sent with it. One with arguments is not
// read: the stock driver declines it, unless it fills them in itself.
func (h *Holder) beforeText(ctx context.Context, p *Conn, query string, args []driver.NamedValue, rows bool) (st session.Statement, combine bool, err error) {
	if len(args) > 0 && !p.config.Interpolates {
		return st, false, nil
	}
	st = p.scan(query)
	s := switcher{p}
	if combine, err = s.canCombine(ctx, query, args, &st); err != nil {
		return st, false, err
	}
	if !combine && !st.OnlyReadsDiagnostics() { // USE would change the answers
		if err := s.selectDeferredSchema(ctx); err != nil {
			return st, false, err
		}
	}
	if len(h.stmts) > 0 {
		h.rebindBefore(ctx, p, &st)
	}
	err = h.prepareDiagnosticsWith(ctx, p, &st, rows, true)
	return st, combine && p.schema.isDeferred(), err
}
