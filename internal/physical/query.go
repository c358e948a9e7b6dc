package physical

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
)

// queryRow returns the first row of a query as text, NULL as nothing.
func queryRow(ctx context.Context, c driver.QueryerContext, query string) ([]string, error) {
	all, err := queryRows(ctx, c, query)
	if err == nil && len(all) == 0 {
		return nil, fmt.Errorf("mysqlpool: %s: %w", query, errNoRow)
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// errNoRow is what a session with sql_select_limit=0 answers any query with.
var errNoRow = errors.New("got no row, want one")

func queryRows(ctx context.Context, c driver.QueryerContext, query string) (all [][]string, err error) {
	rows, err := c.QueryContext(ctx, query, nil)
	if err != nil {
		return nil, err
	}
	return readRows(rows)
}

// readRows returns all rows as text, and closes them.
func readRows(rows driver.Rows) (all [][]string, err error) {
	// Not deferred: after a panic in Next it could read for ever.
	values := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(values); err {
		case nil:
		case io.EOF:
			return all, rows.Close()
		default:
			rows.Close()
			return nil, err
		}
		row := make([]string, len(values))
		for i, v := range values {
			switch v := v.(type) {
			case nil:
			case []byte:
				row[i] = string(v)
			default:
				row[i] = fmt.Sprint(v)
			}
		}
		all = append(all, row)
	}
}

// selectRow returns the values of expressions, in one query if its text may be
// as long, else in as few as need be.
func selectRow(ctx context.Context, p *Conn, expressions []string) (row []string, err error) {
	const sel, sep = "SELECT ", ", "
	limit := p.maxText()
	for len(expressions) > 0 {
		n, size := 1, len(sel)+len(expressions[0])
		for n < len(expressions) && (limit == 0 || size+len(sep)+len(expressions[n]) <= limit) {
			size += len(sep) + len(expressions[n])
			n++
		}
		text := sel + strings.Join(expressions[:n], sep)
		p.asking(text)
		part, err := queryRow(ctx, p, text)
		if err != nil {
			return nil, err
		}
		p.unsureLarge = false
		row = append(row, part...)
		expressions = expressions[n:]
	}
	return row, nil
}
