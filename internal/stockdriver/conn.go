// Package stockdriver knows of the stock driver (github.com/go-sql-driver/mysql) what
// it has no method for. It is the only package of the project that reads another's
// fields, and the only one with unsafe.
//
// Fields are found by name and type. Another version of the stock driver, or a type
// that is not its own, makes them unknown, and each function says what that means: never
// that something may be done.
package stockdriver

import (
	"database/sql/driver"
	"net"
	"net/netip"
	"reflect"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"
)

// Conn is what is known of a connection. The zero value knows nothing.
type Conn struct {
	// Socket is where packets may be written to and read from between two statements;
	// nil: unknown, or they look different there, as with compression.
	Socket net.Conn
	// NetConn is what Socket is, to be looked at only, with compression too; nil: unknown.
	NetConn net.Conn
	// Local is the socket's own address; nil: unknown, or not of TCP.
	Local net.Addr
	// Remote is the server's address; the zero Addr: unknown, or not of TCP.
	Remote netip.Addr

	// Config is what it logged in with, changed by BeforeConnect; nil: unknown.
	Config *mysql.Config
	// MaxPacket is the greatest packet that it sends, in bytes; 0: unknown.
	MaxPacket int

	canceled *atomic.Value // why it was cancelled, once it was; nil: unknown
	status   Status
}

// ConnOf returns what is known of a connection that has logged in.
func ConnOf(c driver.Conn) (f Conn) {
	v := structOf(c)
	if !v.IsValid() {
		return f
	}
	f.status = StatusOf(c)
	if canceled := v.FieldByName("canceled"); canceled.IsValid() && canceled.Kind() == reflect.Struct {
		if value := canceled.FieldByName("value"); value.IsValid() && value.Type() == reflect.TypeFor[atomic.Value]() {
			f.canceled = (*atomic.Value)(value.Addr().UnsafePointer())
		}
	}
	if cfg := v.FieldByName("cfg"); cfg.IsValid() && cfg.Type() == reflect.TypeFor[*mysql.Config]() {
		f.Config = *(**mysql.Config)(cfg.Addr().UnsafePointer())
	}
	if limit := v.FieldByName("maxAllowedPacket"); limit.IsValid() && limit.Kind() == reflect.Int {
		f.MaxPacket = int(limit.Int())
	}
	compress, netConn := v.FieldByName("compress"), v.FieldByName("netConn")
	if !netConn.IsValid() || netConn.Type() != reflect.TypeFor[net.Conn]() {
		return f
	}
	socket := *(*net.Conn)(netConn.Addr().UnsafePointer()) // reflect does not let it be read otherwise
	if socket == nil {
		return f
	}
	f.NetConn = socket
	if tcp, ok := socket.LocalAddr().(*net.TCPAddr); ok {
		f.Local = tcp
	}
	if tcp, ok := socket.RemoteAddr().(*net.TCPAddr); ok {
		f.Remote = tcp.AddrPort().Addr().Unmap()
	}
	if compress.IsValid() && compress.Kind() == reflect.Bool && !compress.Bool() {
		f.Socket = socket
	}
	return f
}

// Cancelled reports whether a context's end closed the connection; no if that is
// not known.
func (f Conn) Cancelled() bool { return f.canceled != nil && f.canceled.Load() != nil }

// structOf returns the struct that an interface points to, or the zero Value.
func structOf(p any) reflect.Value {
	v := reflect.ValueOf(p)
	if !knowsInsides || v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v.Elem()
}
