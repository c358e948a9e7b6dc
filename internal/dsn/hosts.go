package dsn

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// Hosts returns a config for each of the hosts that its address names, in its order. With
// tcp there may be several: tcp(db1:3306,db2:3306), each with port 3306 unless it says
// another.
func Hosts(cfg *mysql.Config) ([]*mysql.Config, error) {
	if !namesHosts(cfg) {
		return []*mysql.Config{cfg}, nil
	}
	list := Address(cfg)
	var all []*mysql.Config
	for part := range strings.SplitSeq(list, ",") {
		addr := withPort(strings.TrimSpace(part))
		name, port, err := net.SplitHostPort(addr)
		if err != nil || name == "" || port == "" {
			return nil, fmt.Errorf("mysqlpool: address %s: got %q as one of the hosts, want host:port", list, part)
		}
		if slices.ContainsFunc(all, func(h *mysql.Config) bool { return h.Addr == addr }) {
			return nil, fmt.Errorf("mysqlpool: address %s: got %s twice, want each host once", list, addr)
		}
		one := cfg.Clone()
		one.Addr = addr
		one.RejectReadOnly = false // handled by physical.Holder.rejects
		if c := one.TLS; c != nil && !c.InsecureSkipVerify && (c.ServerName == "" || c.ServerName == serverName(cfg.Addr)) {
			c.ServerName = name // as the stock driver takes it from the address
		}
		all = append(all, one)
	}
	return all, nil
}

// namesHosts reports whether the address is of several hosts. Of another network
// than tcp only its dialer knows what an address means.
func namesHosts(cfg *mysql.Config) bool { return cfg.Net == "tcp" && strings.Contains(cfg.Addr, ",") }

// Address is the address as it was written. The stock driver takes several
// hosts for one, and may add a port: [db1:3306,db2:3306]:3306.
func Address(cfg *mysql.Config) string {
	inner, ok := strings.CutSuffix(cfg.Addr, "]:3306")
	if namesHosts(cfg) && ok && strings.HasPrefix(inner, "[") && strings.Contains(inner, ",") {
		return inner[1:]
	}
	return cfg.Addr
}

func withPort(addr string) string {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return net.JoinHostPort(strings.Trim(addr, "[]"), "3306")
	}
	return addr
}

// serverName is what the stock driver has a certificate checked for.
func serverName(addr string) string {
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return name
}
