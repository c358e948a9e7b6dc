package pool

import (
	"context"
	"errors"
	"testing"
	"time"
)

// Beyond Size a check-out waits as long as a login takes before it asks for one.
func TestPatience(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Size = 1 }, func(t *bed) {
		t.login = slow(time.Second)
		first := t.ask(context.Background())
		t.sleep(time.Second)
		t.got(first, nil)
		a := t.ask(context.Background())
		b := t.ask(context.Background())
		t.edge(2*time.Second, "login", func() bool { return t.p.Stats().LoggingIn == 2 })
		t.in(first.conn)
		t.got(a, first.conn)
		t.edge(3*time.Second, "its end", b.isDone)
	})
}

func TestPatienceIsBounded(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Size = 1 }, func(t *bed) {
		t.login = slow(9 * time.Second)
		first := t.ask(context.Background())
		t.sleep(9 * time.Second)
		t.got(first, nil)
		t.ask(context.Background())
		t.edge(9*time.Second+maxPatience, "login", func() bool { return t.p.Stats().LoggingIn == 1 })
	})
}

// Nobody is patient while nothing is open: there is nothing to wait for.
func TestNoPatienceWithNothingOpen(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Size = 0 }, func(t *bed) {
		t.ask(context.Background())
		if n := t.p.Stats().Opened; n != 1 {
			t.Errorf("logins: got %d, want 1 at once", n)
		}
	})
}

func TestOffersAreTakenOnceSizeAreOpen(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Size = 2 }, func(t *bed) {
		a := t.out()
		t.offer(a)
		b := t.out()
		if b == a {
			t.Error("an offer was taken although fewer than Size are open")
		}
		if t.out() != a {
			t.Error("another was opened although one is offered")
		}
	})
}

func TestOffersAreTakenWhileNoLoginCanStart(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.LoginLimit = 1 }, func(t *bed) {
		a := t.out()
		t.offer(a)
		t.login = slow(time.Hour)
		first := t.ask(context.Background())
		t.waits(first)
		t.waits(t.ask(context.Background()))
		t.got(first, a)
	})
}

var errNoRoom = errors.New("no room")

func full(cfg *config) { cfg.Full = func(err error) bool { return err == errNoRoom } }

func TestFullServerIsTriedAgainLessAndLess(t *testing.T) {
	made := 0
	bubble(t, func(cfg *config) { full(cfg); cfg.MakeRoom = func() { made++ } }, func(t *bed) {
		t.login = func(context.Context, int) error { return errNoRoom }
		as := t.askN(3)
		t.sleep(20 * time.Second)
		t.waits(as...)
		if t.logins < 20 || t.logins > 60 {
			t.Errorf("%d logins in 20 s, want about one a second", t.logins)
		}
		if made != t.logins {
			t.Errorf("room was made %d times for %d logins", made, t.logins)
		}
		t.mu.Lock()
		t.login = nil
		t.mu.Unlock()
		t.sleep(maxBackoff)
		for _, a := range as {
			t.got(a, nil)
		}
	})
}

func TestFullServerIsTheReasonOfATimeout(t *testing.T) {
	bubble(t, full, func(t *bed) {
		t.login = func(context.Context, int) error { return errNoRoom }
		a := t.ask(context.Background())
		t.edge(30*time.Second, "Timeout", a.isDone)
		if !errors.Is(a.err, ErrTimeout) || !errors.Is(a.err, errNoRoom) {
			t.Errorf("got %v, want ErrTimeout and the server's error", a.err)
		}
	})
}

func TestWhatIsBeingClosedTakesRoom(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		c := t.out()
		c.Value.closing = func() { time.Sleep(time.Second) }
		go t.p.Discard(c, Dirty)
		next := t.ask(context.Background())
		t.edge(time.Second, "the next login", next.isDone)
	})
}

func TestTimeoutBoundsChecksToo(t *testing.T) {
	bubble(t, limit(3), func(t *bed) {
		cs := t.outN(3)
		for _, c := range cs {
			c.Value.check = func(ctx context.Context, _ time.Duration) error {
				time.Sleep(20 * time.Second)
				return errFake
			}
		}
		t.in(cs...)
		a := t.ask(context.Background())
		t.edge(40*time.Second, "the end of the check during which Timeout passed", a.isDone)
		if !errors.Is(a.err, ErrTimeout) {
			t.Errorf("got %v, want ErrTimeout", a.err)
		}
	})
}

func TestWarm(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Warm, cfg.Size, cfg.Limit = 2, 1, 5 }, func(t *bed) {
		for n, open := range []int{3, 4, 5, 5, 5} {
			t.out()
			if s := t.settle(); s.Open != open || s.InUse != n+1 {
				t.Errorf("with %d in use: %+v, want %d open", n+1, s, open)
			}
		}
	})
}

func TestWarmOnesOutliveTheIdleTimeout(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Warm, cfg.Size = 2, 0 }, func(t *bed) {
		t.in(t.out())
		t.sleep(24 * time.Hour)
		if s := t.settle(); s.Idle != 2 {
			t.Errorf("%+v, want 2 idle", s)
		}
	})
}

func TestFailedWarmLoginsBackOff(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Warm = 2 }, func(t *bed) {
		t.login = func(_ context.Context, n int) error {
			if n == 1 {
				return nil
			}
			return errFake
		}
		t.out()
		t.sleep(20 * time.Second)
		if t.logins < 10 || t.logins > 100 {
			t.Errorf("%d logins in 20 s, want a few a second", t.logins)
		}
	})
}

// Whoever waits does not pay for a warm login that failed.
func TestFailedWarmLoginDelaysNobody(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Warm = 1 }, func(t *bed) {
		t.login = func(_ context.Context, n int) error {
			if n == 2 {
				return errFake
			}
			return nil
		}
		t.out()
		t.got(t.ask(context.Background()), nil)
	})
}

func TestSetSize(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		cs := t.outN(4)
		t.in(cs...)
		t.p.SetSize(1, 0)
		t.edge(10*time.Minute, "idle timeout", func() bool { return t.p.Stats().Open == 1 })
	})
}

func TestCloseUnused(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		cs := t.outN(5)
		t.in(cs[0])
		t.offer(cs[1])
		t.unused(cs[2])
		t.pin(cs[3])
		if n := t.p.CloseUnused(); n != 2 {
			t.Errorf("closed %d, want the idle and the offered one", n)
		}
		t.closed(Overflow, 2)
	})
}
