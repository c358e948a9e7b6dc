package mysqlpool

import (
	"context"
	"database/sql/driver"
	"strings"

	"github.com/mysqlpool/mysqlpool/internal/session"
)

// What a session says of earlier statements (SHOW WARNINGS, ROW_COUNT(),
// FOUND_ROWS()) is never told to another logical connection than the one that ran
// them. Nothing is sent for that before a statement asks: then it is made what it
// is in a new session.

// ofStatements is the answers that a session has of earlier statements.
const ofStatements = session.Warnings | session.RowCount | session.Found

// asks is called before each statement of c, which holds p. rows is whether the
// stock driver's Query runs it. It returns an error only if the connection broke, or
// ctx ended.
func (c *conn) asks(ctx context.Context, p *physical, st *session.Statement, rows bool) error {
	return c.asksWith(ctx, p, st, rows, false)
}

// asksWith is asks; mayReset is whether the session may be reset for it.
func (c *conn) asksWith(ctx context.Context, p *physical, st *session.Statement, rows, mayReset bool) error {
	asks := st.Asks()
	shown := asks&session.LastID != 0 || p.config.autoIsNull
	if p.config.autoIsNull || st.ChangesID() && (rows || p.lastID.unknown || !st.Inserts()) {
		asks |= session.LastID // or it could not be told whether it changed it
	}
	if asks == 0 {
		return nil
	}
	if asks&session.LastID != 0 {
		err := serious(c.placeLastID(ctx, p))
		if err == errForeignLastID {
			err = c.withoutLastID(ctx, p, shown, mayReset)
		}
		if err != nil {
			return err
		}
	}
	return c.answersOwn(ctx, p, asks)
}

// usedBy notes whose statement is sent, be it to run or to be prepared: an error
// shows in SHOW WARNINGS too. nil is the pool's own.
func (p *physical) usedBy(g *lease) {
	if p.latest != g {
		p.latest, p.foreign = g, ofStatements
	}
	if g == nil {
		return
	}
	p.user = g
	if g.lastID.home.Load() != p.serial {
		g.lastID.home.Store(p.serial)
	}
}

// answersOwn makes what a statement asks of the session c's own, but for the last id.
func (c *conn) answersOwn(ctx context.Context, p *physical, asks session.Asks) error {
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
	if errorNumber(err) != 0 {
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
//	MariaDB, new                            0           any          none
//	  DO (SELECT 1 FROM (SELECT 1) AS t)    0           1            none
//	  SELECT 1                             -1           1            as before
func (p *physical) emptying(asks session.Asks) []string {
	nothingOwn := p.foreign&session.RowCount != 0
	switch {
	case p.isMariaDB() && (nothingOwn || asks&session.Warnings != 0):
		return []string{"DO (SELECT 1 FROM (SELECT 1) AS t)"}
	case p.isMariaDB():
		return []string{"SELECT 1"}
	case nothingOwn:
		return []string{"SELECT 1 LIMIT 0", "SET SESSION sql_notes = @@SESSION.sql_notes"}
	}
	return []string{"SELECT 1 LIMIT 0"}
}

func (p *physical) isMariaDB() bool {
	s := p.host.learned.Load()
	return s != nil && s.mariaDB
}

// answersAfter notes what a statement of the latest user made its own of p.foreign,
// which is not 0.
func (p *physical) answersAfter(st *session.Statement, err error) {
	p.foreign &^= session.RowCount
	if err == nil && st.SetsFound(p.isMariaDB()) {
		p.foreign &^= session.Found
	}
	switch {
	case st.Asks()&session.Warnings != 0: // they are there after it too
	case !p.isMariaDB(), err == nil && st.UsesTables(), err != nil && errorNumber(err) != 0:
		p.foreign &^= session.Warnings
	}
}

// autoIsNull reports whether a DSN's parameters have "id IS NULL" find the last id.
func autoIsNull(params map[string]string) bool {
	for name := range params {
		if strings.EqualFold(name, "sql_auto_is_null") {
			return true
		}
	}
	return false
}

// after notes how a statement of c on p went. args are its arguments, result is
// nil if its answer was rows.
func (c *conn) after(p *physical, st *session.Statement, args []driver.NamedValue, result driver.Result, err error) {
	p.ran(st, first(args), err)
	if p.foreign != 0 {
		p.answersAfter(st, err)
	}
	if st.ChangesID() {
		c.notesID(p, st, args, result, err)
		if p.config.autoIsNull {
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
func (p *physical) acted(st *session.Statement) {
	for _, h := range p.login.hosts.hosts {
		if st.AltersSchemas() {
			h.server.schemas.Add(1)
		}
		if st.Kills() {
			h.server.kills.Add(1)
		}
	}
}

// afterText is after for a statement as text, which st may be of already.
func (c *conn) afterText(p *physical, st *session.Statement, query string, args []driver.NamedValue, result driver.Result, err error) {
	if err == driver.ErrSkip {
		p.declined()
		return
	}
	if st.IsZero() {
		*st = p.scan(query)
	}
	c.after(p, st, args, result, err)
	if result == nil && err == nil && st.Several() {
		p.failed = true // those behind the first may yet, and rows.Close tells nobody
	}
}

// beforeText reads a statement that is about to run as text, and readies the
// connection for it. One with arguments is not read: the stock driver declines it,
// unless it fills them in itself.
func (c *conn) beforeText(ctx context.Context, p *physical, query string, hasArgs, rows bool) (st session.Statement, err error) {
	if hasArgs && !p.config.interpolates {
		return st, nil
	}
	st = p.scan(query)
	if len(c.stmts) > 0 {
		c.followBefore(ctx, p, &st)
	}
	return st, c.asksWith(ctx, p, &st, rows, true)
}
