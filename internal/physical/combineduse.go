package physical

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"log/slog"
	"strings"

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
// The session must allow several statements for that: see multistatements.go.

// maxCombined is the length of the longest text that is combined, with USE and arguments, in
// bytes. A longer one has USE sent first: a round trip is little beside it.
const maxCombined = 16 << 10

// canSelectLater reports whether the schema may be selected by the next statement.
func (p switcher) canSelectLater(schema string) bool {
	return p.combinesUse && (schema != p.schema.now || p.schema.changes == p.Host.Server.Schemas.Load())
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
	if !p.combinesUse || !p.schema.isDeferred() || !isPlainName(p.schema.wanted) || p.config.AutoIsNull || !st.MayFollowUse() ||
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
	p.diagnostics.foreign |= session.RowCount | session.Found      // are of USE, which warns of nothing
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
	if err != nil {
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
	p.combinesUse = works && err == nil
	p.Shared.Log().LogAttrs(ctx, slog.LevelDebug, "mysqlpool: tried whether USE and another statement can be sent together",
		slog.String("login", p.Shared.Name), p.IDAttr(), slog.Bool("works", p.combinesUse), slog.Any("error", err))
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
