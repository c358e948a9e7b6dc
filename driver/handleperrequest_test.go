package mysqlpool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/failover"
	"github.com/mysqlpool/mysqlpool/internal/hosts"
	"github.com/mysqlpool/mysqlpool/internal/registry"
)

// requests is what some requests came to, one after the other.
type requests struct {
	n, failed int
	tried     int           // logins
	lines     int           // of the log, about hosts
	longest   time.Duration // of a request, but the first
	latest    error
}

// ask has requests made for so long, each on a handle of its own or all on one.
func (c *cluster) ask(t *testing.T, params string, handleEach bool, lasts, pause time.Duration) (r requests) {
	t.Helper()
	var log logged
	open := func() *sql.DB {
		connector := c.connector(t, params)
		connector.Logger = slog.New(slog.NewTextHandler(&log, nil))
		return sql.OpenDB(connector)
	}
	db := open()
	tried := c.tried()
	for end := time.Now().Add(lasts); time.Now().Before(end); r.n++ {
		if handleEach {
			db.Close()
			db = open()
		}
		start := time.Now()
		if _, err := db.Exec("SELECT 1"); err != nil {
			r.failed, r.latest = r.failed+1, err
		}
		if r.n > 0 {
			r.longest = max(r.longest, time.Since(start))
		}
		time.Sleep(pause)
	}
	r.tried, r.lines = c.tried()-tried, strings.Count(log.take(), "host")
	db.Close()
	return r
}

// Requests that each open and close a handle find out no more often than those of one
// handle which hosts are down, and the log says it as often.
func TestHandlePerRequestKnowsTheHosts(t *testing.T) {
	for name, test := range map[string]struct {
		params   string
		set      func(*cluster)
		succeeds bool
	}{
		"all down": {"", func(c *cluster) { c.is("a:1", isDown); c.is("b:2", isDown); c.is("c:3", isDown) }, false},
		"one host that must be the primary is down": {"pool_target=primary", func(c *cluster) {
			c.addr = "a:1"
			c.is("a:1", isDown)
		}, false},
		"none takes writes":    {"pool_target=primary", func(c *cluster) { c.primaryIs("") }, false},
		"the first is silent":  {"pool_size=0&pool_idle_timeout=0&timeout=2s", func(c *cluster) { c.is("a:1", isHung) }, true},
		"the first is refused": {"pool_size=0&pool_idle_timeout=0", func(c *cluster) { c.is("a:1", isDown) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			var got [2]requests
			for i := range got {
				bubble(t, func(t *testing.T, s *fakeServer) {
					c := newCluster(s)
					test.set(c)
					r := c.ask(t, test.params, i == 1, time.Minute, 50*time.Millisecond)
					if (r.failed < r.n/2) != test.succeeds {
						t.Errorf("%d of %d requests failed, the latest with %v", r.failed, r.n, r.latest)
					}
					got[i] = r

					for _, addr := range []string{"a:1", "b:2", "c:3"} {
						c.is(addr, "")
					}
					c.primaryIs("a:1")
					if name == "none takes writes" {
						time.Sleep(failover.MaxBackoff) // its probes find that out
					}
					if back := c.ask(t, test.params, i == 1, time.Second, 50*time.Millisecond); back.failed > 0 {
						t.Errorf("%d of %d requests failed after the hosts were back, the latest with %v", back.failed, back.n, back.latest)
					}

					time.Sleep(failover.MaxBackoff + time.Second)
					Invalidate(nil)
					time.Sleep(failover.MaxBackoff + time.Second)
					if all := Stats(); len(all) != 0 {
						t.Errorf("a pool is kept that nobody used for long: %+v", all)
					}
				})
			}
			one, each := got[0], got[1]
			if each.tried > one.tried*11/10+3 || each.lines > one.lines || each.longest > one.longest {
				t.Errorf("a handle for each request: %+v\none handle: %+v\nwant no more logins, lines, time", each, one)
			}
		})
	}
}

// A login that panicked is not tried again at once by the next handle either: each
// leaves its socket open.
func TestHandlePerRequestAndPanics(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.addr = "a:1"
		var well atomic.Bool
		s.login = func(context.Context, int) error {
			if !well.Load() {
				panic("index out of range")
			}
			return nil
		}
		r := c.ask(t, "", true, time.Minute, 50*time.Millisecond)
		if r.failed != r.n || r.tried > 15 {
			t.Errorf("%d of %d requests failed, with %d logins; want all, and 15 logins at most", r.failed, r.n, r.tried)
		}
		well.Store(true)
		time.Sleep(hosts.MaxPanicBackoff)
		if r := c.ask(t, "", true, time.Second, 50*time.Millisecond); r.failed > 0 {
			t.Errorf("%d of %d requests failed, the latest with %v", r.failed, r.n, r.latest)
		}
	})
}

// Nothing piles up of hosts that nobody asks for again.
func TestManyDeadAddresses(t *testing.T) {
	for _, several := range []bool{false, true} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			s.login = func(context.Context, int) error { return errDown }
			goroutines := runtime.NumGoroutine()
			for i := range 10_000 {
				s.addr = fmt.Sprintf("a%d:1", i)
				if several {
					s.addr += fmt.Sprintf(",b%d:1", i)
				}
				c := s.connector(t, "")
				c.Logger = slog.New(slog.DiscardHandler)
				db := sql.OpenDB(c)
				if err := db.Ping(); !errors.Is(err, errDown) {
					t.Fatalf("got %v, want %v", err, errDown)
				}
				db.Close()
			}
			synctest.Wait()
			if n := len(Stats()); n > registry.MaxLingering {
				t.Errorf("%d pools, want %d at most", n, registry.MaxLingering)
			}
			if n := runtime.NumGoroutine() - goroutines; n > 3*registry.MaxLingering {
				t.Errorf("%d goroutines more than before", n)
			}
			time.Sleep(2 * failover.MaxBackoff)
			if n := len(Stats()); n > 0 {
				t.Errorf("%d pools long after the latest request, want none", n)
			}
		})
	}
}
