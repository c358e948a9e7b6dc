package hosts

import (
	"sync/atomic"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/budget"
	"github.com/mysqlpool/mysqlpool/internal/loginpace"
	"github.com/mysqlpool/mysqlpool/internal/physical"
)

// dialTarget is one server that a login's address names, and what is known of it.
type dialTarget struct {
	*physical.Host // immutable

	server  *serverEntry       // shared with the other pools that log in there; immutable
	share   *budget.Share      // what the pool has of the server's budget; immutable
	account *loginpace.Account // shared with the pools that log in as the same user; immutable

	deadFoundAtLogin atomic.Int64 // DeadFound when the latest login began that succeeded

	panics panics

	wake      chan struct{} // holds one: what prober.probeLoop waits for may be due earlier
	verifying atomic.Bool   // events.Verify is under way
	resolving atomic.Bool   // Dialer.watchAddrs is under way

	loggingIn           atomic.Int64
	opened, loginErrors atomic.Int64
	probes              atomic.Int64
}

// newDialTarget returns a host of which nothing is known yet. size is the pool's.
func newDialTarget(cfg *mysql.Config, index, size int) *dialTarget {
	s := servers.of(cfg)
	return &dialTarget{
		Host:    physical.NewHost(cfg, index, s.Server),
		server:  s,
		share:   budget.NewShare(s.budget, cfg.User, size),
		account: loginpace.Accounts.Of(cfg),
		wake:    make(chan struct{}, 1),
	}
}

// taken is how many connections there are, with the logins under way.
func (h *dialTarget) taken() int64 { return h.Open.Load() + h.loggingIn.Load() }
