package physical

import (
	"context"
	"database/sql/driver"

	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// asks is called before each statement of h, which holds p. rows is whether the
// stock driver's Query runs it. It returns an error only if the connection broke, or
// ctx ended.
func (h *Holder) asks(ctx context.Context, p *Conn, st *session.Statement, rows bool) error {
	return h.asksWith(ctx, p, st, rows, false)
}

// asksWith is asks; mayReset is whether the session may be reset for it.
func (h *Holder) asksWith(ctx context.Context, p *Conn, st *session.Statement, rows, mayReset bool) error {
	if !p.readRole {
		if err := h.beforeState(ctx, p, st); err != nil {
			return err
		}
	}
	asks := st.Asks()
	if p.shows.foreign&session.Warnings != 0 && p.Host.keepsWarnings() && st.MayWarnWithoutTables() {
		asks |= session.Warnings // or afterwards nobody could tell whose they are
	}
	shown := asks&session.LastID != 0 || p.config.AutoIsNull
	if p.config.AutoIsNull || st.ChangesID() && (rows || p.shows.lastID.unknown || !st.Inserts() || h.LastID.mustPlace(h.lent, p.shows.lastID.user == h.Lease)) {
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

// answersOwn makes what a statement asks of the session h's own, but for the last id.
func (h *Holder) answersOwn(ctx context.Context, p *Conn, asks session.Asks) error {
	if asks&p.shows.foreign == 0 {
		return nil
	}
	for _, st := range p.shows.emptying(asks, p.Host) {
		if _, err := p.ExecContext(ctx, st, nil); serious(err) != nil {
			return err
		}
	}
	p.shows.foreign = 0
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

// after notes how a statement of h on p went. args are its arguments, result is
// nil if its answer was rows.
func (h *Holder) after(p *Conn, st *session.Statement, args []driver.NamedValue, result driver.Result, err error) {
	p.ran(st, firstValue(args), err)
	if err != nil {
		p.late.doubted = true
	}
	if p.shows.foreign != 0 {
		p.shows.after(st, result == nil && err == nil, err, p.Host.keepsWarnings())
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
		p.flags.failed = true // those behind the first may yet, and rows.Close tells nobody
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
	if !st.OnlyAsks() { // USE would change the answers
		if err := p.settleSchema(ctx); err != nil {
			return st, err
		}
	}
	if len(h.stmts) > 0 {
		h.followBefore(ctx, p, &st)
	}
	return st, h.asksWith(ctx, p, &st, rows, true)
}
