package mysqlpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/failover"
	"github.com/mysqlpool/mysqlpool/internal/hosts"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
)

// primaryIs makes one host the primary and the others read-only; "" makes all so.
func (c *cluster) primaryIs(addr string) {
	for _, h := range []string{"a:1", "b:2", "c:3"} {
		c.isReadOnly(h, h != addr)
	}
}

// addrOf is the host of a connection.
func (c *cluster) addrOf(id int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conns[id-1].addr
}

// writer writes all the time, until it is stopped.
type writer struct {
	db       *sql.DB
	ok       int // writes that succeeded
	failed   int
	latest   error
	resumed  time.Time // when a write first succeeded after the latest failure
	onlyFail bool
}

func (w *writer) write(n int, pause time.Duration) {
	for range n {
		_, err := w.db.Exec("UPDATE")
		if err != nil {
			w.failed++
			w.latest, w.onlyFail = err, true
		} else {
			if w.onlyFail {
				w.resumed, w.onlyFail = time.Now(), false
			}
			w.ok++
		}
		time.Sleep(pause)
	}
}

// A process that starts after a failover, with the old primary first in its DSN.
func TestFreshProcessFindsThePrimary(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		refusals := c.refuseWrites()
		c.primaryIs("c:3")
		w := &writer{db: handle(t, s, "")}
		w.write(100, 10*time.Millisecond)
		if *refusals != 0 || w.failed != 0 {
			t.Errorf("%d writes were refused, %d failed, want none", *refusals, w.failed)
		}
		c.want(t, [3]int{0, 0, 1})
		if s.logins > 6 {
			t.Errorf("got %d logins, want one for each host, and some for probes", s.logins)
		}
	})
}

// The primary crashes; the last host is elected 20 s later. Writes fail until then,
// reads go on, and nobody logs in time and again, with rejectReadOnly neither.
func TestElectionAfterACrash(t *testing.T) {
	for _, params := range []string{"", "rejectReadOnly=true"} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			c := newCluster(s)
			refusals := c.refuseWrites()
			c.primaryIs("a:1")
			w := &writer{db: handle(t, s, params)}
			w.write(10, 100*time.Millisecond)
			c.kill("a:1")
			c.primaryIs("")
			before := c.tried()
			for range 200 {
				w.write(1, 50*time.Millisecond)
				ask(t, w.db)
				time.Sleep(50 * time.Millisecond)
			}
			if n := c.tried() - before; n > 60 {
				t.Errorf("%q: %d logins in 20 s without a primary, want some few", params, n)
			}
			if *refusals == 0 || w.failed < 190 {
				t.Fatalf("%q: %d refused, %d failed: the test does not test", params, *refusals, w.failed)
			}
			c.primaryIs("c:3")
			elected, was := time.Now(), *refusals
			w.write(100, 50*time.Millisecond)
			if took := w.resumed.Sub(elected); w.onlyFail || took > time.Second {
				t.Errorf("%q: the first write succeeded %v after the election, want a second at most; %v", params, took, w.latest)
			}
			if n := *refusals - was; n > 60 {
				t.Errorf("%q: %d refusals after the election", params, n)
			}
			time.Sleep(3 * hosts.OfferFor)
			was = *refusals
			w.write(100, 50*time.Millisecond)
			if *refusals != was {
				t.Errorf("%q: %d writes were refused though there is a primary", params, *refusals-was)
			}
			c.want(t, [3]int{0, 0, 1})
		})
	}
}

// A planned switchover: the old primary stays up, and takes no writes.
func TestSwitchover(t *testing.T) {
	for _, params := range []string{"", "rejectReadOnly=true", "pool_target=primary"} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			c := newCluster(s)
			refusals := c.refuseWrites()
			c.primaryIs("a:1")
			w := &writer{db: handle(t, s, params)}
			w.write(10, 100*time.Millisecond)
			for _, to := range []string{"b:2", "c:3", "a:1"} {
				time.Sleep(2 * time.Minute)
				c.primaryIs(to)
				*refusals = 0
				w.failed = 0
				w.write(40, 50*time.Millisecond)
				// Mostly one or two. A probe that was under way at the change saw what was
				// before it; the next is due within half a second.
				if *refusals > 11 || w.failed > 11 {
					t.Errorf("%q: to %s: %d writes were refused, %d failed, want no more than in half a second", params, to, *refusals, w.failed)
				}
			}
			time.Sleep(3 * hosts.OfferFor)
			w.write(1, 0)
			c.want(t, [3]int{1, 0, 0})
		})
	}
}

// Error 1792 in a transaction that was not begun read-only says what 1290 says.
func TestReadOnlyTransactionError(t *testing.T) {
	for _, readOnly := range []bool{false, true} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			newCluster(s)
			s.query = func(_ context.Context, conn *fakeConn, text string) error {
				if text == "UPDATE" && (readOnly || conn.addr == "a:1") {
					return &mysql.MySQLError{Number: 1792, Message: "Cannot execute statement in a READ ONLY transaction."}
				}
				return nil
			}
			db := handle(t, s, "")
			tx, err := db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: readOnly})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec("UPDATE"); mysqlerr.Number(err) != 1792 {
				t.Errorf("got %v, want the server's error", err)
			}
			tx.Rollback()
			want := "read-only"
			if readOnly {
				want = "up"
			}
			if got := onePool(t).Hosts[0].State; got != want {
				t.Errorf("begun read-only: %v: the host is %s, want %s", readOnly, got, want)
			}
		})
	}
}

func TestTargetPrimary(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.primaryIs("")
		c.is("b:2", isDown)
		db := handle(t, s, "pool_target=primary")
		var err error
		for range 1000 { // 10 s
			err = db.Ping()
			if err == nil {
				t.Fatal("want an error")
			}
			time.Sleep(10 * time.Millisecond)
		}
		for _, want := range []string{"none of the hosts takes writes (pool_target=primary)", "a:1 is ", "read_only is on", "b:2 is ", errDown.Error(), "c:3 is "} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q in it", err, want)
			}
		}
		if n := c.tried(); n > 70 {
			t.Errorf("%d logins in 10 s, want them paced", n)
		}
		c.primaryIs("c:3")
		time.Sleep(failover.MaxBackoff)
		ask(t, db)
		c.want(t, [3]int{0, 0, 1})
	})
}

// One host that must be a primary.
func TestTargetOfOneHost(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		s.addr = "a:1"
		c.isReadOnly("a:1", true)
		db := handle(t, s, "pool_target=primary")
		if err := db.Ping(); err == nil || !strings.Contains(err.Error(), "a:1 is read-only") {
			t.Errorf("got %v, want that it is read-only", err)
		}
		ask(t, handle(t, s, "pool_target=replica"))
		ask(t, handle(t, s, "pool_target=any"))
		c.isReadOnly("a:1", false)
		time.Sleep(failover.MaxBackoff)
		ask(t, db)
	})
}

func TestTargetReplica(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.primaryIs("a:1")
		s.stopped = map[string]bool{}
		const params = "pool_target=replica&pool_size=6"
		hold(t, s, params, 6)
		c.want(t, [3]int{0, 3, 3})

		s.mu.Lock()
		s.stopped["b:2"] = true
		s.mu.Unlock()
		time.Sleep(2 * failover.MonitorInterval)
		hold(t, s, params, 6)
		c.want(t, [3]int{0, 0, 6})
		if h := onePool(t).Hosts[1]; h.State != "unready" && h.State != "probing" || !strings.Contains(h.Reason, "replica_sql_running is No") {
			t.Errorf("got %+v, want why", h)
		}

		c.primaryIs("c:3") // it is promoted, and the old primary is its replica
		time.Sleep(2 * failover.MonitorInterval)
		time.Sleep(failover.MaxBackoff)
		hold(t, s, params, 6)
		c.want(t, [3]int{6, 0, 0})

		c.kill("a:1")
		err := handle(t, s, params).Ping()
		if err == nil || !strings.Contains(err.Error(), "none of the hosts is a replica that can be used") || !strings.Contains(err.Error(), "c:3 is up") {
			t.Errorf("got %v, want what each host is", err)
		}
	})
}

// What the account may not ask counts as good.
func TestReplicaWithoutRights(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.primaryIs("a:1")
		asked := 0
		s.query = func(_ context.Context, _ *fakeConn, text string) error {
			if strings.HasPrefix(text, "SHOW REPLICA") || strings.HasPrefix(text, "SHOW SLAVE") {
				asked++
				return &mysql.MySQLError{Number: 1227, Message: "Access denied; you need (at least one of) the SUPER, REPLICATION CLIENT privilege(s)"}
			}
			return nil
		}
		hold(t, s, "pool_target=replica&pool_size=6", 6)
		c.want(t, [3]int{0, 3, 3})
		if asked > 2 {
			t.Errorf("asked %d times, want once for each host", asked)
		}
	})
}

// The first replica has stopped, and nobody logged in to the primary yet.
func TestPreferReplicaThatHasStopped(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		s.addr = "b:2,a:1"
		c.primaryIs("a:1")
		s.stopped = map[string]bool{}
		const params = "pool_target=prefer_replica"
		hold(t, s, params, 4)
		s.mu.Lock()
		s.stopped["b:2"] = true
		s.mu.Unlock()
		time.Sleep(2 * failover.MonitorInterval)
		hold(t, s, params, 4)
		if n := c.open(); n != [3]int{4, 0, 0} {
			t.Errorf("got %v, want all on the primary", n)
		}
	})
}

func TestTargetPreferReplica(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.primaryIs("a:1")
		c.is("c:3", isDown)
		const params = "pool_target=prefer_replica"
		hold(t, s, params, 4)
		c.want(t, [3]int{0, 4, 0})
		c.kill("b:2")
		hold(t, s, params, 4)
		c.want(t, [3]int{4, 0, 0})
		c.is("c:3", "")
		time.Sleep(2 * failover.MaxBackoff)
		hold(t, s, params, 4)
		c.want(t, [3]int{0, 0, 4})
		// A replica in back-off may be all that there was until now.
		s.mu.Lock()
		s.stopped = map[string]bool{"c:3": true}
		s.mu.Unlock()
		time.Sleep(2 * failover.MonitorInterval)
		hold(t, s, params, 4)
		if n := c.open(); n[2] != 0 || n[0]+n[1] != 4 {
			t.Errorf("got %v, want none on the third, whose replication has stopped", n)
		}
	})
}

// A member of a group that is in ERROR, OFFLINE or RECOVERING is not used, and a
// secondary for no writes.
func TestMembersOfAGroup(t *testing.T) {
	for state, want := range map[string][3]int{
		"ONLINE PRIMARY": {1, 0, 0}, "ERROR ": {0, 1, 0}, "RECOVERING SECONDARY": {0, 1, 0}, "OFFLINE ": {0, 1, 0}, "ONLINE SECONDARY": {0, 1, 0}, "": {1, 0, 0},
	} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			c := newCluster(s)
			s.members = map[string]string{"a:1": state, "b:2": "ONLINE PRIMARY", "c:3": "ONLINE SECONDARY"}
			db := handle(t, s, "")
			for range 2 { // the first login asks in another way than those after it
				ask(t, db)
				c.want(t, want)
				for _, conn := range s.conns {
					conn.set(func() { conn.dead = true })
				}
			}
		})
	}
}

// Rights to ask for the group may be missing: the rest is asked.
func TestGroupWithoutRights(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		s.members = map[string]string{"a:1": "ERROR "}
		c.isReadOnly("a:1", true)
		asked := 0
		s.query = func(_ context.Context, _ *fakeConn, text string) error {
			if strings.Contains(text, "replication_group_members") {
				asked++
				return &mysql.MySQLError{Number: 1142, Message: "SELECT command denied to user for table 'replication_group_members'"}
			}
			return nil
		}
		hold(t, s, "", 4)
		c.want(t, [3]int{0, 4, 0})
		if asked != 2 {
			t.Errorf("asked %d times, want once for each host", asked)
		}
	})
}

// Debian's MariaDB has wsrep_ready, which is OFF, and is in no cluster.
func TestMariaDBWithoutGalera(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		s.unready = map[string]bool{"a:1": true, "b:2": true, "c:3": true}
		s.others = map[string]string{"wsrep_on": "OFF", "wsrep_provider": "none"}
		db := handle(t, s, "")
		ask(t, db)
		c.kill("a:1")
		ask(t, db)
		c.want(t, [3]int{0, 1, 0})
		c.is("a:1", "")
		time.Sleep(10 * time.Second)
		ask(t, db)
		c.want(t, [3]int{1, 0, 0})
	})
}

// A host that is up again gets the connections that somebody needs, and no more.
func TestFailbackIsCalm(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.is("a:1", isDown)
		const params = "pool_size=10"
		hold(t, s, params, 10)
		c.want(t, [3]int{0, 10, 0})
		db := handle(t, s, params)
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		c.is("a:1", "")
		before := c.tried()
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			ask(t, db)
		}
		if n := c.tried() - before; n > 8 {
			t.Errorf("%d logins for one request at a time, want the probes' and one or two", n)
		}
		c.want(t, [3]int{1, 1, 0})
		if _, err := tx.Exec("UPDATE"); err != nil {
			t.Error(err)
		}
		tx.Commit()
		time.Sleep(3 * hosts.OfferFor)
		if n := c.open(); n[1] != 0 {
			t.Errorf("connections of each host: got %v, want none on the second", n)
		}
	})
}

// With round_robin a host that is up again gets its share step by step.
func TestSpreadIsCalm(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.is("a:1", isDown)
		const params = "pool_size=24&pool_balance=round_robin"
		hold(t, s, params, 24)
		c.want(t, [3]int{0, 12, 12})
		c.is("a:1", "")
		most := 0
		for range 400 {
			was := c.open()
			time.Sleep(100 * time.Millisecond)
			now := c.open()
			most = max(most, was[1]+was[2]-now[1]-now[2])
		}
		if most > 4 {
			t.Errorf("%d connections were closed within 100 ms, want a few at a time", most)
		}
		hold(t, s, params, 24)
		if n := c.open(); n[0] < 6 || n[0]+n[1]+n[2] != 24 {
			t.Errorf("got %v, want an even share", n)
		}
	})
}

// A host that is up for two seconds at a time is used less and less.
func TestFlappingHost(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		db := handle(t, s, "")
		moves, at := 0, ""
		for i := range 3000 { // 5 minutes
			switch i % 40 {
			case 0:
				c.is("a:1", "")
			case 20:
				c.kill("a:1")
			}
			id := ask(t, db)
			if now := c.addrOf(id); now != at {
				moves, at = moves+1, now
			}
			time.Sleep(100 * time.Millisecond)
		}
		if moves > 40 {
			t.Errorf("moved %d times in 5 minutes, with 75 outages; want fewer and fewer", moves)
		}
	})
}

// The primary has no room for another: to use a second one beside it would split
// the writes.
func TestFullPrimaryIsWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		tx, err := handle(t, s, "").Begin()
		if err != nil {
			t.Fatal(err)
		}
		c.is("a:1", isFull)
		time.AfterFunc(2*time.Second, func() { tx.Rollback() })
		start := time.Now()
		ask(t, handle(t, s, ""))
		if took := time.Since(start); took < time.Second {
			t.Errorf("took %v, want it to wait for the connection", took)
		}
		c.want(t, [3]int{1, 0, 0})
	})
}

// A server that stalls for longer than a request's deadline leaves: the deadline
// is the request's own, and costs its connection and no other.
func TestShortDeadlineCostsOneConnection(t *testing.T) {
	for _, addr := range []string{"a:1", "a:1,b:2"} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			newCluster(s)
			s.addr = addr
			const params = "pool_size=50"
			hold(t, s, params, 50)
			time.Sleep(40 * time.Second) // a ping is due
			s.query = func(ctx context.Context, _ *fakeConn, text string) error {
				if text != "ping" {
					return nil
				}
				select {
				case <-ctx.Done():
				case <-time.After(700 * time.Millisecond): // slow, and alive
				}
				return nil
			}
			db := handle(t, s, params)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := db.ExecContext(ctx, "UPDATE"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want the deadline", err)
			}
			time.Sleep(5 * time.Second)
			p := onePool(t)
			if p.Broken > 3 {
				t.Errorf("%s: %d of 50 were closed, want those that this request met", addr, p.Broken)
			}
			for _, h := range p.Hosts {
				if h.State != "up" && h.State != "unknown" {
					t.Errorf("%s: got %+v", addr, h)
				}
			}
			ask(t, db)
			synctest.Wait()
			for _, conn := range s.conns {
				if conn.addr != "a:1" {
					t.Errorf("%s: a login to %s", addr, conn.addr)
				}
			}
		})
	}
}

// A connection that was idle and has no answer says that connections are dead, and
// perhaps not the host: writes stay there if it takes logins.
func TestSilentConnectionsMoveNoWrites(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		hold(t, s, "", 5)
		time.Sleep(40 * time.Second)
		old := len(s.conns)
		s.query = func(ctx context.Context, conn *fakeConn, _ string) error {
			if conn.id <= old { // a router forgot them
				<-ctx.Done()
			}
			return nil
		}
		ask(t, handle(t, s, ""))
		c.want(t, [3]int{1, 0, 0})
		synctest.Wait()
		if h := onePool(t).Hosts[0]; h.State != "up" {
			t.Errorf("got %+v, want it up after a probe", h)
		}
	})
}

// Two handles with one DSN but for pool_target: writes go to the primary, and
// reads to the replicas.
func TestReadWriteSplitting(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		refusals := c.refuseWrites()
		c.primaryIs("b:2")
		writes, reads := handle(t, s, "pool_target=primary"), handle(t, s, "pool_target=replica")
		at := map[string]int{}
		for i := range 100 {
			if _, err := writes.Exec("UPDATE"); err != nil {
				t.Fatal(err)
			}
			txs := beginAll(t, reads, 2)
			for _, tx := range txs {
				at[c.addrOf(ask(t, tx))]++
				tx.Rollback()
			}
			if i == 50 {
				c.primaryIs("c:3")
				writes.Exec("UPDATE")
				time.Sleep(2 * failover.MonitorInterval)
			}
		}
		if *refusals > 1 || at["a:1"] == 0 || at["b:2"] == 0 || at["c:3"] == 0 {
			t.Errorf("%d refusals; reads on %v", *refusals, at)
		}
	})
}

// One host behind a name, with rejectReadOnly: each refused write costs its own
// connection, as with the stock driver, and once a second all others.
func TestRejectReadOnlyOfOneHost(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const params = "rejectReadOnly=true&pool_size=20"
		hold(t, s, params, 20)
		s.query = func(_ context.Context, conn *fakeConn, text string) error {
			if text == "UPDATE" {
				conn.set(func() { conn.closed = true }) // as the stock driver does
				return driver.ErrBadConn
			}
			return nil
		}
		db := handle(t, s, params)
		db.Exec("UPDATE")
		if p := onePool(t); p.Open > 0 {
			t.Errorf("%d are open, want none: the name may mean another server now", p.Open)
		}
		time.Sleep(hosts.RejectPause / 2)
		hold(t, s, params, 20)
		time.Sleep(3 * hosts.OfferFor / 10)
		before := onePool(t).Broken
		db.Exec("UPDATE")
		if n := onePool(t).Broken - before; n > 3 {
			t.Errorf("%d connections were closed half a second later, want those three that the write met", n)
		}
	})
}

func ExampleStats_hosts() {
	for _, p := range Stats() {
		for _, h := range p.Hosts {
			fmt.Println(h.Addr, h.State, h.Reason)
		}
	}
}
