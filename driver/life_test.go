package mysqlpool

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/hosts"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// The recipe's rule: recycle one second before the server's wait_timeout, which
// the DSN says, else the server, else it is 120 s and the log says so.
func TestLifeOfAConnection(t *testing.T) {
	for _, test := range []struct {
		name, params, server string
		life                 time.Duration // 0: none
		notice               bool
	}{
		{"from the DSN", "wait_timeout=120", "28800", 119 * time.Second, false},
		{"from the server", "", "1800", 1799 * time.Second, false},
		{"one hour at most", "", "28800", time.Hour, false},
		{"one hour at most, of the DSN's too", "wait_timeout=7200", "28800", time.Hour, false},
		{"DSN has an expression", "wait_timeout=60*2", "120", 119 * time.Second, false},
		{"from neither", "", "", 119 * time.Second, true},
		{"from neither, and not needed", "pool_recycle=1h", "", time.Hour, false},
		{"shortest", "wait_timeout=1", "1", 500 * time.Millisecond, false},
		{"pool_recycle", "wait_timeout=120&pool_recycle=40", "28800", 40 * time.Second, false},
		{"pool_recycle=auto", "wait_timeout=120&pool_recycle=auto", "28800", 119 * time.Second, false},
		{"never", "wait_timeout=120&pool_recycle=0", "28800", 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				s.waitTimeout = test.server
				var log bytes.Buffer
				c := s.connector(t, test.params)
				c.Logger = slog.New(slog.NewTextHandler(&log, nil))
				lc, err := c.Connect(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				lc.Close()
				if test.life == 0 {
					time.Sleep(1000 * time.Hour)
					wantOpen(t, s, 1, 1)
				} else {
					// Shortened by up to 2.5 %, so that they do not expire together.
					time.Sleep(test.life - test.life/40 - 1)
					synctest.Wait()
					wantOpen(t, s, 1, 1)
					time.Sleep(test.life/40 + 1)
					synctest.Wait()
					wantOpen(t, s, 0, 1)
				}
				if got := strings.Contains(log.String(), "taking 120 s"); got != test.notice {
					t.Errorf("notice in the log: got %v, want %v: %s", got, test.notice, &log)
				}
				c.Close()
			})
		})
	}
}

func TestBusyConnectionIsRecycledBetweenStatements(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "pool_recycle=10")
		for range 100 { // never idle for long enough to go back to the pool
			ask(t, db)
			time.Sleep(300 * time.Millisecond)
		}
		// 30 s in lives of 9.75 to 10 s.
		if _, ever := s.open(); ever != 3 && ever != 4 {
			t.Errorf("connections: got %d, want 3 or 4", ever)
		}
	})
}

// A statement that runs while the age passes is not cut off.
func TestConnectionInUseOutlivesItsAge(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "pool_recycle=10")
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := tx.Commit(); err != nil {
			t.Error(err)
		}
		if id := ask(t, db); id != 2 {
			t.Errorf("connection after that: got %d, want a new one", id)
		}
	})
}

func TestOverflowIsClosedAfterIdleTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const params = "pool_size=1&pool_idle_timeout=60"
		db := handle(t, s, params)
		a, _ := db.Conn(t.Context())
		b, _ := db.Conn(t.Context())
		ask(t, a)
		ask(t, b)
		a.Close()
		b.Close()
		db.Close()
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		wantOpen(t, s, 2, 2)
		time.Sleep(1 * time.Nanosecond)
		synctest.Wait()
		wantOpen(t, s, 1, 2)
		if p := onePool(t); p.IdleClosed != 1 {
			t.Errorf("closed as idle: got %d, want 1", p.IdleClosed)
		}
	})
}

func TestIdleHandlesHoldNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		for range 100 {
			ask(t, handle(t, s, "pool_size=2&pool_idle_timeout=1m"))
		}
		time.Sleep(time.Minute + 2*hosts.OfferFor)
		synctest.Wait()
		if open, _ := s.open(); open > 2 {
			t.Errorf("open behind idle handles: got %d, want pool_size, 2, at most", open)
		}
	})
}

func TestTimeouts(t *testing.T) {
	for _, test := range []struct {
		name    string
		context time.Duration // 0: none
		after   time.Duration
		also    error
	}{
		{"pool_timeout", 0, 5 * time.Second, ErrPoolTimeout},
		{"context comes first", 2 * time.Second, 2 * time.Second, context.DeadlineExceeded},
		{"context comes later", 9 * time.Second, 5 * time.Second, ErrPoolTimeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				const params = "pool_size=1&pool_max_overflow=0&pool_timeout=5"
				held, err := handle(t, s, params).Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer held.Close()
				ask(t, held)
				ctx := t.Context()
				if test.context > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.context)
					defer cancel()
				}
				start := time.Now()
				err = handle(t, s, params).PingContext(ctx)
				if took := time.Since(start); took != test.after {
					t.Errorf("took %v, want %v", took, test.after)
				}
				if !errors.Is(err, ErrPoolTimeout) || !errors.Is(err, test.also) {
					t.Errorf("got %v, want ErrPoolTimeout and %v", err, test.also)
				}
				for _, part := range []string{"limit 1", "in use 1", "idle 0", "pinned 0", "0 others waiting", test.after.String()} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%q does not say %q", err, part)
					}
				}
			})
		})
	}
}

// The opener of database/sql passes a context without a deadline.
func TestLoginThatHangsEnds(t *testing.T) {
	for _, test := range []struct {
		params string
		after  time.Duration
	}{{"pool_timeout=5", 5 * time.Second}, {"pool_timeout=5&timeout=2s", 2 * time.Second}} {
		t.Run(test.params, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				s.login = func(ctx context.Context, _ int) error {
					<-ctx.Done()
					return ctx.Err()
				}
				start := time.Now()
				err := handle(t, s, test.params).Ping()
				if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrPoolTimeout) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(start); took != test.after {
					t.Errorf("took %v, want %v", took, test.after)
				}
				synctest.Wait()
				for _, p := range Stats() {
					if p.LoggingIn != 0 {
						t.Errorf("the login still takes its slot: %+v", p)
					}
				}
			})
		})
	}
}

func TestLimitIsWhatTheServerAllows(t *testing.T) {
	for _, test := range []struct {
		params, max string
		limit       int
	}{
		{"", "151", 144},
		{"", "1000", 950},
		{"", "10", 7},
		{"", "2", 1},
		{"", "", 0},
		{"pool_size=3&pool_max_overflow=4", "151", 7},
		{"pool_max_overflow=auto", "151", 144},
	} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			s.maxConnections = test.max
			ask(t, handle(t, s, test.params))
			if p := onePool(t); p.Limit != test.limit {
				t.Errorf("%q, max_connections=%s: limit is %d, want %d", test.params, test.max, p.Limit, test.limit)
			}
		})
	}
}

func TestServerThatDoesNotTellItsLimits(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.query = func(_ context.Context, _ *fakeConn, text string) error {
			if text == serverinfo.VariablesQuery {
				return errServer
			}
			return nil
		}
		db := handle(t, s, "")
		ask(t, db)
		db.Close()
		wantOpen(t, s, 1, 1)
	})
}

// Only that the server cannot tell is remembered for the connections to come.
func TestServerThatAnswersWithAnError(t *testing.T) {
	for _, test := range []struct {
		number uint16
		works  bool
	}{
		{1193, true},  // unknown variable: a proxy
		{1820, true},  // the password has expired: the user must get to change it
		{1317, false}, // interrupted
		{1053, false}, // shutting down
	} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			s.query = refuse(serverinfo.VariablesQuery, test.number)
			db := handle(t, s, "")
			err := db.PingContext(t.Context())
			if (err == nil) != test.works {
				t.Errorf("%d: got %v", test.number, err)
			}
			s.query = nil
			c, err := db.Conn(t.Context()) // a second one
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			ask(t, c)
			ask(t, db)
			if limit := onePool(t).Limit; (limit == 0) != (test.number == 1193) {
				t.Errorf("%d: limit: got %d", test.number, limit)
			}
		})
	}
}
