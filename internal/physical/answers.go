package physical

import (
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// What a session says of earlier statements (SHOW WARNINGS, ROW_COUNT(),
// FOUND_ROWS()) is never told to another logical connection than the one that ran
// them. Nothing is sent for that before a statement asks: then it is made what it
// is in a new session.

// ofStatements is the answers that a session has of earlier statements.
const ofStatements = session.Warnings | session.RowCount | session.Found

// answers is whose those of a session are. Guarded by ownership.
type answers struct {
	latest  *Lease       // whose statement ran last; nil: nobody's
	user    *Lease       // whose statement was sent last, of those that are no statements of the pool itself
	foreign session.Asks // which answers of ofStatements may be of another one's statements than latest's
	rows    bool         // latest's own ROW_COUNT() is that of rows, -1
	lastID  sessionID
}

// usedBy notes whose statement is sent, be it to run or to be prepared: an error
// shows in SHOW WARNINGS too. nil is the pool's own.
func (p *Conn) usedBy(g *Lease) { p.shows.usedBy(g, p.serial) }

// usedBy is Conn.usedBy on the connection of that serial.
func (a *answers) usedBy(g *Lease, serial uint64) {
	moved := g != nil && g.LastID.home.Load() != serial // its latest statement ran elsewhere
	if a.latest != g || moved {
		a.latest, a.foreign = g, ofStatements
	}
	if g == nil {
		return
	}
	a.user = g
	if moved {
		g.LastID.home.Store(serial)
	}
}

// closed notes that the session is over, by itself if it broke.
func (a *answers) closed(broke bool, serial uint64) {
	if broke && a.user != nil {
		a.user.diedOn(serial)
	}
	if u := a.lastID.user; u != nil {
		u.LastID.lost(a.lastID.lent)
	}
}

// emptying is the statements after which a session answers as a new one what asks
// says. Where the latest user's own ROW_COUNT() is there and FOUND_ROWS() or the
// warnings are another one's, it is lost, unless it is -1.
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
func (a *answers) emptying(asks session.Asks, h *Host) []string {
	asks &= a.foreign
	nothingOwn := a.foreign&session.RowCount != 0
	switch {
	case h.isMariaDB() && !nothingOwn && asks&session.Warnings != 0 && a.rows:
		return []string{"DO (SELECT 1 FROM (SELECT 1) AS t)", "SELECT 1"}
	case h.isMariaDB() && (nothingOwn || asks&session.Warnings != 0):
		return []string{"DO (SELECT 1 FROM (SELECT 1) AS t)"}
	case h.isMariaDB():
		return []string{"SELECT 1"}
	}
	var all []string
	if h.keepsWarnings() && (nothingOwn || asks&session.Warnings != 0) {
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
func (a *answers) after(st *session.Statement, rows bool, err error, keepsWarnings bool) {
	if err != nil && mysqlerr.Number(err) == 0 {
		return // it was not sent, or the session is over
	}
	a.rows = rows
	a.foreign &^= session.RowCount
	if err == nil && st.SetsFound(keepsWarnings) {
		a.foreign &^= session.Found
	}
	switch {
	case st.Asks()&session.Warnings != 0: // they are there after it too
	case !keepsWarnings, err == nil && st.UsesTables(), err != nil && mysqlerr.Number(err) != 0:
		a.foreign &^= session.Warnings
	}
}
