package physical

import (
	"database/sql/driver"
	"net"
	"net/netip"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// stockFields is what the stock driver's connection knows and has no method for, copied
// from stockdriver.ConnOf, which reads it.
type stockFields struct {
	Socket    net.Conn   // nil: unknown, or not to be written to by others
	local     net.Addr   // the socket's own address; nil: unknown
	Remote    netip.Addr // the server's address; the zero Addr: unknown
	known     stockdriver.Conn
	cfg       *mysql.Config // what it logged in with, changed by BeforeConnect; nil: unknown
	maxPacket int           // the greatest packet that the stock driver sends, in bytes; 0: unknown
}

// fieldsOf returns the fields of a connection that has logged in.
func fieldsOf(c driver.Conn) stockFields {
	known := stockdriver.ConnOf(c)
	return stockFields{
		Socket: known.Socket, local: known.Local, Remote: known.Remote, known: known, cfg: known.Config, maxPacket: known.MaxPacket,
	}
}

// cancelled reports whether a context's end closed the connection; no if that is
// not known.
func (f *stockFields) cancelled() bool { return f.known.Cancelled() }
