package mysqlpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/budget"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/failover"
	"github.com/mysqlpool/mysqlpool/internal/hosts"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// fullAt has the fake server refuse logins as a real one does, beyond its
// max_connections and the accounts' max_user_connections, and counts how many it
// refused and how many were open at most. A login takes 2 ms.
type fullAt struct {
	refused, most atomic.Int64
	others        atomic.Int64 // connections of other programs
}

func (f *fullAt) enforce(s *fakeServer) {
	var mu sync.Mutex // one login after the other passes the gate
	s.reach = func(ctx context.Context, addr string) error {
		time.Sleep(2 * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		open, _ := s.open()
		s.mu.Lock()
		most, _ := strconv.Atoi(s.maxConnections)
		s.mu.Unlock()
		if open+int(f.others.Load()) >= most {
			f.refused.Add(1)
			return errFull
		}
		f.most.Store(max(f.most.Load(), int64(open+1)))
		return nil
	}
}

// asUser opens a handle of an account.
func asUser(t *testing.T, s *fakeServer, user, params string) *sql.DB {
	t.Helper()
	cfg, err := dsn.Parse(user + ":secret@tcp(" + s.addr + ")/app?" + params)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.Dial = s.dial
	db := sql.OpenDB(c)
	t.Cleanup(func() { db.Close() })
	return db
}

// openOf is how many connections each account has on the server.
func openOf(s *fakeServer) map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := map[string]int{}
	for _, c := range s.conns {
		if !c.closed {
			open[c.user]++
		}
	}
	return open
}

// slowly makes "SELECT 1" take that long.
func slowly(s *fakeServer, d time.Duration) {
	s.query = func(_ context.Context, _ *fakeConn, text string) error {
		if text == "SELECT 1" {
			time.Sleep(d)
		}
		return nil
	}
}

// load has n goroutines ask again and again until the time is over. It returns how
// many answers there were, and how long one waited at most.
func load(t *testing.T, db *sql.DB, n int, until time.Time) (answers func() int64, longest func() time.Duration, wait func()) {
	var count, most atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for time.Now().Before(until) {
				start := time.Now()
				if _, err := db.ExecContext(context.Background(), "SELECT 1"); err != nil {
					t.Errorf("after %v: %v", time.Since(start), err)
					return
				}
				count.Add(1)
				for {
					old := most.Load()
					if took := int64(time.Since(start)); took <= old || most.CompareAndSwap(old, took) {
						break
					}
				}
			}
		})
	}
	return count.Load, func() time.Duration { return time.Duration(most.Load()) }, wg.Wait
}

// wantPlaces checks that the budget counts what is open.
func wantPlaces(t *testing.T, s *fakeServer) {
	t.Helper()
	synctest.Wait()
	open, _ := s.open()
	taken := 0
	for _, b := range hosts.Budgets() {
		taken += b.Stats().Taken
		if err := b.Check(); err != nil {
			t.Error(err)
		}
	}
	if taken != open {
		t.Errorf("places taken: got %d, want as many as connections are open, %d", taken, open)
	}
}

// Handles that stay open: the pools take from each other what they do not use.
func TestManyAccountsOnOneServer(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.maxConnections = "20"
		var f fullAt
		f.enforce(s)
		for range 3 {
			for i := range 60 {
				ask(t, asUser(t, s, fmt.Sprint("tenant", i), ""))
			}
		}
		if f.refused.Load() > 0 || f.most.Load() > 17 {
			t.Errorf("the server refused %d logins, and %d were open at most: want 0 and 17", f.refused.Load(), f.most.Load())
		}
		wantPlaces(t, s)
	})
}

// What is unused for longest goes first, whichever pool has it.
func TestRoomIsMadeByWhatIsUnusedForLongest(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.maxConnections = "8" // 5 for us
		for i := range 5 {
			ask(t, asUser(t, s, fmt.Sprint("tenant", i), ""))
			time.Sleep(10 * time.Second)
		}
		ask(t, asUser(t, s, "tenant1", "")) // not that one: it was used again
		start := time.Now()
		ask(t, asUser(t, s, "new", ""))
		ask(t, asUser(t, s, "newer", ""))
		if took := time.Since(start); took > 0 {
			t.Errorf("took %v, want no wait", took)
		}
		if open := openOf(s); open["tenant0"]+open["tenant2"] != 0 || len(open) != 5 {
			t.Errorf("open: got %v, want all but tenant0 and tenant2", open)
		}
		wantPlaces(t, s)
	})
}

// A place that comes free goes at once to who waits for it.
func TestPlaceIsGrantedAtOnce(t *testing.T) {
	conn := func(t *testing.T, db *sql.DB) *sql.Conn {
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ask(t, c)
		return c
	}
	for name, hold := range map[string]func(t *testing.T, db *sql.DB) (release func()){
		"checked in": func(t *testing.T, db *sql.DB) func() {
			db.SetMaxIdleConns(-1)
			c := conn(t, db)
			return func() { c.Close() }
		},
		"offered": func(t *testing.T, db *sql.DB) func() {
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			return func() { tx.Rollback() }
		},
		"broken": func(t *testing.T, db *sql.DB) func() {
			c := conn(t, db)
			return func() { c.Raw(func(any) error { return driver.ErrBadConn }) }
		},
	} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			s.maxConnections = "6" // 3 for us
			a, b := asUser(t, s, "a", ""), asUser(t, s, "b", "")
			var releases []func()
			for range 3 {
				releases = append(releases, hold(t, a))
			}
			start := time.Now()
			done := make(chan time.Duration, 1)
			go func() {
				if err := b.PingContext(context.Background()); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				done <- time.Since(start)
			}()
			time.Sleep(7777 * time.Millisecond) // in the middle of a long back-off
			releases[0]()
			if waited := <-done; waited != 7777*time.Millisecond {
				t.Errorf("%s: served after %v, want at once, after 7.777s", name, waited)
			}
			releases[1]()
			releases[2]()
			time.Sleep(time.Second)
			wantPlaces(t, s)
		})
	}
}

func TestPoolsWithoutHandlesKeepLittleAtOnce(t *testing.T) {
	for _, params := range []string{"", "pool_size=1&pool_max_overflow=0", "pool_max_overflow=2"} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			var late []*sql.Tx
			for i := range 40 {
				db := asUser(t, s, fmt.Sprint("tenant", i), params)
				var wg sync.WaitGroup
				slowly(s, 50*time.Millisecond)
				for range 3 {
					wg.Go(func() { ask(t, db) })
				}
				wg.Wait()
				if i%2 == 0 && params != "pool_size=1&pool_max_overflow=0" {
					tx, err := db.Begin()
					if err != nil {
						t.Fatal(err)
					}
					late = append(late, tx)
				}
				db.Close()
			}
			synctest.Wait()
			if open, _ := s.open(); open > budget.MaxOrphans+len(late) {
				t.Errorf("%q: open: got %d, with %d in use, want %d besides at most", params, open, len(late), budget.MaxOrphans)
			}
			for _, tx := range late {
				tx.Rollback()
			}
			synctest.Wait()
			if open, _ := s.open(); open > budget.MaxOrphans {
				t.Errorf("%q: open after use: got %d, want %d at most", params, open, budget.MaxOrphans)
			}
			wantPlaces(t, s)
		})
	}
}

// The 16 hold where the server does not say how many it takes, too.
func TestPoolsWithoutHandlesOnAServerWithoutLimits(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.maxConnections = "0"
		for i := range 40 {
			db := asUser(t, s, fmt.Sprint("tenant", i), "")
			ask(t, db)
			db.Close()
		}
		synctest.Wait()
		if open, _ := s.open(); open != budget.MaxOrphans {
			t.Errorf("open: got %d, want %d", open, budget.MaxOrphans)
		}
		for i := range 40 {
			ask(t, asUser(t, s, fmt.Sprint("tenant", i), "")) // and with handles there is no limit
		}
		if open, _ := s.open(); open != 40 {
			t.Errorf("open with handles: got %d, want 40", open)
		}
		wantPlaces(t, s)
	})
}

func TestBusyPoolsShareAServer(t *testing.T) {
	for _, pools := range []int{2, 3, 5} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			s.maxConnections = "22" // 19 for us
			var f fullAt
			f.enforce(s)
			slowly(s, 10*time.Millisecond)
			until := time.Now().Add(10 * time.Second)
			var waits []func()
			var counts []func() int64
			for i := range pools {
				count, _, wait := load(t, asUser(t, s, fmt.Sprint("pool", i), ""), 30, until)
				waits, counts = append(waits, wait), append(counts, count)
				time.Sleep(time.Second) // so that the first ones have all by then
			}
			before := make([]int64, pools)
			for i, count := range counts {
				before[i] = count()
			}
			_, loginsBefore := s.open()
			time.Sleep(time.Until(until))
			_, loginsAfter := s.open()
			open := openOf(s)
			least, most := 1000, 0
			for i, count := range counts {
				n := open[fmt.Sprint("pool", i)]
				least, most = min(least, n), max(most, n)
				t.Logf("%d pools: pool %d has %d connections, and had %d answers", pools, i, n, count()-before[i])
			}
			if most-least > 1 {
				t.Errorf("%d pools: connections: got %v, want them shared evenly", pools, open)
			}
			if n := loginsAfter - loginsBefore; n > 5 {
				t.Errorf("%d pools: %d logins after all had their share, want next to none", pools, n)
			}
			for _, wait := range waits {
				wait()
			}
			if f.refused.Load() > 0 {
				t.Errorf("the server refused %d logins", f.refused.Load())
			}
			time.Sleep(time.Minute)
			wantPlaces(t, s)
		})
	}
}

// More busy pools than places: they take turns, and each turn lasts for a while.
func TestMoreBusyPoolsThanPlaces(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.maxConnections = "10" // 7 for us
		var f fullAt
		f.enforce(s)
		slowly(s, 5*time.Millisecond)
		const pools = 30
		until := time.Now().Add(20 * time.Second)
		var waits []func()
		var counts []func() int64
		var longest []func() time.Duration
		for i := range pools {
			count, most, wait := load(t, asUser(t, s, fmt.Sprint("pool", i), ""), 2, until)
			waits, counts, longest = append(waits, wait), append(counts, count), append(longest, most)
		}
		for _, wait := range waits {
			wait()
		}
		var all []int64
		slowest := time.Duration(0)
		for i := range pools {
			all = append(all, counts[i]())
			slowest = max(slowest, longest[i]())
		}
		_, logins := s.open()
		sum := int64(0)
		for _, n := range all {
			sum += n
		}
		t.Logf("answers of a pool: %d to %d, in all %d of 28000; a query took %v at most; %d logins", slices.Min(all), slices.Max(all), sum, slowest, logins)
		if slices.Min(all)*3 < slices.Max(all) {
			t.Errorf("answers: got %v, want each pool to have its turn", all)
		}
		if slowest > 2*time.Second {
			t.Errorf("a query took %v, want 30 pools to have had their turn of 100 ms in 7 places", slowest)
		}
		if sum < 14000 || logins > 2000 {
			t.Errorf("%d answers with %d logins, want turns that last for a while", sum, logins)
		}
		if f.refused.Load() > 0 {
			t.Errorf("the server refused %d logins", f.refused.Load())
		}
		time.Sleep(time.Minute)
		wantPlaces(t, s)
	})
}

// max_user_connections counts for the account, whatever pools it has.
func TestAccountsLimitOverPools(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.maxUserOf = map[string]string{"small": "4"}
		slowly(s, 10*time.Millisecond)
		var f fullAt
		f.enforce(s)
		until := time.Now().Add(5 * time.Second)
		var waits []func()
		for i := range 3 {
			_, _, wait := load(t, asUser(t, s, "small", fmt.Sprintf("wait_timeout=%d", 100+i)), 5, until)
			waits = append(waits, wait)
		}
		_, longest, wait := load(t, asUser(t, s, "large", ""), 20, until)
		time.Sleep(3 * time.Second)
		open := openOf(s)
		if open["small"] != 4 || open["large"] < 15 {
			t.Errorf("open: got %v, want 4 of small, and nothing that keeps large from its own", open)
		}
		for _, w := range append(waits, wait) {
			w()
		}
		if longest() > 200*time.Millisecond {
			t.Errorf("large waited for %v", longest())
		}
		time.Sleep(time.Minute)
		wantPlaces(t, s)
	})
}

// However a login or a connection ends, its place is free again, once.
func TestPlacesAreCountedExactly(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		ask(t, db)
		held := func() *sql.Conn {
			t.Helper()
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ask(t, c)
			return c
		}
		one := held()
		for name, login := range map[string]func(ctx context.Context) error{
			"fails":   func(context.Context) error { return errServer },
			"full":    func(context.Context) error { return errFull },
			"panics":  func(context.Context) error { panic("fake") },
			"is slow": func(ctx context.Context) error { time.Sleep(40 * time.Second); return nil },
			"breaks":  func(context.Context) error { return driver.ErrBadConn },
		} {
			s.login = func(ctx context.Context, _ int) error { return login(ctx) }
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if c, err := db.Conn(ctx); err == nil {
				t.Errorf("%s: got a connection", name)
				c.Close()
			}
			cancel()
			time.Sleep(2 * time.Minute)
			wantPlaces(t, s)
		}
		s.login = nil
		s.query = refuse(serverinfo.ConnQuery+", @@init_connect, @@time_zone", 1317)
		one.Close()
		s.query = nil
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		wantPlaces(t, s)
		time.AfterFunc(time.Second, func() { tx.Rollback() })
		if err := Dispose(t.Context()); err != nil {
			t.Error(err)
		}
		wantPlaces(t, s)
	})
}

// The error says whose places they are, and the server was not asked.
func TestTimeoutForWantOfAPlace(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.maxConnections = "6"
		a := asUser(t, s, "a", "")
		for range 3 {
			tx, err := a.Begin()
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
		}
		b := asUser(t, s, "b", "pool_timeout=5")
		start := time.Now()
		err := b.PingContext(t.Context())
		if !errors.Is(err, ErrPoolTimeout) || time.Since(start) != 5*time.Second {
			t.Errorf("got %v after %v, want ErrPoolTimeout after 5s", err, time.Since(start))
		}
		const want = "of tcp(fake:3306) this process may have 3 connections (max_connections is 6), of which this pool has 0 and others have 3"
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
		for _, p := range Stats() {
			if p.LoginErrors > 0 {
				t.Errorf("%s: %d logins failed, want none, since none was tried", p.Login, p.LoginErrors)
			}
		}
	})
}

// Other programs fill the server beside us: its own error is met, as ever.
func TestOtherProgramsFillTheServer(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.maxConnections = "20"
		var f fullAt
		f.enforce(s)
		ask(t, asUser(t, s, "a", ""))
		f.others.Store(19)
		db := asUser(t, s, "b", "")
		time.AfterFunc(5*time.Second, func() { f.others.Store(0) })
		start := time.Now()
		ask(t, db)
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %v, want the connection that a does not use to make room", took)
		}
		if f.refused.Load() == 0 {
			t.Error("want the server to have refused a login, or nothing is shown")
		}
		time.Sleep(time.Minute)
		wantPlaces(t, s)
	})
}

// spikeOf has n queries run at once.
func spikeOf(t *testing.T, db *sql.DB, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if _, err := db.ExecContext(context.Background(), "SELECT 1"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestSpikeIsClosedSoon(t *testing.T) {
	for _, test := range []struct {
		name        string
		keeps       int // SetMaxIdleConns
		max, spikes int
		want        int // open some seconds later, at most
	}{
		{"one pool", 2, 100, 1, 5 + 25},
		{"one pool whose handle keeps what it had", 1000, 100, 1, 5 + 25},
		{"a server of any size", 2, 400, 1, 5 + 100},
		{"two pools", 2, 100, 2, 10 + 25},
		{"less than a quarter", 2, 1000, 1, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				s.maxConnections = fmt.Sprint(test.max)
				var f fullAt
				f.enforce(s)
				slowly(s, 2*time.Second)
				var wg sync.WaitGroup
				for i := range test.spikes {
					db := asUser(t, s, fmt.Sprint("spike", i), "")
					db.SetMaxIdleConns(test.keeps)
					wg.Go(func() { spikeOf(t, db, 200/test.spikes) })
				}
				wg.Wait()
				_, ever := s.open()
				time.Sleep(5 * time.Second)
				synctest.Wait()
				open, _ := s.open()
				if open > test.want {
					t.Errorf("open 5 s after the spike: got %d of %d, want %d at most", open, ever, test.want)
				}
				if test.name == "less than a quarter" && open < ever {
					t.Errorf("open 5 s after the spike: got %d of %d, want all, for pool_idle_timeout", open, ever)
				}
				if f.refused.Load() > 0 {
					t.Errorf("the server refused %d logins", f.refused.Load())
				}
				wantPlaces(t, s)
				time.Sleep(11 * time.Minute)
				if open, _ := s.open(); open > 5*test.spikes {
					t.Errorf("open after pool_idle_timeout: got %d, want pool_size", open)
				}
			})
		})
	}
}

// A load that comes again each second, or each other, keeps what it needs.
func TestSpikesThatComeAgainCauseNoLogins(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 2 * time.Second} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			s.maxConnections = "100"
			var f fullAt
			f.enforce(s)
			slowly(s, 300*time.Millisecond)
			db := asUser(t, s, "app", "")
			spikeOf(t, db, 200)
			_, first := s.open()
			for range time.Minute / every {
				next := time.Now().Add(every)
				spikeOf(t, db, 200)
				time.Sleep(time.Until(next))
			}
			_, ever := s.open()
			t.Logf("a burst each %v: %d logins in the first, %d in the minute after", every, first, ever-first)
			if ever-first > 95 {
				t.Errorf("logins in a minute: got %d, want no more than to fill up once", ever-first)
			}
		})
	}
}

// Each host has places of its own. One without any is no host that failed: with
// round_robin another one serves, with failover the primary is waited for.
func TestPlacesOfSeveralHosts(t *testing.T) {
	for _, mode := range []string{"round_robin", "failover"} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			s.maxConnections = "6" // 3 for us, of each
			s.addr = "db1:1"
			a := asUser(t, s, "a", "")
			var txs []*sql.Tx
			for range 3 {
				tx, err := a.Begin()
				if err != nil {
					t.Fatal(err)
				}
				txs = append(txs, tx)
			}
			s.addr = "db1:1,db2:2"
			b := asUser(t, s, "b", "pool_balance="+mode)
			time.AfterFunc(7*time.Second, func() { txs[0].Rollback() })
			start := time.Now()
			for range 3 {
				ask(t, b)
			}
			want := map[string]time.Duration{"round_robin": 0, "failover": 7 * time.Second}[mode]
			if took := time.Since(start); took != want {
				t.Errorf("%s: served after %v, want %v", mode, took, want)
			}
			for _, p := range Stats() {
				for _, h := range p.Hosts {
					if h.State == "down" || h.LoginErrors > 0 {
						t.Errorf("%s: %+v, want no host to have failed", mode, h)
					}
				}
			}
			if all := Servers(); len(all) != 2 || all[0].Addr != "tcp(db1:1)" || all[0].Limit != 3 || all[0].Taken != 3 {
				t.Errorf("%s: got %+v", mode, all)
			}
			for _, tx := range txs {
				tx.Rollback()
			}
			wantPlaces(t, s)
		})
	}
}

// Who dials by a function of its own has servers of its own.
func TestDialFuncHasABudgetOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.maxConnections = "5" // 2 for us
		var txs []*sql.Tx
		for range 3 {
			c := s.connector(t, "pool_timeout=1")
			c.Cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, errServer }
			c.Shared = false
			db := sql.OpenDB(c)
			defer db.Close()
			for range 2 {
				tx, err := db.Begin()
				if err != nil {
					t.Fatal(err)
				}
				txs = append(txs, tx)
			}
		}
		if all := Servers(); len(all) != 3 || all[0].Taken != 2 {
			t.Errorf("servers: got %+v, want three with two connections each", all)
		}
		for _, tx := range txs {
			tx.Rollback()
		}
	})
}

// An account that has all that it may have gains nothing by what others close.
func TestAccountsLimitClosesNothingOfOthers(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.maxUserOf = map[string]string{"small": "2"}
		large := asUser(t, s, "large", "")
		ask(t, large)
		a, b := asUser(t, s, "small", "wait_timeout=100"), asUser(t, s, "small", "wait_timeout=101")
		var txs []*sql.Tx
		for range 2 {
			tx, err := a.Begin()
			if err != nil {
				t.Fatal(err)
			}
			txs = append(txs, tx)
		}
		time.AfterFunc(5*time.Second, func() { txs[0].Rollback() })
		start := time.Now()
		ask(t, b)
		if took := time.Since(start); took < 5*time.Second || took > 5*time.Second+2*budget.CloseTime {
			t.Errorf("served after %v, want after 5 s, as soon as the server has noticed", took)
		}
		if open := openOf(s); open["large"] != 1 || len(s.conns) != 4 {
			t.Errorf("open: got %v, after %d logins, want large to have kept its own", open, len(s.conns))
		}
		txs[1].Rollback()
		time.Sleep(time.Second)
		wantPlaces(t, s)
	})
}

// A probe takes nobody's place, and keeps none that somebody else needs: nobody else could
// get it.
func TestProbesStarveNobody(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		s.addr = "a:1"
		c.isReadOnly("a:1", true)
		s.maxConnections = "4" // one for us
		a, b := asUser(t, s, "a", "pool_target=replica&pool_timeout=5s"), asUser(t, s, "b", "pool_timeout=5s")
		for range 5 {
			ask(t, a)
			ask(t, b)
			time.Sleep(2 * failover.MonitorInterval)
			if open := openOf(s); open["b"] != 1 {
				t.Errorf("open: %v, want that of b, which asked last", open)
			}
		}
	})
}

// The first logins to a server hang, and none has told how many it takes.
func TestHungFirstLoginsLeaveRoom(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.login = func(ctx context.Context, n int) error {
			if n <= budget.UnknownPlaces {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		for i := range budget.UnknownPlaces {
			db := asUser(t, s, fmt.Sprint("user", i), "")
			go db.Ping()
		}
		synctest.Wait()
		start := time.Now()
		ask(t, asUser(t, s, "another", ""))
		if took := time.Since(start); took > 2*budget.UnknownWait {
			t.Errorf("served after %v, want %v at most", took, 2*budget.UnknownWait)
		}
	})
}
