package stockdriver

import (
	"database/sql/driver"
	"reflect"
)

// RowsEnded reports whether nothing of the rows is left to be read: the stock
// driver's have no connection any more. If that is not known it says no.
func RowsEnded(rows driver.Rows) bool {
	v := structOf(rows)
	if !v.IsValid() {
		return false
	}
	mc := v.FieldByName("mc")
	return mc.IsValid() && mc.Kind() == reflect.Pointer && mc.IsNil()
}

// Columns is the columns that the stock driver has of a prepared statement, which are
// those of its latest result. The zero value is unknown.
//
// MariaDB does not send them with each result, and then the stock driver's Exec
// (1.10.1) waits for them for ever. So a statement of which they are unknown must not
// be used again by Exec if it may return rows.
type Columns struct{ field reflect.Value }

// ColumnsOf returns the columns of a statement.
func ColumnsOf(s driver.Stmt) Columns {
	if v := structOf(s); v.IsValid() {
		if f := v.FieldByName("columns"); f.IsValid() && f.Kind() == reflect.Slice {
			return Columns{f}
		}
	}
	return Columns{}
}

// Known reports whether they are known.
func (c Columns) Known() bool { return c.field.IsValid() }

// Len returns how many there are; 0 if they are unknown.
func (c Columns) Len() int {
	if !c.Known() {
		return 0
	}
	return c.field.Len()
}
