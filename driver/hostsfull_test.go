package mysqlpool

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/failover"
	"github.com/mysqlpool/mysqlpool/internal/loginpace"
)

// The host that is wanted has no room for more: to use another one in its place
// would cost logins that are closed after one use.
func TestFullHostIsWaitedFor(t *testing.T) {
	for _, target := range []string{"auto", "any", "prefer_replica", "replica", "primary"} {
		t.Run(target, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				c := newCluster(s)
				s.addr = "a:1,b:2"
				c.isReadOnly("a:1", strings.Contains(target, "replica"))
				params := "pool_size=10&pool_target=" + target
				hold(t, s, params, 2)
				tried := c.tried()
				c.is("a:1", isFull)
				db := handle(t, s, params)
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() {
						for range 100 {
							tx, err := db.Begin()
							if err != nil {
								t.Error(err)
								return
							}
							time.Sleep(20 * time.Millisecond)
							tx.Rollback()
						}
					})
				}
				wg.Wait()
				if n := c.tried() - tried; n > 60 {
					t.Errorf("%s: %d logins were tried, want few", target, n)
				}
			})
		})
	}
}

// A host that is back refuses the password: that is no reason to fail what another
// one serves.
func TestHostThatIsBackRefusesThePassword(t *testing.T) {
	for _, replica := range []bool{false, true} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			c := newCluster(s)
			s.addr = "a:1,b:2"
			reach := s.reach
			var refuses atomic.Bool
			var refused atomic.Int64
			s.reach = func(ctx context.Context, addr string) error {
				if addr == "a:1" && refuses.Load() {
					refused.Add(1)
					return errRefusedLogin
				}
				return reach(ctx, addr)
			}
			c.isReadOnly("b:2", replica)
			db := handle(t, s, "pool_size=10&pool_recycle=3s")
			ask(t, db)
			c.kill("a:1")
			db.Exec("x")
			db.Exec("x")
			ask(t, db)
			refuses.Store(true)
			c.is("a:1", "")
			failed, latest := 0, error(nil)
			for i := range 600 {
				time.Sleep(100 * time.Millisecond)
				txs := []*sql.Tx{}
				for range 4 + i%5 {
					tx, err := db.Begin()
					if err != nil {
						failed, latest = failed+1, err
						continue
					}
					txs = append(txs, tx)
				}
				for _, tx := range txs {
					tx.Rollback()
				}
			}
			if failed > 0 {
				t.Errorf("replica %v: %d of 600 rounds failed, with %v; the second host serves", replica, failed, latest)
			}
			if n := refused.Load(); n > 60 {
				t.Errorf("replica %v: the first host refused %d logins in a minute, want few", replica, n)
			}
			refuses.Store(false)
			time.Sleep(loginpace.RefusedSpan)
			for _, tx := range beginAll(t, db, 9) {
				tx.Rollback()
			}
			if n := c.open()[0]; n == 0 {
				t.Errorf("replica %v: the first host is not used again, though it takes the password", replica)
			}
		})
	}
}

// The primary comes back and refuses the password, and the other host is read-only:
// refused writes start no login storm, and find the primary once it takes logins.
func TestPrimaryThatRefusesThePassword(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.refuseWrites()
		s.addr = "a:1,b:2"
		reach := s.reach
		var refuses atomic.Bool
		s.reach = func(ctx context.Context, addr string) error {
			if addr == "a:1" && refuses.Load() {
				return errRefusedLogin
			}
			return reach(ctx, addr)
		}
		c.isReadOnly("b:2", true)
		w := &writer{db: handle(t, s, "pool_size=10")}
		w.write(10, time.Millisecond)
		c.kill("a:1")
		w.write(100, 10*time.Millisecond)
		refuses.Store(true)
		c.is("a:1", "")
		tried := c.tried()
		w.write(2000, 30*time.Millisecond)
		if n := c.tried() - tried; n > 200 {
			t.Errorf("%d logins in a minute, want few", n)
		}
		ok, back := w.ok, time.Now()
		refuses.Store(false)
		w.write(200, 50*time.Millisecond)
		if w.ok == ok || w.resumed.Sub(back) > 2*loginpace.RefusedBackoff {
			t.Errorf("%d writes succeeded, the first %v after the primary was back; want it within %v", w.ok-ok, w.resumed.Sub(back), 2*loginpace.RefusedBackoff)
		}
	})
}

// Wrong passwords elsewhere in the process make a login wait: that says nothing of
// the host.
func TestPacedLoginCondemnsNoHost(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		s.addr = "a:1,b:2"
		db := handle(t, s, "timeout=1s")
		a := loginpace.Accounts.Of(&mysql.Config{Net: "tcp", Addr: "a:1", User: "app"})
		for i := range loginpace.RefusedMost {
			end, err := a.Begin(t.Context(), [32]byte{byte(i)}, true, func() bool { return true })
			if err != nil {
				t.Fatal(err)
			}
			end(errRefusedLogin)
		}
		if err := db.Ping(); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, loginpace.ErrPaced) {
			t.Errorf("got %v, want why it waited", err)
		}
		if h := onePool(t).Hosts[0]; h.State != "unknown" {
			t.Errorf("got %+v, want unknown", h)
		}
		time.Sleep(loginpace.RefusedSpan)
		if got := c.addrOf(ask(t, db)); got != "a:1" {
			t.Errorf("got %s, want the first host", got)
		}
	})
}

// An account that may have one connection: probes take it from nobody for long.
func TestProbesLeaveTheOnlyPlace(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		s.addr = "a:1"
		s.maxUserGlobal = "1"
		s.tellsLimits = true
		c.isReadOnly("a:1", true)
		db := handle(t, s, "pool_target=replica&pool_timeout=3s&pool_recycle=4s")
		for range 600 {
			if err := db.Ping(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

// A host that is back is found though another pool of the process has every place
// there, and would use more.
func TestProbeOfAHostWithoutAFreePlace(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		s.addr, s.maxConnections, s.tellsLimits = "a:1,b:2", "10", true
		db := handle(t, s, "pool_size=2")
		ask(t, db)
		c.kill("a:1")
		for range 300 { // until its back-off is the longest
			time.Sleep(200 * time.Millisecond)
			ask(t, db)
		}
		c.is("a:1", "")

		busy := handle(t, s, "pool_size=3")
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer func() { cancel(); wg.Wait() }()
		for range 20 {
			wg.Go(func() {
				for ctx.Err() == nil {
					if tx, err := busy.BeginTx(ctx, nil); err == nil {
						time.Sleep(30 * time.Millisecond)
						tx.Rollback()
					}
				}
			})
		}
		back := time.Now()
		for c.addrOf(ask(t, db)) != "a:1" {
			if time.Since(back) > 2*failover.MaxBackoff {
				t.Fatalf("after %v it is not used still, and another pool writes there", time.Since(back))
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

// A host that serves has no room for the login of a probe: it serves still.
func TestProbeOfAFullHostThatServes(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		s.addr = "a:1"
		c.isReadOnly("a:1", true)
		s.maxConnections = "8" // 5 for us: too few for a probe to keep its connection
		const params = "pool_target=replica"
		hold(t, s, params, 3)
		db := handle(t, s, params)
		ask(t, db)
		c.is("a:1", isFull)
		for range 10 {
			time.Sleep(failover.MonitorInterval)
			ask(t, db)
			if h := onePool(t).Hosts[0]; h.State != "read-only" {
				t.Fatalf("%+v: want it read-only, as before", h)
			}
		}
	})
}

// Hosts that have no room are full, not down: the error is the server's own, whatever
// the others are, and whoever waits is served once there is room.
func TestFullHostsAreNotDown(t *testing.T) {
	for name, test := range map[string]struct {
		target string
		set    func(*cluster)
		full   []int
	}{
		"both":                        {"auto", func(c *cluster) { c.is("a:1", isFull); c.is("b:2", isFull) }, []int{0, 1}},
		"both, primary":               {"primary", func(c *cluster) { c.is("a:1", isFull); c.is("b:2", isFull) }, []int{0, 1}},
		"the second is down":          {"auto", func(c *cluster) { c.is("a:1", isFull); c.is("b:2", isDown) }, []int{0}},
		"the first is down, primary":  {"primary", func(c *cluster) { c.is("a:1", isDown); c.is("b:2", isFull) }, []int{1}},
		"beside a replica, primary":   {"primary", func(c *cluster) { c.is("a:1", isFull); c.isReadOnly("b:2", true) }, []int{0}},
		"a replica beside a primary":  {"replica", func(c *cluster) { c.is("b:2", isFull); c.isReadOnly("b:2", true) }, []int{1}},
		"the first is down, no spare": {"any", func(c *cluster) { c.is("a:1", isDown); c.is("b:2", isFull) }, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				c := newCluster(s)
				s.addr = "a:1,b:2"
				test.set(c)
				db := handle(t, s, "pool_timeout=3s&pool_target="+test.target)
				for range 2 {
					start := time.Now()
					err := db.Ping()
					var full *mysql.MySQLError
					if !errors.As(err, &full) || full.Number != 1040 {
						t.Errorf("got %v, want the server's error 1040 in it", err)
					}
					if waited := time.Since(start); waited < 3*time.Second {
						t.Errorf("the error came after %v, want the checkout to wait for room until pool_timeout", waited)
					}
					if strings.Contains(err.Error(), "is down (Error 1040") {
						t.Errorf("got %v, want that it is full", err)
					}
				}
				for i, h := range onePool(t).Hosts {
					if is := h.State == "full"; is != slices.Contains(test.full, i) {
						t.Errorf("host %d is %s, want full: %v", i, h.State, !is)
					}
				}
				if n := c.tried(); n > 150 {
					t.Errorf("%d logins in 6 s, want few", n)
				}
				time.AfterFunc(time.Second, func() {
					for _, addr := range []string{"a:1", "b:2"} {
						c.mu.Lock()
						if c.hosts[addr] == isFull {
							c.hosts[addr] = ""
						}
						c.mu.Unlock()
					}
				})
				if err := db.Ping(); err != nil {
					t.Errorf("when there was room: %v", err)
				}
			})
		})
	}
}
