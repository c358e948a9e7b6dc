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
	tracks         bool    // there are several, or pool_target restricts the one; immutable
	rejectReadOnly bool    // of the DSN; immutable
	events         Events  // immutable

	Stmts  *StmtLimits
	Tracer *Tracer // immutable once the pool is used; may be nil

	AfterLogin AfterLogin // nil: none; set before use

	UseTimes       histogram.Histogram
	Undone, Resets atomic.Int64 // connections that were restored so
}

// Events receives what others must know about a physical connection. No method waits.
type Events interface {
	// Learned reports what the first login to a host learned about it. waitTimeout is the
	// session's, as the server returns it.
	Learned(h *Host, facts *serverinfo.Facts, waitTimeout string)

	// Silent reports that a connection to a host had no answer within limit, the pool's
	// own. Others that were idle at least as long are likely to have none.
	Silent(h *Host, limit, idle time.Duration)
	// Verify reports that a caller whose deadline was shorter than limit had none.
	Verify(h *Host, limit, idle time.Duration)
	// Unready reports that a host refuses statements.
	Unready(h *Host, why error)
	// WriteRefused reports that the host of p refused a write because it takes none.
	WriteRefused(p *Conn, why error)
	// BecameReadOnly reports that the stock driver closed a connection to the only host
	// for that (rejectReadOnly).
	BecameReadOnly()

	// TooManyStmts reports that a server has no room for another prepared statement.
	TooManyStmts()
	// Kill has a statement killed that still runs on the server.
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

// several reports whether there are several hosts.
func (s *Shared) several() bool { return len(s.hosts) > 1 }

// Log returns the logger. It is not kept, since a program may set slog's
// default late.
func (s *Shared) Log() *slog.Logger {
	log := s.logger
	if log == nil {
		log = slog.Default()
	}
	if s.PoolName != "" {
		log = log.With(slog.String("pool_name", s.PoolName))
	}
	return log
}

// acted notes what a statement did to schemas and other sessions.
func (s *Shared) acted(st *session.Statement) {
	for _, h := range s.hosts {
		if st.AltersSchemas() {
			h.Server.Schemas.Add(1)
		}
		if st.Kills() {
			h.Server.Kills.Add(1)
		}
	}
}
