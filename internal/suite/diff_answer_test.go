package suite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// diffError is an error as the drivers are compared by it. How the loss of a
// connection looks is a matter of timing; that it was lost is not.
func diffError(err error) string {
	var answer *mysql.MySQLError
	var network net.Error
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline"
	case err == driver.ErrBadConn, errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, io.EOF), errors.As(err, &network):
		return "connection lost"
	case errors.As(err, &answer):
		switch answer.Number {
		case 1927, 1053, 1152, 1184: // killed, shutting down, aborted
			return "connection lost"
		}
		return fmt.Sprintf("error %d", answer.Number)
	}
	return errText(err)
}

func diffResult(r sql.Result, err error) string {
	if err != nil {
		return diffError(err)
	}
	affected, err1 := r.RowsAffected()
	id, err2 := r.LastInsertId()
	return fmt.Sprintf("affected %d, id %d %s", affected, id, strings.Trim(errText(err1)+errText(err2), " "))
}

// diffRows reads at most so many rows of each result, and closes.
func diffRows(rows *sql.Rows, err error, most int) string {
	if err != nil {
		return diffError(err)
	}
	var b strings.Builder
	for {
		diffFetch(&b, rows, most)
		if most < everyRow || !rows.NextResultSet() {
			break
		}
		b.WriteString("\nnext result: ")
	}
	if err := rows.Err(); err != nil {
		b.WriteString("\n" + diffError(err))
	}
	if err := rows.Close(); err != nil {
		b.WriteString("\nclose: " + diffError(err))
	}
	return b.String()
}

const everyRow = 1 << 30

// diffFetch writes the columns and so many rows.
func diffFetch(b *strings.Builder, rows *sql.Rows, most int) {
	types, err := rows.ColumnTypes()
	if err != nil {
		b.WriteString(diffError(err))
		return
	}
	for _, c := range types {
		if strings.HasPrefix(c.Name(), "@") && !strings.HasPrefix(c.Name(), "@@") {
			// MySQL 5.6 has another type for a variable that somebody read than
			// for one that nobody named yet. Both are NULL.
			fmt.Fprintf(b, "%s, ", c.Name())
			continue
		}
		nullable, _ := c.Nullable()
		fmt.Fprintf(b, "%s %s %v %v, ", c.Name(), c.DatabaseTypeName(), nullable, c.ScanType())
	}
	for ; most > 0 && rows.Next(); most-- {
		values := make([]any, len(types))
		into := make([]any, len(types))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			b.WriteString("\nscan: " + diffError(err))
			return
		}
		b.WriteString("\n")
		for _, v := range values {
			b.WriteString(diffValue(v) + "|")
		}
	}
}

// rowOfWarning is the row that a warning about a routine's parameter names, which has no
// table. MariaDB counts on from what an earlier statement of the session counted.
var rowOfWarning = regexp.MustCompile("(for column ``\\.``\\.`\\w+`) at row \\d+")

func diffValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case []byte:
		return fmt.Sprintf("%q", rowOfWarning.ReplaceAll(v, []byte("$1")))
	case string:
		return fmt.Sprintf("string %q", v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return fmt.Sprintf("%T %v", v, v)
}
