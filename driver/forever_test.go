package mysqlpool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/physical"
)

// Durations at the limits of their type, each with each: every wait ends, at
// pool_timeout or with its context, and what is due is done.
func TestDurationsAtTheirLimits(t *testing.T) {
	type durations struct{ idle, timeout, recycle, ping, leak time.Duration }
	usual := durations{10 * time.Minute, 30 * time.Second, 7 * time.Hour, 30 * time.Second, 0}
	limits := []time.Duration{0, 1, time.Second, math.MaxInt64 - 1, math.MaxInt64}
	fields := []func(*durations) *time.Duration{
		func(d *durations) *time.Duration { return &d.idle }, func(d *durations) *time.Duration { return &d.timeout },
		func(d *durations) *time.Duration { return &d.recycle }, func(d *durations) *time.Duration { return &d.ping },
		func(d *durations) *time.Duration { return &d.leak },
	}
	tried := map[durations]bool{}
	for _, a := range fields {
		for _, b := range fields {
			for _, x := range limits {
				for _, y := range limits {
					d := usual
					*a(&d), *b(&d) = x, y
					if d.timeout == 0 || tried[d] {
						continue // pool_timeout is above 0
					}
					tried[d] = true
					t.Run(fmt.Sprintf("%+v", d), func(t *testing.T) {
						bubble(t, func(t *testing.T, s *fakeServer) {
							testLimits(t, s, d.timeout, d.idle, d.recycle, WithIdleTimeout(d.idle), WithTimeout(d.timeout), WithRecycle(d.recycle), WithPingAfter(d.ping), WithLeakAfter(d.leak))
						})
					})
				}
			}
		}
	}
}

// Whole numbers too.
func TestNumbersAtTheirLimits(t *testing.T) {
	const most = math.MaxInt32
	for _, options := range [][]Option{
		{WithMaxOverflow(most)}, {WithSize(most), WithMaxOverflow(most)}, {WithDialLimit(most)}, {WithStmtCache(most)}, {WithStmtCache(0), WithDialLimit(1)},
	} {
		cfg := mustParse(t, keyDSN)
		c, err := NewConnector(cfg, options...)
		if err != nil {
			t.Fatal(err)
		}
		if o := c.(*connector).Options; o.MaxOverflow != dsn.Auto && (o.Limit() < o.Size || o.Limit() < o.MaxOverflow) {
			t.Errorf("%+v: got a limit of %d", o, o.Limit())
		}
		if l := physical.NewStmtLimits(c.(*connector).StmtCache); l.Costs < physical.ConnStmtCosts {
			t.Errorf("%d statements: bound of %d bytes", c.(*connector).StmtCache, l.Costs)
		}
	}
}

// testLimits uses a pool of two connections, then waits for a third, and looks whether
// what is open is what the options say.
func testLimits(t *testing.T, s *fakeServer, timeout, idle, recycle time.Duration, options ...Option) {
	c, err := newConnector(mustParse(t, keyDSN), append(options, WithSize(1), WithMaxOverflow(1), WithLogger(slog.New(slog.DiscardHandler)))...)
	if err != nil {
		t.Fatal(err)
	}
	c.Dial = s.dial
	db := sql.OpenDB(c)
	defer db.Close()
	db.SetMaxIdleConns(-1)
	two := func() (end func()) {
		a, errA := db.Begin()
		b, errB := db.Begin()
		if errA != nil || errB != nil {
			if timeout > 1 || !errors.Is(errA, ErrPoolTimeout) && errA != nil {
				t.Fatal(errA, errB)
			}
		}
		return func() {
			if a != nil {
				a.Rollback()
			}
			if b != nil {
				b.Rollback()
			}
		}
	}
	for range 2 {
		end := two()
		end()
		time.Sleep(300 * time.Millisecond)
	}
	end := two()
	const limit = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	start := time.Now()
	_, err = db.ExecContext(ctx, "DO 1")
	cancel()
	want := min(timeout, limit)
	if took := time.Since(start); timeout > 1 && (!errors.Is(err, ErrPoolTimeout) || took != want) {
		t.Errorf("the third: got %v after %v, want ErrPoolTimeout after %v", err, took, want)
	}
	end()
	synctest.Wait()
	if timeout == 1 {
		return // a login takes no time here, and may be late all the same
	}
	time.Sleep(20 * time.Minute)
	synctest.Wait()
	open := 2
	if idle <= 10*time.Minute {
		open = 1
	}
	if 0 < recycle && recycle <= time.Second {
		open = 0
	}
	if p := onePool(t); p.Open != open {
		t.Errorf("after 20 minutes %d connections are open, want %d", p.Open, open)
	}
}

// A plain number of seconds beyond what a duration holds is refused, and the largest that
// it holds is not taken for a time in the past.
func TestSecondsAtTheirLimit(t *testing.T) {
	for _, value := range []string{"7000000000", "9223372035"} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			db := handle(t, s, "pool_recycle="+value+"&pool_idle_timeout="+value+"&pool_timeout="+value+"&pool_ping_after="+value+"&timeout=1s")
			for range 3 {
				if got := ask(t, db); got != 1 {
					t.Errorf("got connection %d, want the first", got)
				}
				time.Sleep(30 * 24 * time.Hour)
			}
		})
	}
	if _, err := (Driver{}).OpenConnector(keyDSN + "?pool_recycle=10000000000"); err == nil {
		t.Error("more than a duration holds: got no error")
	}
}
