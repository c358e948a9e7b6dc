package physical

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/histogram"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// Shared is the options, hosts, logger and counters that all connections of one pool share.
type Shared struct {
	dsn.Options
	logger *slog.Logger // nil: slog.Default
	Name   string       // user@net(addr), for people

	hosts          []*Host // in the order of the DSN; immutable
	tracks         bool    // there are several, or pool_target says what the one must be; immutable
	rejectReadOnly bool    // of the DSN; immutable
	events         Events  // immutable

	Stmts  *StmtLimits
	Tracer *Tracer // immutable once the pool is used; may be nil

	AfterLogin AfterLogin // nil: none; set before use

	UseTimes       histogram.Histogram
	Undone, Resets atomic.Int64 // connections that were restored so
}

// Events is whom a physical connection tells what it meets that others must know. No
// method waits.
type Events interface {
	// Learned says what the first login to a host learned of it. waitTimeout is the
	// session's, as the server says it.
	Learned(h *Host, facts *serverinfo.Facts, waitTimeout string)

	// Silent says that a connection to a host had no answer within limit, the pool's
	// own. Others that nobody used for as long as idle are likely to have none.
	Silent(h *Host, limit, idle time.Duration)
	// Verify says that a caller whose deadline was shorter than limit had none.
	Verify(h *Host, limit, idle time.Duration)
	// Unready says that a host refuses statements.
	Unready(h *Host, why error)
	// WriteRefused says that the host of p refused a write because it takes none.
	WriteRefused(p *Conn, why error)
	// BecameReadOnly says that the stock driver closed a connection to the only host
	// for that (rejectReadOnly).
	BecameReadOnly()

	// TooManyStmts says that a server has no room for another prepared statement.
	TooManyStmts()
	// Kill has a statement ended that runs on the server still.
	Kill(v Victim)
}

func NewShared(name string, o dsn.Options, logger *slog.Logger, hosts []*Host, rejectReadOnly bool, e Events) *Shared {
	target := o.Target
	return &Shared{
		Options: o, logger: logger, Name: name,
		hosts: hosts, tracks: len(hosts) > 1 || target != dsn.TargetAuto && target != dsn.TargetAny,
		rejectReadOnly: rejectReadOnly, events: e,
		Stmts: NewStmtLimits(o.StmtCache),
	}
}

// several reports whether there is another host to go to.
func (l *Shared) several() bool { return len(l.hosts) > 1 }

// Log returns the logger. It is not kept, since a program may set slog's
// default late.
func (l *Shared) Log() *slog.Logger {
	log := l.logger
	if log == nil {
		log = slog.Default()
	}
	if l.PoolName != "" {
		log = log.With(slog.String("pool_name", l.PoolName))
	}
	return log
}

// acted notes what a statement did beyond its session.
func (l *Shared) acted(st *session.Statement) {
	for _, h := range l.hosts {
		if st.AltersSchemas() {
			h.Server.Schemas.Add(1)
		}
		if st.Kills() {
			h.Server.Kills.Add(1)
		}
	}
}
