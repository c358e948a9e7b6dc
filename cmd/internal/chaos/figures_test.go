package chaos

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// figures is what happened to the transfers of a run.
type figures struct {
	began time.Time

	mu         sync.Mutex // guards what follows
	outcomes   [acknowledged + 1]int
	fault      string                  // the latest
	byFault    map[string]*faultFigure // by the fault that was the latest when a transfer ended
	kinds      map[string]int          // of errors
	longest    time.Duration
	served     time.Time // since when a server can serve again; zero if it did
	recoveries []time.Duration
	mark       time.Time      // as failedSince says
	since      map[string]int // failed transfers that began after mark, by their error
	wrongs     []string
}

type faultFigure struct {
	times           int
	failed, unknown int
}

// Not faults of the injector.
const (
	calm     = "none yet"
	cancelFn = "cancel" // the program itself gave up
)

func newFigures() *figures {
	f := &figures{began: time.Now(), byFault: map[string]*faultFigure{}, kinds: map[string]int{}}
	f.inject(calm)
	return f
}

// inject says that a fault begins.
func (f *figures) inject(fault string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
	f.figure(fault).times++
}

// figure is called with mu held.
func (f *figures) figure(fault string) *faultFigure {
	if f.byFault[fault] == nil {
		f.byFault[fault] = &faultFigure{}
	}
	return f.byFault[fault]
}

// servesSince says that a server can serve again, since when.
func (f *figures) servesSince(at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.served = at
	f.mark, f.since = at, map[string]int{}
}

// failedSince returns the errors of transfers that began after the latest
// servesSince.
func (f *figures) failedSince() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.since)
}

// add counts a transfer that ends now.
func (f *figures) add(o outcome, err error, givenUp bool, began time.Time) {
	f.checkKind(err)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outcomes[o]++
	f.longest = max(f.longest, time.Since(began))
	switch {
	case o == acknowledged:
		if !f.served.IsZero() && began.After(f.served) {
			f.recoveries = append(f.recoveries, time.Since(f.served))
			f.served = time.Time{}
		}
	default:
		if f.since != nil && !givenUp && began.After(f.mark) {
			f.since[err.Error()]++
		}
		fault := f.fault
		if givenUp {
			fault = cancelFn
			f.figure(fault).times++
		}
		f.figure(fault).failed++
		if o == unknown {
			f.figure(fault).unknown++
		}
	}
}

// wrong notes what may not happen. The test fails with the first few.
func (f *figures) wrong(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wrongs = append(f.wrongs, fmt.Sprintf(format, args...))
}

// checkKind counts an error by its kind, and notes one that no fault explains.
func (f *figures) checkKind(err error) {
	if err == nil {
		return
	}
	kind := kindOf(err)
	if kind == "" {
		f.wrong("an error that no fault explains: %v (%T)", err, err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kinds[kind]++
}

// numbers is the errors of servers that the faults bring about.
var numbers = map[uint16]string{
	1040: "too many connections", 1053: "server shutdown", 1205: "lock wait timeout", 1317: "query interrupted",
	1927: "connection killed", 1158: "network read", 1159: "network read timeout", 1160: "network write", 1161: "network write timeout",
	1047: "node not ready", 1180: "error at commit", 1213: "deadlock", 1877: "terminated", 1290: "read only",
}

// kindOf names the kind of an error that the faults bring about, or returns "".
func kindOf(err error) string {
	var e *mysql.MySQLError
	var network net.Error
	switch {
	case errors.Is(err, mysqlpool.ErrPoolTimeout):
		return "pool timeout"
	case errors.As(err, &e):
		return numbers[e.Number]
	case errors.Is(err, context.Canceled), errors.Is(err, sql.ErrTxDone):
		return "cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline"
	case errors.Is(err, mysql.ErrInvalidConn):
		return "invalid connection"
	case errors.Is(err, driver.ErrBadConn):
		return "bad connection"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "network"
	}
	return ""
}

// awaits waits until so many more transfers are acknowledged.
func (f *figures) awaits(more int) error {
	done := func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.outcomes[acknowledged]
	}
	want := done() + more
	return within(patience, func() error {
		if n := done(); n < want {
			return fmt.Errorf("no business: %d transfers of %d", n, want)
		}
		return nil
	})
}

// progress says now and then how far a long run is.
func (f *figures) progress(ctx context.Context, title string) {
	tick := time.NewTicker(30 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		f.mu.Lock()
		fmt.Fprintf(os.Stderr, "%s: %v: %d transfers, %d refused, %d of unknown outcome, %d wrong\n", title, time.Since(f.began).Round(time.Second),
			f.outcomes[acknowledged], f.outcomes[refused], f.outcomes[unknown], len(f.wrongs))
		f.mu.Unlock()
	}
}

// report logs the figures, and fails the test with what was wrong.
func (f *figures) report(t *testing.T, title string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	took := time.Since(f.began)
	var out strings.Builder
	done := f.outcomes[acknowledged]
	fmt.Fprintf(&out, "%s: %d transfers in %v (%.0f a second), %d refused, %d of unknown outcome; the longest took %v\n", title,
		done, took.Round(100*time.Millisecond), float64(done)/took.Seconds(), f.outcomes[refused], f.outcomes[unknown], f.longest.Round(time.Millisecond))
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "fault\ttimes\tfailed\tof these unknown\teach time\t\n")
	for _, fault := range slices.Sorted(maps.Keys(f.byFault)) {
		if g := f.byFault[fault]; fault != calm || g.failed > 0 {
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%.1f\t\n", fault, g.times, g.failed, g.unknown, float64(g.failed)/float64(g.times))
		}
	}
	w.Flush()
	fmt.Fprintf(&out, "errors: %v\n", f.kinds)
	fmt.Fprintf(&out, "first success after each time that the server could serve again: %v", rounded(f.recoveries))
	t.Log(out.String())
	for i, wrong := range f.wrongs {
		if i == 5 {
			t.Errorf("%d more", len(f.wrongs)-i)
			break
		}
		t.Error(wrong)
	}
}

func rounded(all []time.Duration) []time.Duration {
	r := slices.Clone(all)
	for i := range r {
		r[i] = r[i].Round(time.Millisecond)
	}
	return r
}
