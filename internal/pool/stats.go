package pool

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Stats is a pool at one instant. Always
//
//	Open = InUse + Idle + Pinned
//	Opened = Open + the sum of Closed
type Stats struct {
	Size  int // kept open once opened
	Limit int // open at most; 0 means no limit

	Open      int            // physical connections
	InUse     int            // owned by a logical connection that works with them
	Idle      int            // free: idle in the pool, or offered by a logical connection
	Pinned    int            // released with session state on them
	PinnedBy  map[string]int // those, by kind of state; one may count for several; nil for none
	LoggingIn int            // logins under way; not in Open
	Waiting   int            // checkouts that wait

	Opened      int64          // logins that succeeded
	LoginErrors int64          // logins that failed
	Closed      [Reasons]int64 // by reason
	Waits       int64          // for a login too, and again if what it led to was broken
	Waited      time.Duration  // in all
	Keepalives  int64          // pings of Config.Keepalive
	Timeouts    int64          // checkouts that Config.Timeout or their context ended
}

// counters is the part of Stats that is counted as it happens. Guarded by
// Pool.mu.
type counters struct {
	opened, loginErrors int64
	closed              [Reasons]int64
	waits, timeouts     int64
	waited              time.Duration
	closing             int // dropped, and Close has not returned
}

// Stats returns the pool at this instant.
func (p *Pool[T]) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.statsLocked()
}

func (p *Pool[T]) statsLocked() Stats {
	s := Stats{
		Size: p.size, Limit: p.limit,
		Open: len(p.all), LoggingIn: p.logins, Waiting: p.waiters.len,
		Opened: p.opened, LoginErrors: p.loginErrors, Closed: p.closed,
		Waits: p.waits, Waited: p.waited, Timeouts: p.timeouts, Keepalives: p.pingCount,
	}
	for _, c := range p.all {
		switch state := c.State(); {
		case c == p.pinged:
			s.Idle++
		case state == InUse:
			s.InUse++
		case state == Pinned:
			s.Pinned++
			if p.cfg.PinText == nil {
				continue
			}
			if s.PinnedBy == nil {
				s.PinnedBy = map[string]int{}
			}
			for _, kind := range p.cfg.PinText(c.why.Load()) {
				s.PinnedBy[kind]++
			}
		default:
			s.Idle++
		}
	}
	return s
}

// ErrTimeout is what a checkout returns, inside a TimeoutError, when it got no
// connection in time.
var ErrTimeout = errors.New("mysqlpool: timed out waiting for a connection")

// TimeoutError is a wait that ended without a connection, and the pool as it
// was then. It is ErrTimeout, and the context's error if that ended the wait.
type TimeoutError struct {
	Pool   string // Config.Name
	Waited time.Duration
	Cause  error // ErrTimeout or the context's error
	Server error // why the latest login failed; nil if it succeeded
	Full   bool  // it failed because the server had no room
	Stats  Stats
	Held   map[string]int // connections in use or pinned, by the label they were checked out with
}

func (e *TimeoutError) Error() string {
	var b strings.Builder
	s := &e.Stats
	b.WriteString(ErrTimeout.Error())
	if e.Pool != "" {
		fmt.Fprintf(&b, " of pool %s", e.Pool)
	}
	fmt.Fprintf(&b, ": waited %v", e.Waited.Round(time.Millisecond))
	if e.Cause != ErrTimeout {
		fmt.Fprintf(&b, " (%v)", e.Cause)
	}
	limit := "none"
	if s.Limit > 0 {
		limit = fmt.Sprint(s.Limit)
	}
	fmt.Fprintf(&b, "; limit %s, in use %d, idle %d, pinned %d by session state", limit, s.InUse, s.Idle, s.Pinned)
	if len(s.PinnedBy) > 0 {
		b.WriteString(" (" + countsText(s.PinnedBy) + ")")
	}
	fmt.Fprintf(&b, ", logging in %d, %d others waiting", s.LoggingIn, s.Waiting)
	if len(e.Held) > 0 {
		b.WriteString("; held by " + countsText(e.Held))
	}
	if e.Full {
		fmt.Fprintf(&b, "; the server has no room for more: %v", e.Server)
	} else if e.Server != nil {
		fmt.Fprintf(&b, "; the latest login failed: %v", e.Server)
	} else if s.Limit > 0 && s.Open >= s.Limit {
		b.WriteString("; raise pool_size or pool_max_overflow, or hold fewer connections at a time")
	} else if s.LoggingIn > 0 {
		b.WriteString("; the server is slow to accept logins")
	}
	return b.String()
}

func (e *TimeoutError) Unwrap() []error {
	errs := []error{ErrTimeout}
	if e.Cause != ErrTimeout {
		errs = append(errs, e.Cause)
	}
	if e.Server != nil {
		errs = append(errs, e.Server)
	}
	return errs
}

// maxNames is how many holders, or kinds, a TimeoutError names.
const maxNames = 5

// countsText is the names with the greatest count first.
func countsText(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b))
	})
	var b strings.Builder
	for i, name := range names {
		if i == maxNames {
			fmt.Fprintf(&b, ", %d others", len(names)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		if name == "" {
			name = "(none)"
		}
		fmt.Fprintf(&b, "%s: %d", name, counts[names[i]])
	}
	return b.String()
}

// heldLocked counts the connections that are in use or pinned, by label.
func (p *Pool[T]) heldLocked() map[string]int {
	held := map[string]int{}
	for _, c := range p.all {
		if s := c.State(); c != p.pinged && (s == InUse || s == Pinned) {
			held[c.holder]++
		}
	}
	return held
}
