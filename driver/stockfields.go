package mysqlpool

import (
	"database/sql/driver"
	"net"
	"net/netip"
	"reflect"
	"sync/atomic"
)

// stockFields is what the stock driver's connection knows and has no method
// for. The fields are found by name and type, so that another version of the
// stock driver, or a connection that is not its own, merely makes them unknown.
type stockFields struct {
	socket     net.Conn      // nil: unknown, or not to be written to by others
	local      net.Addr      // the socket's own address; nil: unknown
	remote     netip.Addr    // the server's address; the zero Addr: unknown
	canceled   *atomic.Value // why it was cancelled, once it was; nil: unknown
	statusFlag reflect.Value // the server's status as of the latest answer; invalid: unknown
}

// statusFlags of the protocol (MySQL manual, "Server Status Flags" in the
// source code documentation).
const (
	statusInTransaction = 0x0001
	statusAutocommit    = 0x0002
)

// fieldsOf returns the fields of a connection that has logged in.
func fieldsOf(c driver.Conn) (f stockFields) {
	v := reflect.ValueOf(c)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return f
	}
	v = v.Elem()
	if status := v.FieldByName("status"); status.IsValid() && status.Kind() == reflect.Uint16 {
		f.statusFlag = status
	}
	if canceled := v.FieldByName("canceled"); canceled.IsValid() && canceled.Kind() == reflect.Struct {
		if value := canceled.FieldByName("value"); value.IsValid() && value.Type() == reflect.TypeFor[atomic.Value]() {
			f.canceled = (*atomic.Value)(value.Addr().UnsafePointer())
		}
	}
	compress, netConn := v.FieldByName("compress"), v.FieldByName("netConn")
	if !netConn.IsValid() || netConn.Type() != reflect.TypeFor[net.Conn]() {
		return f
	}
	socket := *(*net.Conn)(netConn.Addr().UnsafePointer()) // reflect does not let it be read otherwise
	if socket == nil {
		return f
	}
	if tcp, ok := socket.LocalAddr().(*net.TCPAddr); ok {
		f.local = tcp
	}
	if tcp, ok := socket.RemoteAddr().(*net.TCPAddr); ok {
		f.remote = tcp.AddrPort().Addr().Unmap()
	}
	// With compression packets look different.
	if compress.IsValid() && compress.Kind() == reflect.Bool && !compress.Bool() {
		f.socket = socket
	}
	return f
}

// rowsEnded reports whether nothing of the rows is left to be read: the stock
// driver's have no connection any more. If it cannot tell it says no.
func rowsEnded(rows driver.Rows) bool {
	v := reflect.ValueOf(rows)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return false
	}
	mc := v.Elem().FieldByName("mc")
	return mc.IsValid() && mc.Kind() == reflect.Pointer && mc.IsNil()
}

// stockColumns is the columns that the stock driver has of a prepared statement;
// invalid: unknown. On MariaDB the server does not send them again, and then the
// stock driver's Exec (1.10.1) waits for them for ever.
func stockColumns(s driver.Stmt) (columns reflect.Value) {
	v := reflect.ValueOf(s)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return columns
	}
	if f := v.Elem().FieldByName("columns"); f.IsValid() && f.Kind() == reflect.Slice {
		columns = f
	}
	return columns
}

// cancelled reports whether a context's end closed the connection; no if that is
// not known.
func (f *stockFields) cancelled() bool { return f.canceled != nil && f.canceled.Load() != nil }

// knowsStatus reports whether the status flags are known.
func (f *stockFields) knowsStatus() bool { return f.statusFlag.IsValid() }

// status returns the flags of the server's latest answer.
func (f *stockFields) status() uint16 { return uint16(f.statusFlag.Uint()) }
