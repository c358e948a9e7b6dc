package doctor

import (
	"net"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// isLocal reports whether nothing between us and the server can be listened to
// from outside this machine.
func isLocal(cfg *mysql.Config) bool {
	if cfg.Net == "unix" {
		return true
	}
	host, _, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return ip.IsLoopback() || strings.EqualFold(host, "localhost")
}
