package mysqlpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/budget"
)

func handleTo(t *testing.T, s *fakeServer, schema, params string) *sql.DB {
	t.Helper()
	db := sql.OpenDB(s.connectorTo(t, schema, params))
	t.Cleanup(func() { db.Close() })
	return db
}

func wantSchema(t *testing.T, db *sql.DB, want string) {
	t.Helper()
	var got string
	if err := db.QueryRowContext(t.Context(), "SELECT DATABASE()").Scan(&got); err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("schema: got %q, want %q", got, want)
	}
}

func countUses(s *fakeServer) (n int) {
	for _, c := range s.conns {
		for _, text := range c.sent() {
			if strings.HasPrefix(text, "USE ") {
				n++
			}
		}
	}
	return n
}

func TestSchemasShareAPool(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const one = "pool_size=1&pool_max_overflow=0"
		for range 2 {
			for i := range 5 {
				schema := fmt.Sprintf("schema%d", i)
				db := handleTo(t, s, schema, one)
				wantSchema(t, db, schema)
				db.Close()
			}
		}
		wantOpen(t, s, 1, 1)
		onePool(t)
	})
}

func TestSchemaNameIsQuoted(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		ask(t, handle(t, s, "pool_size=1&pool_max_overflow=0"))
		ask(t, handleTo(t, s, "a%60b", "pool_size=1&pool_max_overflow=0"))
		if sent := s.conns[0].sent(); !slices.Contains(sent, "USE `a``b`") {
			t.Errorf("got %q, want USE `a``b` among them", sent)
		}
	})
}

func TestConnectionOnTheRightSchemaIsPreferred(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		a, b := handleTo(t, s, "a", ""), handleTo(t, s, "b", "")
		ask(t, a)
		ask(t, b)
		a.Close()
		b.Close() // the one that was idle for the shortest time
		for range 3 {
			for _, schema := range []string{"a", "b"} {
				db := handleTo(t, s, schema, "")
				wantSchema(t, db, schema)
				db.Close()
			}
		}
		wantOpen(t, s, 2, 2)
		if n := countUses(s); n != 0 {
			t.Errorf("schema switches: got %d, want none", n)
		}
	})
}

func TestRefusedSchemaLeavesTheConnectionToOthers(t *testing.T) {
	for _, number := range []uint16{1049, 1044} { // unknown, forbidden
		bubble(t, func(t *testing.T, s *fakeServer) {
			const one = "pool_size=1&pool_max_overflow=0"
			db := handle(t, s, one)
			ask(t, db)
			s.query = refuse("USE `nowhere`", number)
			err := handleTo(t, s, "nowhere", one).PingContext(t.Context())
			var answer *mysql.MySQLError
			if !errors.As(err, &answer) || answer.Number != number || err != error(answer) {
				t.Errorf("got %v, want the server's own error %d", err, number)
			}
			wantSchema(t, db, "app")
			wantOpen(t, s, 1, 1)
		})
	}
}

func TestSwitchThatBreaksTheConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const one = "pool_size=1&pool_max_overflow=0"
		ask(t, handle(t, s, one))
		s.query = func(_ context.Context, c *fakeConn, text string) error {
			if c.id == 1 && text == "USE `other`" {
				c.set(func() { c.closed = true })
				return mysql.ErrInvalidConn
			}
			return nil
		}
		wantSchema(t, handleTo(t, s, "other", one), "other")
		wantOpen(t, s, 1, 2)
	})
}

// There is no statement that takes a session off its schema.
func TestWithoutASchemaNeverOnOne(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const one = "pool_size=1&pool_max_overflow=0"
		on := handle(t, s, one)
		ask(t, on)
		off := handleTo(t, s, "", one)
		wantSchema(t, off, "") // the only place was taken by one that is on a schema
		wantOpen(t, s, 1, 2)
		wantSchema(t, on, "app") // the one without can be switched
		wantOpen(t, s, 1, 2)
		on.Close() // and now it lies idle, on a schema
		wantSchema(t, off, "")
		wantOpen(t, s, 1, 3)
		if p := onePool(t); p.Overflow != 2 {
			t.Errorf("closed to make room: got %d, want 2", p.Overflow)
		}
	})
}

func TestWrongPasswordMeetsNoConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		ask(t, handle(t, s, ""))
		denied := &mysql.MySQLError{Number: 1045, Message: "Access denied"}
		s.login = func(context.Context, int) error { return denied }
		cfg := mustParse(t, "app:wrong@tcp(fake)/app")
		c, err := newConnector(cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.Dial = s.dial
		db := sql.OpenDB(c)
		defer db.Close()
		if err := db.PingContext(t.Context()); err != denied {
			t.Errorf("got %v, want the server's own error", err)
		}
		wantOpen(t, s, 1, 1)
	})
}

var errFull = &mysql.MySQLError{Number: 1040, Message: "Too many connections"}

func TestFullServerMeansWait(t *testing.T) {
	for _, full := range []*mysql.MySQLError{
		errFull,
		{Number: 1203, Message: "User app already has more than 'max_user_connections' active connections"},
		{Number: 1226, Message: "User 'app' has exceeded the 'max_user_connections' resource (current value: 1)"},
	} {
		t.Run(fmt.Sprint(full.Number), func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				room := time.Now().Add(5 * time.Second)
				s.login = func(context.Context, int) error {
					if time.Now().Before(room) {
						return full
					}
					return nil
				}
				ask(t, handle(t, s, ""))
				if late := time.Since(room); late < 0 || late > time.Second {
					t.Errorf("served %v after there was room, want a second at most", late)
				}
				if s.logins > 20 {
					t.Errorf("tried %d logins in 5 s, want it to back off", s.logins)
				}
			})
		})
	}
}

func TestFullServerForTooLong(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.login = func(context.Context, int) error { return errFull }
		start := time.Now()
		err := handle(t, s, "pool_timeout=5").PingContext(t.Context())
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("took %v, want pool_timeout", took)
		}
		if !errors.Is(err, ErrPoolTimeout) || !errors.Is(err, errFull) {
			t.Errorf("got %v, want ErrPoolTimeout with the server's error in it", err)
		}
	})
}

// Other limits of a user do not come free by waiting.
func TestOtherUserLimitFailsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		limit := &mysql.MySQLError{Number: 1226, Message: "User 'app' has exceeded the 'max_queries_per_hour' resource"}
		s.login = func(context.Context, int) error { return limit }
		if err := handle(t, s, "").PingContext(t.Context()); err != limit {
			t.Errorf("got %v, want the server's own error", err)
		}
	})
}

func TestFullServerIsServedByACheckIn(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		a, b := handle(t, s, ""), handle(t, s, "")
		held, err := a.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ask(t, held)
		s.login = func(context.Context, int) error { return errFull }
		time.AfterFunc(3*time.Second, func() { held.Close() })
		start := time.Now()
		if id := ask(t, b); id != 1 || time.Since(start) != 3*time.Second {
			t.Errorf("got connection %d after %v, want the one that was given back after 3 s", id, time.Since(start))
		}
	})
}

func TestFullServerClosesWhatOtherPoolsKeep(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const room = 2
		s.login = func(context.Context, int) error {
			if open, _ := s.open(); open >= room {
				return errFull
			}
			return nil
		}
		idle, offered := handle(t, s, "wait_timeout=100"), handle(t, s, "wait_timeout=200")
		ask(t, idle)
		idle.Close()
		ask(t, offered)
		start := time.Now()
		ask(t, handle(t, s, "wait_timeout=300"))
		if took := time.Since(start); took > maxWaitForRoom {
			t.Errorf("took %v", took)
		}
		wantOpen(t, s, 2, 3) // no more was closed than had to be
	})
}

// maxWaitForRoom is how long it may take to find the room that was made.
const maxWaitForRoom = 50 * time.Millisecond

func TestTimeoutNamesWhoHoldsWhat(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const params = "pool_size=3&pool_max_overflow=0&pool_timeout=5"
		for _, schema := range []string{"a", "a", "b"} {
			c, err := handleTo(t, s, schema, params).Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ask(t, c)
			defer c.Close()
		}
		err := handleTo(t, s, "c", params).PingContext(t.Context())
		if !errors.Is(err, ErrPoolTimeout) || !strings.Contains(err.Error(), `held by a: 2, b: 1`) {
			t.Errorf("got %v, want ErrPoolTimeout that names who holds what", err)
		}
	})
}

// connectionOpener passes a context without a deadline. Whoever waits for what
// it opens must not wait for ever.
func TestOpenerDoesNotStallAHandle(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const params = "pool_size=1&pool_max_overflow=0&pool_timeout=5"
		a, b := handle(t, s, params), handle(t, s, params)
		a.SetMaxOpenConns(1)
		evicted, err := a.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ask(t, evicted)
		got := make(chan *sql.Conn)
		go func() { // the first in the pool's queue
			c, err := b.Conn(t.Context())
			if err != nil {
				t.Error(err)
			}
			got <- c
		}()
		synctest.Wait()
		waits := make(chan error)
		go func() { waits <- a.PingContext(context.Background()) }() // in a's own queue
		synctest.Wait()
		evicted.Raw(func(any) error { return driver.ErrBadConn }) // now a's opener connects
		held := <-got
		ask(t, held)
		start := time.Now()
		if err := <-waits; !errors.Is(err, ErrPoolTimeout) || time.Since(start) != 5*time.Second {
			t.Errorf("got %v after %v, want ErrPoolTimeout after pool_timeout", err, time.Since(start))
		}
		held.Close()
		ask(t, a)
	})
}

// "Welcome to the jungle" of HikariCP: 50 at once, a login takes 150 ms, a query
// 2 ms. It is over before a sixth login would be.
func TestSpikeOpensNoMoreThanItNeeds(t *testing.T) {
	for _, warm := range []bool{true, false} {
		t.Run(fmt.Sprintf("warm=%v", warm), func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				s.login = func(context.Context, int) error { time.Sleep(150 * time.Millisecond); return nil }
				s.query = func(_ context.Context, _ *fakeConn, text string) error {
					if text == "SELECT 1" {
						time.Sleep(2 * time.Millisecond)
					}
					return nil
				}
				db := handle(t, s, "")
				spike := func(n int) {
					var wg sync.WaitGroup
					for range n {
						wg.Go(func() { ask(t, db) })
					}
					wg.Wait()
				}
				if warm {
					spike(5)
				}
				start := time.Now()
				spike(50)
				if _, ever := s.open(); ever != 5 {
					t.Errorf("connections opened: got %d, want pool_size, 5", ever)
				}
				if took := time.Since(start); warm && took > 50*time.Millisecond || took > 200*time.Millisecond {
					t.Errorf("all were served after %v", took)
				}
			})
		})
	}
}

// Uses that take longer than a login are worth one.
func TestLongUsesOpenMore(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.login = func(context.Context, int) error { time.Sleep(10 * time.Millisecond); return nil }
		db := handle(t, s, "")
		var wg sync.WaitGroup
		start := time.Now()
		for range 30 {
			wg.Go(func() {
				c, err := db.Conn(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				ask(t, c)
				time.Sleep(time.Minute)
			})
		}
		wg.Wait()
		if took := time.Since(start) - time.Minute; took > 200*time.Millisecond {
			t.Errorf("the last got its connection after %v", took)
		}
		if _, ever := s.open(); ever != 30 {
			t.Errorf("connections: got %d, want 30", ever)
		}
	})
}

func TestWarmConnectionsAreKeptReady(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "pool_warm=3&pool_recycle=60")
		synctest.Wait()
		wantOpen(t, s, 0, 0) // nothing dials before first use
		for used := range 3 {
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			ask(t, c)
			synctest.Wait()
			wantOpen(t, s, used+4, used+4)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if p := onePool(t); p.Idle != 3 || p.InUse != 3 {
			t.Errorf("after they were recycled: got %+v, want 3 in use and 3 ready", p)
		}
	})
}

// A handle per job must find its connections, also when jobs are far apart.
func TestPoolWithoutHandlesKeepsOneConnection(t *testing.T) {
	for _, warm := range []int{0, 2} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			params := fmt.Sprintf("pool_idle_timeout=60&pool_recycle=1000&pool_warm=%d", warm)
			db := handle(t, s, params)
			var held []*sql.Conn
			for range 4 {
				c, err := db.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				ask(t, c)
				held = append(held, c)
			}
			synctest.Wait()
			for _, c := range held {
				c.Close()
			}
			db.Close()
			all := 4 + warm
			time.Sleep(time.Minute - 1)
			synctest.Wait()
			if open, _ := s.open(); open < 4 {
				t.Errorf("open before pool_idle_timeout: got %d, want 4 or more", open)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			wantOpen(t, s, 1, all)
			if warm > 0 {
				return
			}
			again := handle(t, s, params)
			ask(t, again)
			wantOpen(t, s, 1, all)
			if p := onePool(t); p.Size != 5 {
				t.Errorf("size with a handle again: got %d, want 5", p.Size)
			}
			again.Close()
			time.Sleep(1000 * time.Second)
			synctest.Wait()
			wantOpen(t, s, 0, all)
			if pools := Stats(); len(pools) != 0 {
				t.Errorf("got %+v, want no pool", pools)
			}
		})
	}
}

func TestPoolsWithoutHandlesShareABudget(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		for i := range 2 * budget.MaxOrphans {
			db := handle(t, s, fmt.Sprintf("pool_idle_timeout=60&pool_recycle=10000&wait_timeout=%d", 100+i))
			ask(t, db)
			db.Close()
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if open, _ := s.open(); open != budget.MaxOrphans {
			t.Errorf("connections of pools without handles: got %d, want %d", open, budget.MaxOrphans)
		}
		if n := len(Stats()); n != budget.MaxOrphans {
			t.Errorf("pools: got %d, want those with a connection, %d", n, budget.MaxOrphans)
		}
		if s.conns[0].closed != true || s.conns[len(s.conns)-1].closed {
			t.Error("want the one that was left first to be closed, and not the last")
		}
	})
}
