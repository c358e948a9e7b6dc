package mysqlpool

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// limitsAre changes what the fake server says of its limits.
func (s *fakeServer) limitsAre(connections, user, wait string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maxConnections, s.maxUserGlobal, s.waitTimeout = connections, user, wait
}

// asked is how often the limits were asked for.
func (s *fakeServer) asked() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		for _, text := range c.log {
			if text == serverinfo.LimitsQuery {
				n++
			}
		}
	}
	return n
}

func serverOf(t *testing.T) ServerStats {
	t.Helper()
	all := Servers()
	if len(all) != 1 {
		t.Fatalf("servers: got %+v, want one", all)
	}
	return all[0]
}

func TestChangedLimitsAreFollowed(t *testing.T) {
	for name, use := range map[string]func(t *testing.T, s *fakeServer) (stop func()){
		"a busy pool": func(t *testing.T, s *fakeServer) func() {
			_, _, wait := load(t, asUser(t, s, "app", ""), 30, time.Now().Add(200*time.Second))
			return wait
		},
		"a query each 10 s": func(t *testing.T, s *fakeServer) func() {
			db := asUser(t, s, "app", "")
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range 20 {
					ask(t, db)
					time.Sleep(10 * time.Second)
				}
			}()
			return func() { <-done }
		},
		"logins alone": func(t *testing.T, s *fakeServer) func() {
			db := asUser(t, s, "app", "pool_recycle=1")
			_, _, wait := load(t, db, 1, time.Now().Add(200*time.Second))
			return wait
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				s.tellsLimits = true
				s.limitsAre("100", "0", "28800")
				slowly(s, 100*time.Millisecond)
				stop := use(t, s)
				want := func(max, limit, user int) {
					t.Helper()
					synctest.Wait()
					got := serverOf(t)
					if got.MaxConnections != max || got.Limit != limit || got.Taken > limit {
						t.Errorf("got %+v, want max_connections %d, of which %d for us", got, max, limit)
					}
					if len(got.Accounts) == 1 && got.Accounts[0].Limit != user {
						t.Errorf("got %+v, want max_user_connections %d", got, user)
					}
					if p := onePool(t); p.Limit != limit && p.Limit != user {
						t.Errorf("the pool's limit: got %d, want %d", p.Limit, limit)
					}
				}
				time.Sleep(5 * time.Second)
				want(100, 95, 0)
				s.limitsAre("20", "9", "28800")
				time.Sleep(time.Minute)
				want(20, 17, 9)
				if n := serverOf(t).Taken; n > 9 {
					t.Errorf("taken: got %d, want max_user_connections, 9, at most", n)
				}
				s.limitsAre("200", "0", "28800")
				time.Sleep(time.Minute)
				want(200, 190, 0)
				if n := s.asked(); n > 5 {
					t.Errorf("asked %d times in two minutes", n)
				}
				stop()
				time.Sleep(time.Second)
				wantPlaces(t, s)
			})
		})
	}
}

// Each server is asked once, however many pools there are, and by nobody while none
// is used.
func TestLimitsAreAskedForOncePerServer(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.tellsLimits = true
		s.maxConnections = "500"
		for i := range 100 {
			ask(t, asUser(t, s, fmt.Sprint("tenant", i), "pool_recycle=0"))
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := s.asked(); n > 1 {
			t.Errorf("asked %d times in ten minutes without use, want once, after the first use", n)
		}
		until := time.Now().Add(10 * time.Minute)
		before := s.asked()
		db := asUser(t, s, "tenant7", "pool_recycle=0")
		for time.Now().Before(until) {
			ask(t, db)
			time.Sleep(time.Second)
		}
		if n := s.asked() - before; n < 10 || n > 21 {
			t.Errorf("asked %d times in ten minutes of use, want each 30 to 45 s", n)
		}
		all, _ := s.open()
		if all < 100 {
			t.Errorf("open: got %d, want all 100", all)
		}
	})
}

// An account's own limit does not follow the global one.
func TestAccountsOwnLimitStays(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.tellsLimits = true
		s.maxUserOf = map[string]string{"own": "7"}
		s.limitsAre("100", "30", "28800")
		own, global := asUser(t, s, "own", ""), asUser(t, s, "global", "")
		run := func(d time.Duration) {
			for range d / time.Second {
				ask(t, own)
				ask(t, global)
				time.Sleep(time.Second)
			}
		}
		run(50 * time.Second)
		s.limitsAre("100", "20", "28800")
		run(50 * time.Second)
		want := []AccountStats{{"global", 20, 1}, {"own", 7, 1}}
		if got := serverOf(t).Accounts; !slices.Equal(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// What is older than a lowered wait_timeout allows is closed.
func TestLowerWaitTimeoutIsFollowed(t *testing.T) {
	for _, test := range []struct {
		params string
		closed bool
	}{{"", true}, {"wait_timeout=28800", false}, {"pool_recycle=1000", false}} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			s.tellsLimits = true
			s.limitsAre("100", "0", "28800")
			db := asUser(t, s, "app", test.params)
			db.SetMaxIdleConns(0)
			ask(t, db)
			held, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer held.Close()
			first := ask(t, held)
			for range 12 {
				ask(t, db)
				time.Sleep(10 * time.Second)
			}
			s.limitsAre("100", "0", "60")
			for range 6 {
				ask(t, db)
				time.Sleep(10 * time.Second)
			}
			if id := ask(t, held); id != first {
				t.Errorf("%q: the connection in use was closed", test.params)
			}
			if p := onePool(t); (p.Recycled > 0) != test.closed {
				t.Errorf("%q: recycled: got %d, want some: %v", test.params, p.Recycled, test.closed)
			}
		})
	}
}

// What is not so is not taken for a change.
func TestUnchangedLimitsAreNoNews(t *testing.T) {
	for _, test := range []struct{ name, params, init, session string }{
		{"plain", "", "", ""},
		{"the DSN sets wait_timeout", "wait_timeout=100", "", "100"},
		{"init_connect does", "", "SET wait_timeout = 100", "100"},
	} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			s.tellsLimits = true
			s.initConnect, s.sessionWaitTimeout = test.init, test.session
			var log logged
			c := s.connector(t, test.params)
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
			db := sql.OpenDB(c)
			defer db.Close()
			for range 200 {
				ask(t, db)
				time.Sleep(time.Second)
			}
			if s.asked() == 0 {
				t.Errorf("%s: it was not asked", test.name)
			}
			if got := log.take(); got != "" {
				t.Errorf("%s: logged %s", test.name, got)
			}
			if p := onePool(t); (p.Recycled > 0) != (test.session != "") {
				t.Errorf("%s: recycled: got %d", test.name, p.Recycled)
			}
		})
	}
}

// A connection that does not answer holds nobody up, and is closed.
func TestServerThatDoesNotAnswerWhenItIsAskedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.tellsLimits = true
		s.query = func(ctx context.Context, c *fakeConn, text string) error {
			if text == serverinfo.LimitsQuery && c.id == 1 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		db := asUser(t, s, "app", "")
		for range 60 {
			start := time.Now()
			ask(t, db)
			if took := time.Since(start); took > 0 {
				t.Errorf("a query took %v", took)
			}
			time.Sleep(2 * time.Second)
		}
		if p := onePool(t); p.Broken != 1 || p.Opened != 2 {
			t.Errorf("got %+v, want the one to be closed, and another", p)
		}
		if s.asked() < 2 {
			t.Error("it was not asked again")
		}
		wantPlaces(t, s)
	})
}
