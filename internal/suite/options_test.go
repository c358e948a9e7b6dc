package suite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// everyOption is each option in its @ form, as it stands in a DSN.
const everyOption = "@pool_size=3&@pool_max_overflow=4&@pool_idle_timeout=600&@pool_timeout=5&@pool_recycle=100&" +
	"@pool_ping_after=30&@pool_warm=0&@pool_dial_limit=8&@pool_reset=%27state%27&@pool_stmt_cache=%27auto%27&@pool_leak_after=%270s%27&" +
	"@pool_kill=%27off%27&@pool_balance=%27failover%27&@pool_target=%27auto%27&@pool_name=%27app%27"

func TestSuiteSameDSNWorksOnBothDrivers(t *testing.T) {
	s := needServer(t)
	for name, params := range map[string]string{
		"two options":  "@pool_size=3&@pool_timeout=5",
		"every option": everyOption,
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, driver string) {
				dispose(t)
				db := s.open(t, driver, params)
				connectionID(t, db)
				if got := row(t, db, "SELECT 40 + ?", 2); got != "42" {
					t.Errorf("got %s, want 42", got)
				}
				if p := mysqlpool.Stats(); driver == pooled && (len(p) != 1 || p[0].Size != 3) {
					t.Errorf("want one pool with pool_size 3: %+v", p)
				}
				// With ours the options never reach the server.
				want := map[string]string{stock: "3", pooled: "NULL"}[driver]
				if got := row(t, db, "SELECT @pool_size"); got != want {
					t.Errorf("@pool_size on the server: got %s, want %s", got, want)
				}
			})
		})
	}
}

// askOwnNumber asks for a number of its own and wants that back.
func askOwnNumber(ctx context.Context, q querier, n int) error {
	var got int
	if err := q.QueryRowContext(ctx, "SELECT ?", n).Scan(&got); err != nil {
		return err
	}
	if got != n {
		return fmt.Errorf("got %d: the answer to somebody else's question, not %d", got, n)
	}
	return nil
}

func TestSuiteNoMoreConnectionsThanAllowed(t *testing.T) {
	s := needServer(t)
	const goroutines, queries, limit = 32, 20, 4
	for _, handles := range []int{1, 5, goroutines} {
		t.Run(fmt.Sprintf("handles=%d", handles), func(t *testing.T) {
			var dbs []*sql.DB
			for range handles {
				dbs = append(dbs, s.open(t, pooled, "pool_size=2&pool_max_overflow=2"))
			}
			inParallel(goroutines, func(i int) {
				for j := range queries {
					if err := askOwnNumber(t.Context(), dbs[i%handles], i*queries+j); err != nil {
						t.Error(err)
					}
				}
			})
			// Nothing was closed, so what is open is the most that ever was.
			if p := onlyPool(t); p.Opened > limit || int(p.Opened)+p.LoggingIn < 2 || p.Opened != int64(p.Open) {
				t.Errorf("want 2 to %d opened and all of them open: %+v", limit, p)
			}
			if ids := s.connections(t); len(ids) > limit {
				t.Errorf("the server has connections %v, want at most %d", ids, limit)
			}
		})
	}
}

// holdAll holds n connections at once and gives them up again.
func holdAll(t *testing.T, db *sql.DB, n int) {
	t.Helper()
	var txs []*sql.Tx
	for range n {
		txs = append(txs, begin(t, db))
	}
	for _, tx := range txs {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

func TestSuiteConnectionsBeyondPoolSizeAreClosedWhenIdle(t *testing.T) {
	s := needServer(t)
	const idle = 300 * time.Millisecond
	db := s.open(t, pooled, "pool_size=1&pool_idle_timeout=300ms")
	holdAll(t, db, 4)
	released := time.Now()
	db.Close()
	if p := onlyPool(t); p.Open != 4 {
		t.Errorf("want 4 open: %+v", p)
	}
	s.wantConnections(t, 1)
	if took := time.Since(released); took < idle || took > 5*idle {
		t.Errorf("they were closed after %v, want %v", took, idle)
	}
	if p := onlyPool(t); p.Open != 1 || p.IdleClosed != 3 {
		t.Errorf("want 1 open and 3 closed: %+v", p)
	}
}

func TestSuiteIdleHandlesDoNotKeepConnectionsBeyondPoolSize(t *testing.T) {
	s := needServer(t)
	db := s.open(t, pooled, "pool_size=1&pool_idle_timeout=100ms&pool_ping_after=100ms")
	db.SetMaxIdleConns(10)
	holdAll(t, db, 4)
	// pool_ping_after is also how long an idle handle keeps a connection, if that
	// is less than a second.
	s.wantConnections(t, 1) // although the handle believes that it has 4
	connectionID(t, db)
}

func TestSuitePoolTimeout(t *testing.T) {
	s := needServer(t)
	const timeout = 300 * time.Millisecond
	params := "pool_size=1&pool_max_overflow=0&pool_timeout=300ms"
	holder, other := s.open(t, pooled, params), s.open(t, pooled, params)
	tx := begin(t, holder)
	start := time.Now()
	_, err := askConnectionID(other)
	if took := time.Since(start); took < timeout || took > 5*timeout {
		t.Errorf("it took %v, want %v", took, timeout)
	}
	if !errors.Is(err, mysqlpool.ErrPoolTimeout) {
		t.Fatalf("got %v, want ErrPoolTimeout", err)
	}
	for _, number := range []string{"waited ", "limit 1", "in use 1", "idle 0", "pinned 0"} {
		if !strings.Contains(err.Error(), number) {
			t.Errorf("want %q in the error: %v", number, err)
		}
	}
	tx.Rollback()
	connectionID(t, other)
	if p := onlyPool(t); p.Timeouts != 1 {
		t.Errorf("want one timeout: %+v", p)
	}
}

func TestSuiteContextDeadlineThatComesFirstWins(t *testing.T) {
	s := needServer(t)
	params := "pool_size=1&pool_max_overflow=0&pool_timeout=30"
	holder, other := s.open(t, pooled, params), s.open(t, pooled, params)
	begin(t, holder)

	const deadline = 100 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	start := time.Now()
	err := other.PingContext(ctx)
	if took := time.Since(start); took < deadline || took > patience {
		t.Errorf("it took %v, want %v", took, deadline)
	}
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, mysqlpool.ErrPoolTimeout) {
		t.Errorf("got %v, want ErrPoolTimeout and context.DeadlineExceeded", err)
	}

	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := other.PingContext(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// A handle's own limit and the pool's must not lock each other up.
func TestSuiteHandleLimitBelowAndAboveThePools(t *testing.T) {
	s := needServer(t)
	for _, limit := range []int{1, 8} {
		db := s.open(t, pooled, "pool_size=2&pool_max_overflow=0")
		db.SetMaxOpenConns(limit)
		inParallel(16, func(i int) {
			for j := range 10 {
				if err := askOwnNumber(t.Context(), db, i*10+j); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// What no text shows: LAST_INSERT_ID of a user before.
func TestSuitePoolResetAlwaysKeepsNothing(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	if _, err := setup.Exec("CREATE FUNCTION leaves() RETURNS INT DETERMINISTIC NO SQL BEGIN SET @kept = 77; RETURN 1; END"); err != nil {
		t.Skip(err)
	}
	setup.Close()
	const one = "@pool_size=1&@pool_max_overflow=0"
	for params, want := range map[string]string{one: "77", one + "&@pool_reset=%27always%27": "0"} {
		a := s.open(t, pooled, params)
		row(t, a, "SELECT leaves()")
		a.Close()
		b := s.open(t, pooled, params)
		if got := row(t, b, "SELECT COALESCE(@kept, 0)"); got != want {
			t.Errorf("%s: got %s, want %s", params, got, want)
		}
		b.Close()
	}
}

func TestSuitePoolSizeZeroKeepsNothing(t *testing.T) {
	s := needServer(t)
	db := s.open(t, pooled, "pool_size=0&pool_idle_timeout=0")
	connectionID(t, db)
	db.Close()
	s.wantConnections(t, 0)
}

// Everybody who waits is served in turn, however long the queue.
func TestSuiteNobodyStarves(t *testing.T) {
	s := needServer(t)
	var dbs []*sql.DB
	for range 8 {
		dbs = append(dbs, s.open(t, pooled, "pool_size=1&pool_max_overflow=0&pool_timeout=10"))
	}
	var mu sync.Mutex
	var longest time.Duration
	var stop atomic.Bool
	time.AfterFunc(500*time.Millisecond, func() { stop.Store(true) })
	inParallel(len(dbs), func(i int) {
		for !stop.Load() {
			start := time.Now()
			if err := askOwnNumber(t.Context(), dbs[i], i); err != nil {
				t.Error(err)
			}
			mu.Lock()
			longest = max(longest, time.Since(start))
			mu.Unlock()
		}
	})
	if longest > 400*time.Millisecond {
		t.Errorf("one query took %v", longest)
	}
}
