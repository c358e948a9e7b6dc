package physical

import (
	"database/sql/driver"
	"net"
	"net/netip"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// stockFields is what the stock driver's connection knows and has no method for.
type stockFields struct {
	Socket     net.Conn   // nil: unknown, or not to be written to by others
	local      net.Addr   // the socket's own address; nil: unknown
	Remote     netip.Addr // the server's address; the zero Addr: unknown
	known      stockdriver.Conn
	statusFlag stockdriver.Status // the server's status as of the latest answer
	statusWord *uint16            // the same, to be written to; nil: unknown
	cfg        *mysql.Config      // what it logged in with, changed by BeforeConnect; nil: unknown
	maxPacket  int                // the greatest packet that the stock driver sends, in bytes; 0: unknown
}

// fieldsOf returns the fields of a connection that has logged in.
func fieldsOf(c driver.Conn) stockFields {
	known, status := stockdriver.ConnOf(c), stockdriver.StatusOf(c)
	return stockFields{
		Socket: known.Socket, local: known.Local, Remote: known.Remote, known: known, cfg: known.Config, maxPacket: known.MaxPacket,
		statusFlag: status, statusWord: status.Word(),
	}
}

// cancelled reports whether a context's end closed the connection; no if that is
// not known.
func (f *stockFields) cancelled() bool { return f.known.Cancelled() }

// knowsStatus reports whether the status flags are known.
func (f *stockFields) knowsStatus() bool { return f.statusFlag.Known() }

// status returns the flags of the server's latest answer.
func (f *stockFields) status() uint16 { return f.statusFlag.Flags() }
