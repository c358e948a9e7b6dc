package pool

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// Beyond Size a checkout waits as long as a login takes before it asks for one.
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
	var made atomic.Int64
	room := func(n int) {
		made.Add(1)
		if n < 1 || n > 3 {
			t.Errorf("asked for room for %d, want as many as wait", n)
		}
	}
	bubble(t, func(cfg *config) { full(cfg); cfg.MakeRoom = room }, func(t *bed) {
		t.login = func(context.Context, int) error { return errNoRoom }
		as := t.askN(3)
		t.sleep(20 * time.Second)
		t.waits(as...)
		if t.logins < 20 || t.logins > 60 {
			t.Errorf("%d logins in 20 s, want about one a second", t.logins)
		}
		if int(made.Load()) != t.logins {
			t.Errorf("room was made %d times for %d logins", made.Load(), t.logins)
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
		if n := t.p.CloseAvailable(1); n != 1 {
			t.Errorf("closed %d, want 1", n)
		}
		t.fate(cs[0], "overflow") // the idle one first
		if n := t.p.CloseAvailable(5); n != 1 {
			t.Errorf("closed %d, want the offered one", n)
		}
		t.closed(Overflow, 2)
	})
}

func TestInvalidate(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		cs := t.outN(5)
		t.in(cs[0])
		offered, unused, pinned := t.offer(cs[1]), t.unused(cs[2]), t.pin(cs[3])
		t.p.Invalidate(Broken, func(*fake, time.Duration) bool { return true })
		t.fate(cs[0], "broken")
		t.fate(cs[1], "broken")
		t.back(cs[1], offered, false)
		t.back(cs[2], unused, false)
		t.in(cs[4])
		t.fate(cs[4], "recycled")
		t.back(cs[3], pinned, true)
		t.in(t.out())
	})
}

// What is ready counts, not only what is open: one that is in use is not warm.
func TestWarmOnesAreNotClosedAndOpenedAgain(t *testing.T) {
	for _, timeout := range []time.Duration{0, time.Minute} {
		bubble(t, func(cfg *config) { cfg.Size, cfg.Warm, cfg.IdleTimeout = 1, 3, timeout }, func(t *bed) {
			t.login = slow(time.Millisecond)
			go t.p.CheckOut(context.Background(), "")
			t.sleep(time.Hour)
			if s := t.p.Stats(); s.Opened != 4 {
				t.Errorf("idle timeout %v: %d logins in an idle hour, want 4", timeout, s.Opened)
			}
		})
	}
}

// Nobody who waits: what other pools keep is left to them.
func TestWarmLoginOnAFullServerMakesNoRoom(t *testing.T) {
	made := 0
	bubble(t, func(cfg *config) { full(cfg); cfg.Warm, cfg.MakeRoom = 2, func(int) { made++ } }, func(t *bed) {
		t.login = func(_ context.Context, n int) error {
			if n > 1 {
				return errNoRoom
			}
			return nil
		}
		t.out()
		t.sleep(time.Minute)
		if made > 0 {
			t.Errorf("room was made %d times for warm logins", made)
		}
	})
}

func TestOffersAreTakenWhileTheServerIsFull(t *testing.T) {
	bubble(t, full, func(t *bed) {
		cs := t.outN(2)
		t.login = func(context.Context, int) error { return errNoRoom }
		t.offer(cs[0])
		t.offer(cs[1])
		start := time.Now()
		a := t.ask(context.Background())
		t.got(a, nil)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %v beside two that were offered", waited)
		}
	})
}

func TestOwnIdleOnesMakeRoomOnAFullServer(t *testing.T) {
	bubble(t, full, func(t *bed) {
		a, b := t.on("a"), t.on("a")
		t.in(a, b)
		t.login = func(context.Context, int) error {
			t.p.mu.Lock()
			defer t.p.mu.Unlock()
			if len(t.p.all)+t.p.closing >= 2 {
				return errNoRoom
			}
			return nil
		}
		none := t.askFor(context.Background(), "")
		t.sleep(time.Second)
		t.got(none, nil)
	})
}

func TestWaitThatEmptiesThePoolIsTold(t *testing.T) {
	for name, end := range map[string]func(*bed, context.CancelFunc){
		"context": func(t *bed, cancel context.CancelFunc) { cancel() },
		"timeout": func(t *bed, _ context.CancelFunc) { t.sleep(time.Minute) },
	} {
		var emptied atomic.Int32
		t.Run(name, func(t *testing.T) {
			bubble(t, func(cfg *config) { full(cfg); cfg.Emptied = func() { emptied.Add(1) } }, func(t *bed) {
				t.login = func(context.Context, int) error { return errNoRoom }
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				t.ask(ctx)
				t.sleep(time.Second)
				before := emptied.Load()
				end(t, cancel)
				t.sleep(time.Hour)
				if !t.empty() || emptied.Load() == before {
					t.Error("the pool became empty and nobody was told")
				}
			})
		})
	}
}

// ErrTimeout of one who waited for a server that is down says so.
func TestTimeoutCarriesTheLatestFailure(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.LoginLimit, cfg.LoginTimeout = 1, 20*time.Second }, func(t *bed) {
		t.login = func(ctx context.Context, _ int) error {
			<-ctx.Done()
			return errFake
		}
		t.ask(context.Background())
		t.ask(context.Background())
		third := t.ask(context.Background())
		t.edge(30*time.Second, "Timeout", third.isDone)
		if !errors.Is(third.err, ErrTimeout) || !errors.Is(third.err, errFake) {
			t.Errorf("got %v, want ErrTimeout with the failure of the latest login", third.err)
		}
	})
}
