package physical

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// TraceOp is what a pool does for a request, or for the next one, besides its statements.
type TraceOp string

const (
	TraceWait    TraceOp = "wait"    // a checkout was in the queue
	TraceLogin   TraceOp = "login"   // to one host
	TraceRestore TraceOp = "restore" // of session state
	TracePing    TraceOp = "ping"    // before a connection is used that was idle for long, or that may be dead
)

// TraceEvent is one of these, after it has ended.
type TraceEvent struct {
	Op       TraceOp
	Login    string // user@net(addr)
	Name     string // pool_name
	Host     string // host:port, or a socket's path; "" for a wait
	Start    time.Time
	Duration time.Duration
	State    string // of a restore: the kinds of state that were left
	How      string // of a restore: a restoreMethod
	Err      error
}

// TraceFunc is told of an event, with the values of the context of who needed it.
type TraceFunc func(ctx context.Context, e TraceEvent)

// Tracer is who is told. Without anybody it costs one atomic load for each event, and no
// look at the clock. A nil Tracer has no functions.
type Tracer struct {
	mu  sync.Mutex                   // held to change all
	all atomic.Pointer[[]*TraceFunc] // immutable; nil if there is none
}

// Add has f told from now on, until remove is called.
func (t *Tracer) Add(f TraceFunc) (remove func()) {
	one := &f
	t.change(func(all []*TraceFunc) []*TraceFunc { return append(all, one) })
	return func() {
		t.change(func(all []*TraceFunc) []*TraceFunc {
			return slices.DeleteFunc(all, func(other *TraceFunc) bool { return other == one })
		})
	}
}

func (t *Tracer) change(f func([]*TraceFunc) []*TraceFunc) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*TraceFunc
	if now := t.all.Load(); now != nil {
		all = slices.Clone(*now)
	}
	if all = f(all); len(all) == 0 {
		t.all.Store(nil)
		return
	}
	t.all.Store(&all)
}

// now is when an event begins, or the zero time if there is no function.
func (t *Tracer) now() time.Time {
	if t == nil || t.all.Load() == nil {
		return time.Time{}
	}
	return time.Now()
}

func (t *Tracer) tell(ctx context.Context, e TraceEvent) {
	if all := t.all.Load(); all != nil {
		for _, f := range *all {
			(*f)(ctx, e)
		}
	}
}

// TraceStart is when an event begins that Traced tells of, or the zero time if nobody is
// to be told.
func (s *Shared) TraceStart() time.Time { return s.Tracer.now() }

// Traced tells of an event that began at start, and ended now.
func (s *Shared) Traced(ctx context.Context, start time.Time, e TraceEvent) {
	if start.IsZero() {
		return
	}
	e.Login, e.Name, e.Start, e.Duration = s.Name, s.PoolName, start, time.Since(start)
	s.Tracer.tell(ctx, e)
}

// Waited tells of a checkout that left the queue now, after so long.
func (s *Shared) Waited(ctx context.Context, waited time.Duration, err error) {
	if now := s.Tracer.now(); !now.IsZero() {
		s.Traced(ctx, now.Add(-waited), TraceEvent{Op: TraceWait, Err: err})
	}
}
