package mysqlpool

import (
	"sync/atomic"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/budget"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/loginpace"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
	"github.com/mysqlpool/mysqlpool/internal/session"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// host is one server that a login's address names, and what is known of it.
type host struct {
	addr string        // host:port, or a socket's path
	cfg  *mysql.Config // the config to log in there with; immutable

	server  *server            // shared with the other pools that log in there; nil until newLogin
	known   *serverinfo.Server // of server
	share   *budget.Share      // what the pool has of the server's budget; likewise
	account *loginpace.Account // shared with the pools that log in as the same user; likewise

	loginDoubts atomic.Int64 // doubts when the latest login began that succeeded

	config  *dsn.ConnConfig // of cfg; immutable
	changes bool            // BeforeConnect may change it for each login; immutable

	learned  atomic.Pointer[serverinfo.Facts] // nil until the first login
	baseline atomic.Pointer[session.Baseline] // of the latest login

	noReleaseAll atomic.Bool // it does not know RELEASE_ALL_LOCKS

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

func newHost(cfg *mysql.Config) *host {
	return &host{addr: cfg.Addr, cfg: cfg, config: dsn.ConnConfigOf(cfg), changes: stockdriver.MayChange(cfg)}
}
