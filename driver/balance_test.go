package mysqlpool

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/failover"
	"github.com/mysqlpool/mysqlpool/internal/hosts"
)

var errDown = errors.New("fake: connection refused")

// cluster is a fake server of three hosts.
type cluster struct {
	*fakeServer
	hosts map[string]string // what is wrong with each; guarded by fakeServer.mu
}

const (
	isDown = "down"
	isHung = "hung"
	isFull = "full"
)

func newCluster(s *fakeServer) *cluster {
	c := &cluster{s, map[string]string{}}
	s.addr, s.readOnly = "a:1,b:2,c:3", map[string]bool{}
	s.reach = func(ctx context.Context, addr string) error {
		s.mu.Lock()
		state := c.hosts[addr]
		s.mu.Unlock()
		switch state {
		case isHung:
			<-ctx.Done()
			return ctx.Err()
		case isDown:
			return errDown
		case isFull:
			return &mysql.MySQLError{Number: 1040, Message: "Too many connections"}
		}
		return nil
	}
	return c
}

func (c *cluster) is(addr, state string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hosts[addr] = state
}

func (c *cluster) isReadOnly(addr string, is bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readOnly[addr] = is
}

// kill ends a host and every connection to it.
func (c *cluster) kill(addr string) {
	c.is(addr, isDown)
	for _, conn := range c.conns {
		if conn.addr == addr {
			conn.set(func() { conn.dead = true })
		}
	}
}

// open is how many connections each host has, without those of probes, which are
// on no schema.
func (c *cluster) open() (n [3]int) {
	c.mu.Lock()
	all := slices.Clone(c.conns)
	c.mu.Unlock()
	for _, conn := range all {
		if conn.get(func() bool { return !conn.closed && conn.schema != "" }) {
			n[slices.Index([]string{"a:1", "b:2", "c:3"}, conn.addr)]++
		}
	}
	return n
}

// tried is how many logins were tried.
func (c *cluster) tried() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.logins
}

func (c *cluster) want(t *testing.T, want [3]int) {
	t.Helper()
	if got := c.open(); got != want {
		t.Errorf("connections of each host: got %v, want %v", got, want)
	}
	var stats [3]int
	for i, h := range onePool(t).Hosts {
		stats[i] = h.Open
	}
	if stats != want {
		t.Errorf("connections of each host, in Stats: got %v, want %v", stats, want)
	}
}

// hold has n connections open at once, n at most pool_size.
func hold(t *testing.T, s *fakeServer, params string, n int) {
	t.Helper()
	db := sql.OpenDB(s.connector(t, params))
	defer db.Close()
	for range n {
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
	}
}

func TestFailover(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		var log logged
		was := slog.Default()
		slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
		defer slog.SetDefault(was)
		hold(t, s, "", 3)
		c.want(t, [3]int{3, 0, 0})

		c.kill("a:1")
		db := handle(t, s, "")
		start := time.Now()
		for range 5 {
			ask(t, db)
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("took %v, want no time: the host refuses at once", took)
		}
		time.Sleep(3 * hosts.OfferFor)
		hold(t, s, "", 3)
		c.want(t, [3]int{0, 3, 0})

		// While it is down it is looked at less and less often.
		before := c.tried()
		time.Sleep(10 * time.Minute)
		if n := c.tried() - before; n < 20 || n > 35 {
			t.Errorf("it was looked at %d times in ten minutes, want 20 to 35", n)
		}
		if h := onePool(t).Hosts; h[0].State != "down" && h[0].State != "probing" || h[1].State != "up" || h[0].Addr != "a:1" || !strings.Contains(h[0].Reason, errDown.Error()) {
			t.Errorf("want the first one down alone: %+v", h)
		}

		// It is back, and so are its connections, without any request.
		c.is("a:1", "")
		time.Sleep(failover.MaxBackoff + time.Second)
		c.want(t, [3]int{0, 0, 0})
		hold(t, s, "", 3)
		c.want(t, [3]int{3, 0, 0})
		if h := onePool(t).Hosts; h[0].State != "up" || h[0].Reason != "" {
			t.Errorf("want the first one up: %+v", h)
		}
		if p := onePool(t); p.Broken != 3 || p.Recycled != 3 {
			t.Errorf("want 3 broken and 3 recycled: %+v", p)
		}
		got := log.take()
		if strings.Count(got, "\n") != 2 || strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "level=INFO msg=\"mysqlpool: host is up\"") {
			t.Errorf("logged %s, want one line when it failed and one when it was back", got)
		}
		wantNothingLate(t, s)
	})
}

// A connection in use moves over when it is checked in.
func TestFailbackLeavesAloneWhatIsInUse(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.is("a:1", isDown)
		tx, err := handle(t, s, "").Begin()
		if err != nil {
			t.Fatal(err)
		}
		c.is("a:1", "")
		time.Sleep(time.Minute)
		c.want(t, [3]int{0, 1, 0})
		if _, err := tx.Exec("UPDATE t SET n = 1"); err != nil {
			t.Error(err)
		}
		tx.Commit()
		ask(t, handle(t, s, ""))
		time.Sleep(3 * hosts.OfferFor) // its handle may keep it for so long
		c.want(t, [3]int{1, 0, 0})
	})
}

// A host that does not answer has its share of the time, and then none.
func TestHungHostHasItsShare(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.is("a:1", isHung)
		db := handle(t, s, "timeout=3s")
		start := time.Now()
		ask(t, db)
		if took := time.Since(start); took != time.Second {
			t.Errorf("the first request took %v, want 1s: a third of the timeout", took)
		}
		start = time.Now()
		hold(t, s, "timeout=3s", 5)
		if took := time.Since(start); took > 0 {
			t.Errorf("those after it took %v, want no time", took)
		}
		c.want(t, [3]int{0, 5, 0})
	})
}

func TestRoundRobin(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		const params = "pool_balance=round_robin&pool_size=6"
		hold(t, s, params, 6)
		c.want(t, [3]int{2, 2, 2})
		c.kill("b:2")
		hold(t, s, params, 6)
		if n := c.open(); n[0]+n[2] != 6 || n[0] < 2 || n[2] < 2 {
			t.Errorf("connections of each host: got %v, want 6 on the first and the last", n)
		}
		c.is("b:2", "")
		time.Sleep(time.Minute)
		hold(t, s, params, 6)
		if n := c.open(); n[1] < 1 || n[0]+n[1]+n[2] != 6 {
			t.Errorf("connections of each host: got %v, want 6, and some on the second again", n)
		}
	})
}

// A wrong password is as wrong on the next host.
func TestRefusedLoginTriesNoOtherHost(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		newCluster(s)
		denied := &mysql.MySQLError{Number: 1045, Message: "Access denied"}
		s.login = func(context.Context, int) error { return denied }
		if err := handle(t, s, "").Ping(); !errors.Is(err, denied) {
			t.Errorf("got %v, want the server's error", err)
		}
		if s.logins != 1 {
			t.Errorf("got %d logins, want 1", s.logins)
		}
	})
}

// If all are down each is tried, so that the first that is back is found.
func TestAllHostsDown(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		for _, addr := range []string{"a:1", "b:2", "c:3"} {
			c.is(addr, isDown)
		}
		db := handle(t, s, "")
		for range 2 {
			err := db.Ping()
			if !errors.Is(err, errDown) {
				t.Errorf("got %v, want the reason", err)
			}
			if want := "mysqlpool: login to app@tcp(a:1,b:2,c:3): none of the hosts can be used: "; err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got %v, want %s…", err, want)
			}
		}
		if s.logins != 6 {
			t.Errorf("got %d logins, want 6", s.logins)
		}
		c.is("c:3", "")
		ask(t, db)
		c.want(t, [3]int{0, 0, 1})
		if p := onePool(t); p.LoginErrors != 2 {
			t.Errorf("got %d login errors, want 2: of the pool's, not of each host", p.LoginErrors)
		}
	})
}

// A host that has no room is passed over. If none has room the checkout waits.
func TestFullHosts(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.is("a:1", isFull)
		ask(t, handle(t, s, ""))
		if got := s.conns[0].addr; got != "b:2" {
			t.Errorf("got %s, want the second host", got)
		}
		c.is("b:2", isFull)
		c.is("c:3", isFull)
		s.conns[0].set(func() { s.conns[0].dead = true })
		time.AfterFunc(3*time.Second, func() { c.is("c:3", "") })
		ask(t, handle(t, s, ""))
		if got := s.conns[1].addr; got != "c:3" {
			t.Errorf("got %s, want the third host", got)
		}
	})
}

// A primary that becomes a replica refuses writes. Its connections go, and come
// back only once it takes writes again.
func TestHostThatBecomesReadOnly(t *testing.T) {
	const reject = "rejectReadOnly=true"
	for _, params := range []string{"", reject, reject + "&autocommit=0"} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			c := newCluster(s)
			if strings.Contains(params, "autocommit") {
				s.autocommit = "0"
			}
			hold(t, s, params, 3)
			c.isReadOnly("a:1", true)
			refused := &mysql.MySQLError{Number: 1290, Message: "The MariaDB server is running with the --read-only option so it cannot execute this statement"}
			s.query = func(_ context.Context, conn *fakeConn, text string) error {
				if text == "UPDATE" && conn.get(func() bool { return s.readOnly[conn.addr] }) {
					return refused
				}
				return nil
			}
			db := handle(t, s, params)
			_, err := db.Exec("UPDATE")
			if params == "" && err != refused || params != "" && err != nil {
				t.Errorf("got %v, want the server's error, or with rejectReadOnly none", err)
			}
			if _, err := db.Exec("UPDATE"); err != nil {
				t.Errorf("the next one: %v", err)
			}
			db.Close()
			synctest.Wait() // with autocommit off there is a transaction to roll back
			hold(t, s, params, 3)
			c.want(t, [3]int{0, 3, 0})
			time.Sleep(10 * time.Minute)
			c.want(t, [3]int{0, 3, 0})
			c.isReadOnly("a:1", false)
			time.Sleep(time.Minute)
			hold(t, s, params, 3)
			c.want(t, [3]int{3, 0, 0})
			wantNothingLate(t, s)
		})
	}
}

// A node that is no part of its cluster takes logins, and refuses statements.
func TestNodeThatLeavesItsCluster(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		s.unready = map[string]bool{}
		isReady := func(is bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.unready = map[string]bool{"a:1": !is}
		}
		hold(t, s, "", 3)
		isReady(false)
		unready := &mysql.MySQLError{Number: 1047, Message: "WSREP has not yet prepared node for application use"}
		refused := 0
		s.query = func(_ context.Context, conn *fakeConn, text string) error {
			if text == "UPDATE" && conn.get(func() bool { return s.unready[conn.addr] }) {
				refused++
				return unready
			}
			return nil
		}
		db := handle(t, s, "")
		if _, err := db.Exec("UPDATE"); err != unready {
			t.Errorf("got %v, want the server's error", err)
		}
		for range 60 {
			if _, err := db.Exec("UPDATE"); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
		}
		if refused != 1 {
			t.Errorf("%d statements were refused, want the first alone", refused)
		}
		isReady(true)
		time.Sleep(time.Minute)
		hold(t, s, "", 3)
		if n := c.open(); n[0] != 3 {
			t.Errorf("connections of each host: got %v, want 3 on the first again", n)
		}
	})
}

// If no host takes writes one that does not is better than none.
func TestReadOnlyHostsAreBetterThanNone(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		db := handle(t, s, "")
		ask(t, db)
		c.isReadOnly("a:1", true)
		s.query = refuse("UPDATE", 1836)
		db.Exec("UPDATE")
		c.is("b:2", isDown)
		c.is("c:3", isDown)
		ask(t, handle(t, s, ""))
		c.want(t, [3]int{1, 0, 0})
	})
}

// refuseWrites has read-only hosts refuse UPDATE, and counts.
func (c *cluster) refuseWrites() (refusals *int) {
	refusals = new(int)
	c.query = func(_ context.Context, conn *fakeConn, text string) error {
		if text == "UPDATE" && conn.get(func() bool { return c.readOnly[conn.addr] }) {
			*refusals++
			return &mysql.MySQLError{Number: 1290, Message: "The MySQL server is running with the --read-only option so it cannot execute this statement"}
		}
		return nil
	}
	return refusals
}

// Not the next host but one after it is promoted, before or after it is tried.
func TestThirdHostIsPromoted(t *testing.T) {
	for _, after := range []time.Duration{0, time.Minute} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			c := newCluster(s)
			c.refuseWrites()
			c.isReadOnly("b:2", true)
			c.isReadOnly("c:3", true)
			db := handle(t, s, "")
			update := func() error { _, err := db.Exec("UPDATE"); return err }
			if err := update(); err != nil {
				t.Fatal(err)
			}
			c.isReadOnly("a:1", true)
			promote := time.AfterFunc(after, func() { c.isReadOnly("c:3", false) })
			defer promote.Stop()
			synctest.Wait()
			for range int(after/time.Second) + 1 {
				update()
				time.Sleep(time.Second)
			}
			time.Sleep(failover.MaxBackoff + 3*hosts.OfferFor)
			if err := update(); err != nil {
				t.Errorf("promoted after %v: %v", after, err)
			}
			c.want(t, [3]int{0, 0, 1})
			time.Sleep(3 * hosts.OfferFor)
			hold(t, s, "", 3)
			c.want(t, [3]int{0, 0, 3})
		})
	}
}

// The primary hangs, and the others take no writes: they serve, and no login but
// the first waits for the primary.
func TestReplicasWhileThePrimaryHangs(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.isReadOnly("b:2", true)
		c.isReadOnly("c:3", true)
		const params = "timeout=3s&pool_size=20"
		hold(t, s, params, 2)
		c.kill("a:1")
		c.is("a:1", isHung)
		took := func(n int) time.Duration {
			start := time.Now()
			hold(t, s, params, n)
			return time.Since(start)
		}
		if d := took(1); d != time.Second {
			t.Errorf("the first took %v, want the primary's share of 3 s", d)
		}
		for n := 2; n < 20; n++ {
			if d := took(n); d > 0 {
				t.Errorf("a login took %v, though a host answers", d)
			}
			time.Sleep(failover.MaxBackoff / 7)
		}
		c.is("a:1", "")
		time.Sleep(2 * failover.MaxBackoff)
		hold(t, s, params, 3)
		if n := c.open(); n[0] != 3 || n[1]+n[2] != 0 {
			t.Errorf("the primary is back: got %v", n)
		}
	})
}

// No host takes writes, and nobody writes: the first that is there serves.
func TestReplicasAlone(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		for _, addr := range []string{"a:1", "b:2", "c:3"} {
			c.isReadOnly(addr, true)
		}
		hold(t, s, "", 3)
		c.want(t, [3]int{3, 0, 0})
		c.kill("a:1")
		hold(t, s, "", 3)
		c.want(t, [3]int{0, 3, 0})
	})
}

// With pool_target=any it does not matter that another host takes writes.
func TestReplicaBesideAPrimary(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.isReadOnly("a:1", true)
		db := handle(t, s, "pool_target=any")
		ask(t, db)
		c.want(t, [3]int{1, 0, 0})
		c.kill("a:1")
		ask(t, db)
		c.want(t, [3]int{0, 1, 0})
		c.is("a:1", "")
		for range 5 {
			time.Sleep(2 * failover.MaxBackoff)
			ask(t, db)
		}
		c.want(t, [3]int{1, 0, 0})
	})
}

// A host comes back while the first login to another is still under way.
func TestHostThatIsBackDuringALogin(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		reach := s.reach
		s.reach = func(ctx context.Context, addr string) error {
			if addr == "b:2" {
				time.Sleep(failover.MinBackoff + 200*time.Millisecond)
			}
			return reach(ctx, addr)
		}
		c.is("a:1", isDown)
		ask(t, handle(t, s, ""))
		c.want(t, [3]int{0, 1, 0})
		c.is("a:1", "")
		time.Sleep(failover.MaxBackoff + 3*hosts.OfferFor)
		ask(t, handle(t, s, ""))
		c.want(t, [3]int{1, 0, 0})
	})
}

func TestDisposeEndsWhatLooksAtHosts(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.is("a:1", isHung)
		ask(t, handle(t, s, "timeout=60s"))
		time.Sleep(failover.MaxBackoff) // by now one looks
		start := time.Now()
		if err := Dispose(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("took %v", took)
		}
		before := c.tried()
		time.Sleep(time.Hour)
		if c.tried() != before {
			t.Errorf("%d logins after Dispose", c.tried()-before)
		}
	})
}

// The first logins to two hosts at once.
func TestLearnRacesWithAnotherHost(t *testing.T) {
	for range 50 {
		s := newFakeServer()
		newCluster(s)
		db := sql.OpenDB(s.connector(t, "pool_balance=round_robin&pool_size=6"))
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				tx, err := db.Begin()
				if err == nil {
					tx.Rollback()
				}
			})
		}
		wg.Wait()
		db.Close()
		Dispose(t.Context())
	}
}

// A primary that was demoted, and was down for a moment, is still read-only when
// it is back.
func TestReadOnlyHostThatRestarts(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		hold(t, s, "", 3)
		c.isReadOnly("a:1", true)
		refusals := c.refuseWrites()
		db := handle(t, s, "")
		write := func() { db.Exec("UPDATE"); time.Sleep(100 * time.Millisecond) }
		write()
		if *refusals != 1 {
			t.Fatalf("got %d refusals, want 1", *refusals)
		}
		for range 100 {
			write()
		}
		c.kill("a:1")
		for range 100 {
			write()
		}
		c.is("a:1", "")
		for range 600 {
			write()
		}
		if *refusals != 1 {
			t.Errorf("got %d writes refused, want 1: it was known to take none", *refusals)
		}
	})
}

// innodb_read_only refuses writes with 1836 where @@read_only is off.
func TestReadOnlyThatReadOnlyDoesNotShow(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		newCluster(s)
		refusals := 0
		s.query = func(_ context.Context, conn *fakeConn, text string) error {
			if text == "UPDATE" && conn.addr == "a:1" {
				refusals++
				return &mysql.MySQLError{Number: 1836, Message: "Running in read-only mode"}
			}
			return nil
		}
		db := handle(t, s, "")
		for range 600 { // a minute
			db.Exec("UPDATE")
			time.Sleep(100 * time.Millisecond)
		}
		if refusals > 10 {
			t.Errorf("in a minute %d of 600 writes were refused, want some few: the back-off grows", refusals)
		}
	})
}

// A host that takes logins, and fails all else, is in back-off for longer each
// time.
func TestBackoffOfAHostThatTakesLogins(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		newCluster(s)
		failures := 0
		s.query = func(_ context.Context, conn *fakeConn, text string) error {
			if text == "SELECT 2" && conn.addr == "a:1" {
				failures++
				return &mysql.MySQLError{Number: 1047, Message: "WSREP has not yet prepared node for application use"}
			}
			return nil
		}
		db := handle(t, s, "")
		for range 600 { // a minute
			db.Exec("SELECT 2")
			time.Sleep(100 * time.Millisecond)
		}
		if failures > 10 {
			t.Errorf("in a minute %d of 600 statements failed, and %d logins were needed; want some few", failures, s.logins)
		}
	})
}

// Replicas are read-only for good. A stray write must not close what reads use.
func TestStrayWritesOnReplicas(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		for _, addr := range []string{"a:1", "b:2", "c:3"} {
			c.isReadOnly(addr, true)
		}
		s.query = func(_ context.Context, _ *fakeConn, text string) error {
			if text == "UPDATE" {
				return &mysql.MySQLError{Number: 1290, Message: "The MySQL server is running with the --read-only option so it cannot execute this statement"}
			}
			return nil
		}
		const params = "pool_balance=round_robin&pool_size=6"
		hold(t, s, params, 6)
		before := s.logins
		db := handle(t, s, params)
		for range 20 {
			db.Exec("UPDATE")
			hold(t, s, params, 6)
			time.Sleep(3 * hosts.OfferFor)
		}
		if n := s.logins - before; n > 20 {
			t.Errorf("20 stray writes cost %d logins", n)
		}
	})
}

// offline_mode ends sessions and refuses logins with 3032, as a member that was
// expelled from a group does (group_replication_exit_state_action).
func TestOfflineHost(t *testing.T) {
	for _, offline := range []*mysql.MySQLError{
		{Number: 3032, Message: "The server is currently in offline mode"},
		{Number: 6400, Message: "The server is currently in offline mode since 2026-11-28 05:03:32.251835, reason: (GR) leave group on failure"},
	} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			newCluster(s)
			s.reach = func(_ context.Context, addr string) error {
				if addr == "a:1" {
					return offline
				}
				return nil
			}
			if err := handle(t, s, "").Ping(); err != nil {
				t.Errorf("two hosts are good: %v", err)
			}
		})
	}
}

// HostStats says that the logins which look at a host are not counted.
func TestLooksAreNotCounted(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.is("a:1", isDown)
		db := handle(t, s, "")
		ask(t, db)
		before := onePool(t).Hosts[0].LoginErrors
		time.Sleep(10 * time.Minute)
		if after := onePool(t).Hosts[0].LoginErrors; after != before {
			t.Errorf("login errors: got %d, want %d: nobody logged in", after, before)
		}
	})
}

// One host is full and another refuses: whoever waits may have the first.
func TestOneHostIsFullAnotherRefuses(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		var roomy atomic.Bool
		s.addr = "a:1,b:2"
		s.reach = func(_ context.Context, addr string) error {
			switch {
			case addr == "a:1":
				return &mysql.MySQLError{Number: 1130, Message: "Host is not allowed to connect to this server"}
			case !roomy.Load():
				return &mysql.MySQLError{Number: 1040, Message: "Too many connections"}
			}
			return nil
		}
		time.AfterFunc(time.Second, func() { roomy.Store(true) })
		if err := handle(t, s, "").Ping(); err != nil {
			t.Errorf("a second later there is room: %v", err)
		}
	})
}

// A primary crashes, another is promoted, and the first comes back as a replica.
func TestCrashedPrimaryComesBackReadOnly(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		refusals := c.refuseWrites()
		db := handle(t, s, "")
		db.Exec("UPDATE")
		c.kill("a:1")
		for i := range 600 {
			if i == 300 {
				c.isReadOnly("a:1", true)
				c.is("a:1", "")
			}
			db.Exec("UPDATE")
			time.Sleep(100 * time.Millisecond)
		}
		if *refusals > 0 {
			t.Errorf("%d writes were refused by a host that takes none, while another does", *refusals)
		}
	})
}

// A host that hangs is looked at by logins of its own, so that no request waits
// for it.
func TestRequestsWaitForAHostThatIsLookedAt(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.is("a:1", isHung)
		db := handle(t, s, "")
		tx, err := db.Begin() // the first one pays for finding out
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		slow, until := 0, time.Now().Add(10*time.Minute)
		for time.Now().Before(until) {
			start := time.Now()
			id := ask(t, db)
			if time.Since(start) > time.Second {
				slow++
			}
			s.conns[id-1].set(func() { s.conns[id-1].dead = true }) // so that the next one logs in
			time.Sleep(time.Second)
		}
		if slow > 0 {
			t.Errorf("in ten minutes %d requests waited for the host that hangs", slow)
		}
	})
}
