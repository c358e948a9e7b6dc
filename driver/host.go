package mysqlpool

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// host is one server that a login's address names, and what is known of it.
type host struct {
	addr string        // host:port, or a socket's path
	cfg  *mysql.Config // the config to log in there with; immutable

	server  *server  // shared with the other pools that log in there; nil until newLogin
	share   *share   // what the pool has of the server's budget; likewise
	account *account // shared with the pools that log in as the same user; likewise

	loginDoubts atomic.Int64 // doubts when the latest login began that succeeded

	config  *connConfig // of cfg; immutable
	changes bool        // BeforeConnect may change it for each login; immutable

	learned  atomic.Pointer[serverFacts]      // nil until the first login
	baseline atomic.Pointer[session.Baseline] // of the latest login

	noReleaseAll atomic.Bool  // it does not know RELEASE_ALL_LOCKS
	lastIDStays  atomic.Int32 // whether LAST_INSERT_ID(0) is ignored

	toldBlind atomic.Bool // the log has it that the server does not tell its variables

	// doubts counts how often a connection to it was found dead. The others may
	// be dead as well: see physical.checkAlive.
	doubts atomic.Int64

	panics panics

	index        int           // in balancer.hosts; immutable
	wake         chan struct{} // holds one: what login.probeLoop waits for may be due earlier
	replicaQuery atomic.Int32  // how it is asked for its replication
	verifying    atomic.Bool   // login.verify is under way
	resolving    atomic.Bool   // login.watchAddrs is under way

	open, loggingIn     atomic.Int64
	opened, loginErrors atomic.Int64
	probes              atomic.Int64
}

// taken is how many connections there are, with the logins under way.
func (h *host) taken() int64 { return h.open.Load() + h.loggingIn.Load() }

// hostsOf returns the hosts of a config, in its order. With tcp there may be
// several: tcp(db1:3306,db2:3306), each with port 3306 unless it says another.
func hostsOf(cfg *mysql.Config) ([]*host, error) {
	if !namesHosts(cfg) {
		return []*host{newHost(cfg)}, nil
	}
	list := hostList(cfg)
	var all []*host
	for part := range strings.SplitSeq(list, ",") {
		addr := withPort(strings.TrimSpace(part))
		name, port, err := net.SplitHostPort(addr)
		if err != nil || name == "" || port == "" {
			return nil, fmt.Errorf("mysqlpool: address %s: got %q as one of the hosts, want host:port", list, part)
		}
		if slices.ContainsFunc(all, func(h *host) bool { return h.addr == addr }) {
			return nil, fmt.Errorf("mysqlpool: address %s: got %s twice, want each host once", list, addr)
		}
		one := cfg.Clone()
		one.Addr = addr
		one.RejectReadOnly = false // see conn.rejects
		if c := one.TLS; c != nil && !c.InsecureSkipVerify && (c.ServerName == "" || c.ServerName == serverName(cfg.Addr)) {
			c.ServerName = name // as the stock driver takes it from the address
		}
		all = append(all, newHost(one))
	}
	return all, nil
}

func newHost(cfg *mysql.Config) *host {
	return &host{addr: cfg.Addr, cfg: cfg, config: connConfigOf(cfg), changes: mayChange(cfg)}
}

// namesHosts reports whether the address is of several hosts. Of another network
// than tcp only its dialer knows what an address means.
func namesHosts(cfg *mysql.Config) bool { return cfg.Net == "tcp" && strings.Contains(cfg.Addr, ",") }

// hostList is the address as it was written. The stock driver takes several
// hosts for one, and may add a port: [db1:3306,db2:3306]:3306.
func hostList(cfg *mysql.Config) string {
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
