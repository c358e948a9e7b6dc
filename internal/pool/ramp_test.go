package pool

import (
	"context"
	"testing"
	"time"
)

// load has n goroutines check out, hold and check in until the end.
func (t *bed) load(n int, hold, long time.Duration) (served func() int) {
	counts := make([]int, n)
	end := time.Now().Add(long)
	for i := range n {
		go func() {
			for time.Now().Before(end) {
				c, err := t.p.CheckOut(context.Background(), "")
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(hold)
				c.CheckIn()
				counts[i]++
			}
		}()
	}
	return func() (sum int) {
		for _, n := range counts {
			sum += n
		}
		return sum
	}
}

func ramps(cfg *config) { cfg.Size, cfg.Limit, cfg.LoginLimit = 5, 100, 32 }

// A queue that does not become shorter gets its logins long before each of them
// had the patience for one.
func TestQueueThatLastsGetsItsLoginsAtOnce(t *testing.T) {
	const login, hold = 80 * time.Millisecond, 20 * time.Millisecond
	bubble(t, ramps, func(t *bed) {
		t.login = slow(login)
		t.load(5, hold, 2*login)
		t.sleep(3 * login)
		t.load(64, hold, 800*time.Millisecond)
		t.sleep(hold + login/4 + login/8 + login)
		if s := t.p.Stats(); s.Open < 5+32 {
			t.Errorf("a login after it was seen that the queue lasts %d are open, want 37: %+v", s.Open, s)
		}
		t.sleep(3 * login)
		// The last few wait for little more than a millisecond, which may be worth
		// no login: a connection is checked in every 20 ms / 56.
		if s := t.p.Stats(); s.Open < 56 {
			t.Errorf("%d are open, want at least 56 of 64: %+v", s.Open, s)
		}
		t.sleep(time.Second)
	})
}

// Logins are for those who are left when the queue will be served.
func TestQueueThatIsServedInTimeOpensNothing(t *testing.T) {
	const login = 80 * time.Millisecond
	for _, row := range []struct {
		n    int
		hold time.Duration
		most int
	}{
		{50, 2 * time.Millisecond, 5},    // over after 20 ms
		{50, 7 * time.Millisecond, 5},    // over after 70 ms
		{100, 20 * time.Millisecond, 64}, // 400 ms with five connections
	} {
		bubble(t, ramps, func(t *bed) {
			t.login = slow(login)
			t.load(5, time.Millisecond, 2*login)
			t.sleep(3 * login)
			for range row.n {
				go func() {
					if c, err := t.p.CheckOut(context.Background(), ""); err == nil {
						time.Sleep(row.hold)
						c.CheckIn()
					}
				}()
			}
			t.sleep(time.Second)
			if s := t.p.Stats(); int(s.Opened) > row.most {
				t.Errorf("%d at once for %v each: %d opened, want %d at most", row.n, row.hold, s.Opened, row.most)
			}
		})
	}
}

// After logins that failed the next ones are no fewer: one may hang, and the others
// succeed by now.
func TestFailedLoginsDoNotSlowTheNextOnes(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Size, cfg.Limit, cfg.LoginLimit = 20, 20, 8 }, func(t *bed) {
		t.login = func(ctx context.Context, n int) error {
			if n <= 9 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		as := t.askN(16)
		t.sleep(10*time.Second + time.Millisecond)
		served := 0
		for _, a := range as {
			if a.isDone() && a.err == nil {
				served++
			}
		}
		if served < 7 {
			t.Errorf("%d are served beside one whose login hangs, want 7 at least", served)
		}
		t.sleep(time.Minute)
	})
}
