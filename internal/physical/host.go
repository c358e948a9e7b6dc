package physical

import (
	"sync/atomic"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
	"github.com/mysqlpool/mysqlpool/internal/session"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// Host is one host of a DSN, as its connections know it.
type Host struct {
	Addr  string        // host:port, or a socket's path
	Cfg   *mysql.Config // the config to log in there with; immutable
	Index int           // its place among the hosts; immutable

	Server *serverinfo.Server // shared with the other pools that log in there; immutable

	Config  *dsn.ConnConfig // parsed from Cfg; immutable
	changes bool            // BeforeConnect may change it for each login; immutable

	Learned  atomic.Pointer[serverinfo.Facts] // nil until the first login
	baseline atomic.Pointer[session.Baseline] // of the latest login
	after    atomic.Pointer[session.Baseline] // ... as AfterLogin left it

	noReleaseAll atomic.Bool  // it does not know RELEASE_ALL_LOCKS
	lastIDStays  atomic.Int32 // whether LAST_INSERT_ID(0) is ignored

	loggedNoVariables atomic.Bool   // it was logged that the server's variables cannot be read
	checks            atomic.Int32  // whether it refuses refusedUnless
	hasNoRoles        atomic.Bool   // it does not know CURRENT_ROLE()
	left              atomic.Uint32 // session.Kinds that users left so far

	// DeadFound counts how often a connection to it was found dead. The others may be dead
	// as well: see Conn.CheckAlive. So may the server, and another be there by the next
	// login.
	DeadFound   atomic.Int64
	learnedAsOf atomic.Int64 // DeadFound, when a login last found that Learned holds

	replicaQuery atomic.Int32 // the query for its replication

	Open atomic.Int64 // connections of the pool, each until it is closed
}

func NewHost(cfg *mysql.Config, index int, known *serverinfo.Server) *Host {
	return &Host{Addr: cfg.Addr, Cfg: cfg, Index: index, Server: known, Config: dsn.ConnConfigOf(cfg), changes: stockdriver.MayChange(cfg)}
}

// Moment is what a host's counters were at some time.
type Moment struct{ deadFound, kills, schemas int64 }

// Now returns what they are.
func (h *Host) Now() Moment {
	return Moment{h.DeadFound.Load(), h.Server.Kills.Load(), h.Server.Schemas.Load()}
}

// keepsWarnings: see [serverinfo.KeepsWarnings].
func (h *Host) keepsWarnings() bool {
	s := h.Learned.Load()
	return s != nil && s.KeepsWarnings
}

func (h *Host) isMariaDB() bool {
	s := h.Learned.Load()
	return s != nil && s.MariaDB
}

// runsAtPrepare: see [serverinfo.Facts].
func (h *Host) runsAtPrepare() bool {
	s := h.Learned.Load()
	return s != nil && s.RunsAtPrepare
}
