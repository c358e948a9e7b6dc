package stockdriver

import (
	"database/sql/driver"
	"reflect"
)

// Status flags of the protocol (MySQL manual, "Server Status Flags" in the source
// code documentation).
const (
	StatusInTransaction = 0x0001
	StatusAutocommit    = 0x0002
	StatusMoreResults   = 0x0008 // another result follows
)

// StatusUnknown is a bit of the status flags that no server sends. While it is
// set in the stock driver's copy, the flags are old: something was sent, and no
// answer with flags came since. An error has none, and rows have theirs at their
// end. Whatever answer has flags overwrites it, so that nothing needs to clear it.
const StatusUnknown = 0x0004

// Status is the status flags of a connection as of the server's latest answer. The
// zero value is unknown. It follows the connection; whoever reads it must own that.
type Status struct{ word *uint16 }

// StatusOf returns the status flags of a connection.
func StatusOf(c driver.Conn) Status {
	if v := structOf(c); v.IsValid() {
		if f := v.FieldByName("status"); f.IsValid() && f.Kind() == reflect.Uint16 {
			return Status{(*uint16)(f.Addr().UnsafePointer())}
		}
	}
	return Status{}
}

// Known reports whether the flags are known.
func (s Status) Known() bool { return s.word != nil }

// Flags returns them (MySQL manual, "Server Status Flags" in the source code
// documentation). They must be known.
func (s Status) Flags() uint16 { return *s.word }

// Word returns where the stock driver keeps the flags, which each answer but an
// error overwrites; nil: unknown.
func (s Status) Word() *uint16 { return s.word }
