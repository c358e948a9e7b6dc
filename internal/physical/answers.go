package physical

import (
	"context"
	"database/sql/driver"

	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// What a session says of earlier statements (SHOW WARNINGS, ROW_COUNT(),
// FOUND_ROWS()) is never told to another logical connection than the one that ran
// them. Nothing is sent for that before a statement asks: then it is made what it
// is in a new session.

// ofStatements is the answers that a session has of earlier statements.
const ofStatements = session.Warnings | session.RowCount | session.Found

// asks is called before each statement of h, which holds p. rows is whether the
// stock driver's Query runs it. It returns an error only if the connection broke, or
// ctx ended.
func (h *Holder) asks(ctx context.Context, p *Conn, st *session.Statement, rows bool) error {
	return h.asksWith(ctx, p, st, rows, false)
}

// asksWith is asks; mayReset is whether the session may be reset for it.
func (h *Holder) asksWith(ctx context.Context, p *Conn, st *session.Statement, rows, mayReset bool) error {
	asks := st.Asks()
	if p.foreign&session.Warnings != 0 && p.keepsWarnings() && st.MayWarnWithoutTables() {
		asks |= session.Warnings // or afterwards nobody could tell whose they are
	}
	shown := asks&session.LastID != 0 || p.config.AutoIsNull
	if p.config.AutoIsNull || st.ChangesID() && (rows || p.lastID.unknown || !st.Inserts() || h.LastID.mustPlace(h.lent, p.lastID.user == h.Lease)) {
		asks |= session.LastID // or it could not be told whether it changed it
	}
	if asks == 0 {
		return nil
	}
	if asks&session.LastID != 0 {
		err := serious(h.placeLastID(ctx, p))
		if err == errForeignLastID {
			err = h.withoutLastID(ctx, p, shown, mayReset)
		}
		if err != nil {
			return err
		}
	}
	return h.answersOwn(ctx, p, asks)
}

// usedBy notes whose statement is sent, be it to run or to be prepared: an error
// shows in SHOW WARNINGS too. nil is the pool's own.
func (p *Conn) usedBy(g *Lease) {
	moved := g != nil && g.LastID.home.Load() != p.serial // its latest statement ran elsewhere
	if p.latest != g || moved {
		p.latest, p.foreign = g, ofStatements
	}
	if g == nil {
		return
	}
	p.user = g
	if moved {
		g.LastID.home.Store(p.serial)
	}
}

// answersOwn makes what a statement asks of the session h's own, but for the last id.
func (h *Holder) answersOwn(ctx context.Context, p *Conn, asks session.Asks) error {
	if asks&p.foreign == 0 {
		return nil
	}
	for _, st := range p.emptying(asks & p.foreign) {
		if _, err := p.ExecContext(ctx, st, nil); serious(err) != nil {
			return err
		}
	}
	p.foreign = 0
	return nil
}

// serious returns an error unless the server answered it: one that does not know
// these functions is asked no more than it can tell.
func serious(err error) error {
	if mysqlerr.Number(err) != 0 {
		return nil
	}
	return err
}

// emptying is the statements after which a session answers as a new one what asks
// says. Where the latest user's own ROW_COUNT() is there and FOUND_ROWS() is another
// one's, it is lost.
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
func (p *Conn) emptying(asks session.Asks) []string {
	nothingOwn := p.foreign&session.RowCount != 0
	switch {
	case p.isMariaDB() && (nothingOwn || asks&session.Warnings != 0):
		return []string{"DO (SELECT 1 FROM (SELECT 1) AS t)"}
	case p.isMariaDB():
		return []string{"SELECT 1"}
	}
	var all []string
	if p.keepsWarnings() && (nothingOwn || asks&session.Warnings != 0) {
		all = append(all, "DO (SELECT 1 FROM (SELECT 1) AS t)")
	}
	all = append(all, "SELECT 1 LIMIT 0")
	if nothingOwn {
		all = append(all, "SET SESSION sql_notes = @@SESSION.sql_notes")
	}
	return all
}

// keepsWarnings: see serverinfo.KeepsWarnings.
func (p *Conn) keepsWarnings() bool {
	s := p.Host.Learned.Load()
	return s != nil && s.KeepsWarnings
}

func (p *Conn) isMariaDB() bool {
	s := p.Host.Learned.Load()
	return s != nil && s.MariaDB
}

// answersAfter notes what a statement of the latest user made its own of p.foreign,
// which is not 0.
func (p *Conn) answersAfter(st *session.Statement, err error) {
	p.foreign &^= session.RowCount
	if err == nil && st.SetsFound(p.keepsWarnings()) {
		p.foreign &^= session.Found
	}
	switch {
	case st.Asks()&session.Warnings != 0: // they are there after it too
	case !p.keepsWarnings(), err == nil && st.UsesTables(), err != nil && mysqlerr.Number(err) != 0:
		p.foreign &^= session.Warnings
	}
}

// after notes how a statement of h on p went. args are its arguments, result is
// nil if its answer was rows.
func (h *Holder) after(p *Conn, st *session.Statement, args []driver.NamedValue, result driver.Result, err error) {
	p.ran(st, firstValue(args), err)
	if p.foreign != 0 {
		p.answersAfter(st, err)
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
		p.acted(st)
	}
}

// acted notes what a statement did beyond its session.
func (p *Conn) acted(st *session.Statement) {
	for _, h := range p.Login.hosts {
		if st.AltersSchemas() {
			h.Server.Schemas.Add(1)
		}
		if st.Kills() {
			h.Server.Kills.Add(1)
		}
	}
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
		p.failed = true // those behind the first may yet, and rows.Close tells nobody
	}
}

// beforeText reads a statement that is about to run as text, and readies the
// connection for it. One with arguments is not read: the stock driver declines it,
// unless it fills them in itself.
func (h *Holder) beforeText(ctx context.Context, p *Conn, query string, hasArgs, rows bool) (st session.Statement, err error) {
	if hasArgs && !p.config.Interpolates {
		return st, nil
	}
	st = p.scan(query)
	if len(h.stmts) > 0 {
		h.followBefore(ctx, p, &st)
	}
	return st, h.asksWith(ctx, p, &st, rows, true)
}
