package physical

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/session"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// A SQL text on another schema than the session's takes USE first: a round trip more. The
// two must not be pipelined, since the text would run in the wrong schema where USE fails.
// But as several statements of one text they take one round trip: the server runs them in
// their order and stops at the first error (MySQL manual, "Multiple Statement Execution
// Support"). That is combined USE. It is used where deferred USE is trusted, and after a
// test on the same connection.
//
// The session must allow several statements for that, which the DSN mostly does not.
// COM_SET_OPTION allows them. It forbids them again before a text with a semicolon is sent,
// or an argument with one that the stock driver writes into the text: nothing else can be
// several statements (a text that is prepared is one in any case). So whatever a program
// sends is refused as with the stock driver.

// combinedUse is whether USE and a text are sent together. Guarded by ownership.
type combinedUse struct {
	works    bool
	allowed  bool // the session may run several statements that the DSN does not allow
	epoch    int  // of the session when that was allowed: a reset may have ended it
	forbades int  // how often it was forbidden again
}

// maxForbades is how often several statements are forbidden before USE is no longer
// combined: each time costs two round trips.
const maxForbades = 3

// maxCombined is the length of the longest text that is combined, with USE and arguments, in
// bytes. Copying a longer one would cost more than the round trip.
const maxCombined = 16 << 10

// canSelectLater reports whether the schema may be selected by the next statement.
func (p switcher) canSelectLater(schema string) bool {
	return p.combined.works && (schema != p.schema.now || p.schema.changes == p.Host.Server.Schemas.Load())
}

// isPlainName reports whether a schema's name has only characters that mean the same in
// every character set and quoting: ASCII letters and digits, and some signs.
func isPlainName(schema string) bool {
	for i := range len(schema) {
		switch c := schema[i]; {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', c == '_', c == '-', c == '$', c == '.':
		default:
			return false
		}
	}
	return schema != ""
}

// canCombine reports whether USE was deferred and can be sent together with a text, which
// has these arguments. It has the session allow that. It returns an error only if the
// connection broke, or ctx ended.
func (p switcher) canCombine(ctx context.Context, query string, args []driver.NamedValue, st *session.Statement) (bool, error) {
	if !p.combined.works || !p.schema.isDeferred() || !isPlainName(p.schema.wanted) || p.config.AutoIsNull || !st.MayFollowUse() ||
		anyMayBeSeveral(args) {
		return false, nil
	}
	size := len(useAnd(p.schema.wanted, query)) + sizeOf(args)
	if limit := p.maxText(); size > maxCombined || limit != 0 && size > limit {
		return false, nil
	}
	return p.allowSeveral(ctx)
}

// useAnd returns the text that selects a schema and then is query.
func useAnd(schema, query string) string { return useText(schema) + ";" + query }

// allowSeveral has the session run several statements of a text. It reports false if the
// server refuses.
func (p switcher) allowSeveral(ctx context.Context) (bool, error) {
	c := &p.combined
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
	c.works = refused == nil
	return c.works, nil
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
	c := &p.combined
	switch {
	case !c.allowed, len(args) > 0 && !p.config.Interpolates: // ... which the stock driver declines
		return nil
	case !session.MayBeSeveral(query) && !anyMayBeSeveral(args):
		return nil
	case p.stmts.isReading(): // as the stock driver, which finds its buffer in use
		p.live.worsens(broken)
		return driver.ErrBadConn
	}
	if err := p.forbid(ctx); err != nil {
		return err
	}
	if c.forbades++; c.forbades >= maxForbades {
		c.works = false
	}
	return nil
}

// forbid has the session run no text of several statements from now on.
func (p *Conn) forbid(ctx context.Context) error {
	refused, err := p.setOption(ctx, stockdriver.MultiStatementsOff)
	if err != nil {
		return err
	}
	if refused != nil {
		p.live.worsens(broken)
		return refused
	}
	p.flags.forget() // or they would pass for those of the statement that follows
	p.combined.allowed = false
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

// sizeOf returns at least as many bytes as the stock driver needs to write arguments, for
// which anyMayBeSeveral is false, into a text.
func sizeOf(args []driver.NamedValue) (n int) {
	const number = 32 // a number's or a time's
	for i := range args {
		n += number
		switch v := args[i].Value.(type) {
		case string:
			n += 2 * len(v) // each byte may be escaped
		case []byte:
			n += 2 * len(v)
		case json.RawMessage:
			n += 2 * len(v)
		}
	}
	return n
}

// execCombined is ExecContext of USE and a text, for which canCombine reported true.
func (p switcher) execCombined(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	changes := p.Host.Server.Schemas.Load()
	result, err := p.StockConn.ExecContext(ctx, p.beginCombined(query), args)
	p.endCombined(changes, err)
	if all, ok := result.(mysql.Result); ok && err == nil {
		return lastResults{all}, nil
	}
	return result, err
}

// queryCombined is QueryContext of USE and a text, for which canCombine reported true.
func (p switcher) queryCombined(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	changes := p.Host.Server.Schemas.Load()
	rows, err := p.StockConn.QueryContext(ctx, p.beginCombined(query), args)
	p.endCombined(changes, err)
	if err == nil && len(rows.Columns()) > 0 {
		// The flags are still those of the answer to USE.
		p.flags.forget()
		*p.flags.word &^= stockdriver.StatusMoreResults
	}
	return rows, err
}

// beginCombined returns what is to be sent, and notes that the schema is unknown until USE
// succeeded. The flags must be unknown.
func (p switcher) beginCombined(query string) string {
	text := useAnd(p.schema.wanted, query)
	p.countForcedUse()
	user := p.diagnostics.user
	p.usedBy(nil)
	p.usedBy(user)
	p.schema.former, p.schema.now = p.schema.wanted, UnknownSchema // wanted stays: the next statement selects it
	return text
}

// endCombined notes how USE went, after so many changes of schemas. Where an error came it
// succeeded if its answer had flags.
func (p switcher) endCombined(changes int64, err error) {
	if err == nil || *p.flags.word&stockdriver.StatusUnknown == 0 {
		p.schema.selected(p.schema.wanted, changes)
		p.deferred.failedSinceDeferral = false
	}
	if err != nil && p.flags.word != nil {
		*p.flags.word &^= stockdriver.StatusMoreResults // of USE: an error has no flags, and nothing follows it
	}
}

// lastResults is the stock driver's result of USE and a statement, without that of USE.
type lastResults struct{ mysql.Result }

func (r lastResults) AllRowsAffected() []int64  { return r.Result.AllRowsAffected()[1:] }
func (r lastResults) AllLastInsertIds() []int64 { return r.Result.AllLastInsertIds()[1:] }

// testCombined tests whether USE and a text can be sent together on this connection. It may
// leave the session on any schema.
func (p switcher) testCombined(ctx context.Context) error {
	if p.Socket == nil && !p.config.Multi || p.flags.word == nil {
		return nil
	}
	works, err := p.runCombinedTest(ctx)
	p.combined.works = works && err == nil
	p.Shared.Log().LogAttrs(ctx, slog.LevelDebug, "mysqlpool: tried whether USE and another statement can be sent together",
		slog.String("login", p.Shared.Name), p.IDAttr(), slog.Bool("works", p.combined.works), slog.Any("error", err))
	return unlessServerError(err)
}

// runCombinedTest has the server run a text after USE, and then stop at a USE that fails:
// the text after that would answer what the last query of the test asks for.
func (p switcher) runCombinedTest(ctx context.Context) (works bool, err error) {
	if works, err := p.allowSeveral(ctx); err != nil || !works {
		return false, err
	}
	const database = "SELECT DATABASE()"
	p.schema.forget()
	row, err := queryRow(ctx, p.StockConn, useAnd(neutralSchema, database))
	if err != nil || !strings.EqualFold(row[0], neutralSchema) {
		return false, err
	}
	p.schema.found(neutralSchema)
	if _, err := queryRows(ctx, p.StockConn, useAnd("", "SELECT 'ran'")); unlessServerError(err) != nil || err == nil {
		return false, err
	}
	row, err = queryRow(ctx, p, database)
	return err == nil && strings.EqualFold(row[0], neutralSchema), err
}
