package physical

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/json"
	"strings"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/session"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// Combined USE needs a session that runs several statements of a text, which the DSN mostly
// does not allow. COM_SET_OPTION allows them. It forbids them again before a text with a
// semicolon is sent, or an argument with one that the stock driver writes into the text:
// nothing else can be several statements (a text that is prepared is one in any case). So
// whatever a program sends is refused as with the stock driver. Every text passes
// forbidSeveral.

// multiStatements is whether the session allows them. Guarded by ownership.
type multiStatements struct {
	allowed        bool // the session may run several statements that the DSN does not allow
	epoch          int  // of the session when that was allowed: a reset may have ended it
	timesForbidden int  // how often it was forbidden again
}

// maxTimesForbidden is how often several statements are forbidden before they are not allowed any
// more: each time costs two round trips.
const maxTimesForbidden = 3

// allowSeveral has the session run several statements of a text. It reports false if the
// server refuses.
func (p switcher) allowSeveral(ctx context.Context) (bool, error) {
	c := &p.multi
	if p.config.Multi || c.allowed && c.epoch == p.stmts.epoch {
		return true, nil
	}
	if p.stmts.isReading() {
		return false, nil
	}
	if err := ctx.Err(); err != nil {
		return false, err // or allowed would be noted and not be sent
	}
	c.allowed, c.epoch = true, p.stmts.epoch // also if the server refuses
	refused, err := p.setOption(ctx, stockdriver.MultiStatementsOn)
	if err != nil {
		return false, err
	}
	p.combinesUse = p.combinesUse && refused == nil
	return refused == nil, nil
}

// setOption sends COM_SET_OPTION, before any of the user's text is sent. After an error the
// connection is closed, since its answer may still come and would pass for that to the next
// statement; but not if ctx had ended before, which leaves the stock driver's as it is too.
func (p *Conn) setOption(ctx context.Context, option stockdriver.Command) (refused, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	timed, cancel := context.WithTimeout(ctx, CheckTimeout)
	defer cancel()
	answers, err := p.known.Run(timed, option)
	if err == nil {
		return answers[0], nil
	}
	p.live.worsens(broken)
	p.Socket.Close()
	if ctx.Err() == nil {
		err = driver.ErrBadConn // the text was not sent
	}
	return nil, err
}

// forbidSeveral is called before any text is sent that is not combined: if it may be several
// statements the session must not run them, unless the DSN says so.
func (p *Conn) forbidSeveral(ctx context.Context, query string, args []driver.NamedValue) error {
	c := &p.multi
	switch {
	case !c.allowed, len(args) > 0 && !p.config.Interpolates: // ... which the stock driver declines
		return nil
	case !session.MayBeSeveral(query) && !anyMayBeSeveral(args):
		return nil
	case p.stmts.isReading(): // as the stock driver, which finds its buffer in use
		p.live.worsens(broken)
		return driver.ErrBadConn
	}
	refused, err := p.setOption(ctx, stockdriver.MultiStatementsOff)
	if err != nil {
		return err
	}
	if refused != nil {
		p.live.worsens(broken)
		return refused
	}
	p.flags.forget() // or they would pass for those of the statement that follows
	c.allowed = false
	if c.timesForbidden++; c.timesForbidden >= maxTimesForbidden {
		p.combinesUse = false
	}
	return nil
}

// ExecContext is the stock driver's, of a text that is not combined.
func (p *Conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := p.forbidSeveral(ctx, query, args); err != nil {
		return nil, err
	}
	return p.StockConn.ExecContext(ctx, query, args)
}

// QueryContext is the stock driver's, of a text that is not combined.
func (p *Conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := p.forbidSeveral(ctx, query, args); err != nil {
		return nil, err
	}
	return p.StockConn.QueryContext(ctx, query, args)
}

// Exec is ExecContext for users of Conn.Raw.
func (p *Conn) Exec(query string, args []driver.Value) (driver.Result, error) {
	if err := p.forbidSeveral(context.Background(), query, named(args)); err != nil {
		return nil, err
	}
	return p.StockConn.Exec(query, args)
}

// Query is QueryContext for users of Conn.Raw.
func (p *Conn) Query(query string, args []driver.Value) (driver.Rows, error) {
	if err := p.forbidSeveral(context.Background(), query, named(args)); err != nil {
		return nil, err
	}
	return p.StockConn.Query(query, args)
}

// anyMayBeSeveral reports whether an argument may be written with a semicolon.
func anyMayBeSeveral(args []driver.NamedValue) bool {
	for i := range args {
		switch v := args[i].Value.(type) {
		case nil, int64, uint64, float64, bool, time.Time:
		case string:
			if strings.IndexByte(v, ';') >= 0 {
				return true
			}
		case []byte:
			if bytes.IndexByte(v, ';') >= 0 {
				return true
			}
		case json.RawMessage:
			if bytes.IndexByte(v, ';') >= 0 {
				return true
			}
		default:
			return true
		}
	}
	return false
}
