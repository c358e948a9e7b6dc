package mysqlpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/budget"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
)

// Random programs over many pools: no login is refused by the server, nobody waits
// for longer than what others do explains, and all places are counted.
// MYSQL_POOL_TEST_BUDGET_SEEDS says how many.
func TestBudgetRandomly(t *testing.T) {
	seeds := 40
	if n, err := strconv.Atoi(os.Getenv("MYSQL_POOL_TEST_BUDGET_SEEDS")); err == nil {
		seeds = n
	}
	for seed := range seeds {
		bubble(t, func(t *testing.T, s *fakeServer) { randomBudget(t, s, uint64(seed)) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func randomBudget(t *testing.T, s *fakeServer, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	limit := 11 + r.IntN(26) // a smaller one would be full before it has told its limits
	s.maxConnections = fmt.Sprint(limit)
	if r.IntN(3) == 0 {
		s.maxUserOf = map[string]string{"u0": fmt.Sprint(1 + r.IntN(limit))}
	}
	var f fullAt
	f.enforce(s)
	options := []string{"", "pool_size=1&pool_max_overflow=0", "pool_size=0", "pool_size=2&pool_warm=1", "pool_idle_timeout=1", "pool_dial_limit=1", "pool_recycle=2", "wait_timeout=99"}
	schemas := []string{"app", "", "other"}
	pools := 1 + r.IntN(40)
	longest := time.Duration(0) // that anything is held
	open := func(i int) *sql.DB {
		text := fmt.Sprintf("u%d:x@tcp(fake)/%s?%s", i%7, schemas[i%len(schemas)], options[i%len(options)])
		cfg, err := dsn.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		c, err := newConnector(cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.Dial = s.dial
		db := sql.OpenDB(c)
		db.SetMaxIdleConns(i % 4)
		return db
	}
	var wg sync.WaitGroup
	slowest := make(chan time.Duration, 10000)
	for i := range pools {
		for range 1 + r.IntN(4) {
			rounds, keeps := 3+r.IntN(20), r.IntN(2) == 0
			hold := time.Duration(r.IntN(300)) * time.Millisecond
			pause := time.Duration(r.IntN(3)) * time.Duration(r.IntN(400)) * time.Millisecond
			which := r.IntN(4)
			longest = max(longest, hold)
			wg.Go(func() {
				db := open(i)
				for range rounds {
					start := time.Now()
					ctx, cancel := context.WithTimeout(context.Background(), 25*time.Second)
					c, err := db.Conn(ctx)
					if err == nil {
						_, err = c.ExecContext(ctx, "SELECT 1") // this one waits, if any
					}
					cancel()
					if err != nil {
						t.Errorf("after %v: %v", time.Since(start), err)
						break
					}
					slowest <- time.Since(start)
					if which == 0 && i%4 == 0 { // or it would be pinned while its handle keeps it
						c.ExecContext(context.Background(), "SET @a = 1")
					}
					time.Sleep(hold)
					if which == 1 {
						c.Raw(func(any) error { return driver.ErrBadConn })
					}
					c.Close()
					if !keeps {
						db.Close()
						db = open(i)
					}
					time.Sleep(pause)
				}
				db.Close()
			})
		}
	}
	wg.Wait()
	close(slowest)
	most := time.Duration(0)
	for d := range slowest {
		most = max(most, d)
	}
	// As many as 160 goroutines, in turns of 100 ms or of what they hold, on a place.
	if bound := 2*time.Second + time.Duration(4*pools)*max(longest, budget.MinHoldTime)*2; most > bound {
		t.Errorf("somebody waited for %v, want %v at most: %d pools on %d places", most, bound, pools, limit)
	}
	if f.refused.Load() > 0 {
		t.Errorf("the server refused %d logins, of %d places", f.refused.Load(), limit)
	}
	time.Sleep(5 * time.Second)
	wantPlaces(t, s)
	if open, _ := s.open(); open > budget.MaxOrphans {
		t.Errorf("open without handles: got %d, want %d at most", open, budget.MaxOrphans)
	}
}
