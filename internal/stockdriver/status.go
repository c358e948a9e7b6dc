package stockdriver

import (
	"database/sql/driver"
	"reflect"
)

// Status is the status flags of a connection as of the server's latest answer. The
// zero value is unknown. It follows the connection; whoever reads it must own that.
type Status struct{ field reflect.Value }

// StatusOf returns the status flags of a connection.
func StatusOf(c driver.Conn) Status {
	if v := structOf(c); v.IsValid() {
		if f := v.FieldByName("status"); f.IsValid() && f.Kind() == reflect.Uint16 {
			return Status{f}
		}
	}
	return Status{}
}

// Known reports whether the flags are known.
func (s Status) Known() bool { return s.field.IsValid() }

// Flags returns them (MySQL manual, "Server Status Flags" in the source code
// documentation). They must be known.
func (s Status) Flags() uint16 { return uint16(s.field.Uint()) }
