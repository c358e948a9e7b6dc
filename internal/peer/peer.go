// Package peer tells which program is at the other end of a unix socket.
package peer

import (
	"crypto/tls"
	"net"
)

// Program returns the name of the program that listens at the other end of a unix socket:
// that of its file unless it gave itself another, of which Linux keeps 15 bytes
// (proc_pid_comm(5)). It returns "" if that is not known: the connection is not a unix
// socket, nor TLS over one; the program runs in another pid namespace, as a container's;
// /proc is not there, is another namespace's, or hides it; the system is not Linux.
//
// With socket activation (systemd.socket(5)) it is the program that made the socket.
func Program(c net.Conn) string {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	socket, ok := c.(*net.UnixConn)
	if !ok {
		return "" // such as a dialer's own type, which may do anything with what is sent
	}
	return program(socket)
}
