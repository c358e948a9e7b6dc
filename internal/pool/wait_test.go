package pool

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestFirstComeFirstServed(t *testing.T) {
	const n = 5
	t.Run("by checkins", func(t *testing.T) {
		bubble(t, limit(1), func(t *bed) {
			c := t.out()
			as := t.askN(n)
			for i := range as {
				t.waits(as[i:]...)
				t.sleep(time.Second)
				t.in(c)
				t.got(as[i], c)
			}
		})
	})
	t.Run("by offers", func(t *testing.T) {
		bubble(t, limit(1), func(t *bed) {
			c := t.out()
			as := t.askN(n)
			for i := range as {
				t.waits(as[i:]...)
				t.sleep(time.Second)
				t.back(c, t.offer(c), false)
				t.got(as[i], c)
			}
		})
	})
	t.Run("by discards, each of which makes room for a login", func(t *testing.T) {
		bubble(t, limit(1), func(t *bed) {
			c := t.out()
			as := t.askN(n)
			for i := range as {
				t.waits(as[i:]...)
				t.p.Discard(c, Broken)
				t.settle()
				t.got(as[i], nil)
				c = as[i].conn
			}
		})
	})
	t.Run("by logins one after the other", func(t *testing.T) {
		bubble(t, func(cfg *config) { cfg.LoginLimit = 1 }, func(t *bed) {
			t.login = slow(time.Second)
			as := t.askN(n)
			for i := range as {
				t.edge(time.Duration(i+1)*time.Second, "login", as[i].isDone)
				t.got(as[i], nil)
				t.waits(as[i+1:]...)
			}
		})
	})
	t.Run("by logins of which the last asked is the first done", func(t *testing.T) {
		bubble(t, nil, func(t *bed) {
			t.login = func(ctx context.Context, i int) error {
				return sleep(ctx, time.Duration(n-i+1)*time.Second)
			}
			as := t.askN(n)
			for i := range as {
				t.edge(time.Duration(i+1)*time.Second, "login", as[i].isDone)
				t.got(as[i], nil)
				t.waits(as[i+1:]...)
			}
		})
	})
	t.Run("by all of them", func(t *testing.T) {
		bubble(t, limit(3), func(t *bed) {
			cs := t.outN(2)
			t.login = slow(3 * time.Second)
			as := t.askN(4)
			t.sleep(time.Second)
			t.in(cs[0])
			t.got(as[0], cs[0])
			t.sleep(time.Second)
			t.offer(cs[1])
			t.got(as[1], cs[1])
			t.waits(as[2:]...)
			t.sleep(time.Second)
			t.got(as[2], nil)
			t.waits(as[3])
		})
	})
}

func TestWhoLeavesTheQueueIsPassedOver(t *testing.T) {
	for leaver := range 3 {
		bubble(t, limit(1), func(t *bed) {
			c := t.out()
			var as []*asked
			for i := range 3 {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				as = append(as, t.ask(ctx))
				if i == leaver {
					defer func() { t.failed(as[i], context.Canceled) }()
					time.AfterFunc(time.Second, cancel)
				}
			}
			t.sleep(time.Second)
			for i, a := range as {
				if i != leaver {
					t.in(c)
					t.got(a, c)
				}
			}
			t.in(c)
			t.state(c, Idle)
		})
	}
}

func TestFailedCheckKeepsTheTurn(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		c := t.out()
		as := t.askN(3)
		c.Value.check, t.login = broken, slow(time.Second)
		t.in(c)
		t.waits(as...)
		t.sleep(time.Second)
		t.got(as[0], nil)
		t.waits(as[1:]...)
		t.closed(Broken, 1)
	})
}

func TestFailedChecksKeepTheOrder(t *testing.T) {
	bubble(t, limit(2), func(t *bed) {
		cs := t.outN(2)
		as := t.askN(3)
		t.login = slow(5 * time.Second)
		for i, c := range cs {
			c.Value.check = func(context.Context, time.Duration) error {
				time.Sleep(time.Duration(i+1) * time.Second)
				return errFake
			}
			t.in(c)
		}
		t.sleep(2 * time.Second) // the first two were served, and are back
		t.waits(as...)
		t.edge(6*time.Second, "login for the room that the first discard made", as[0].isDone)
		t.waits(as[1:]...)
		t.edge(7*time.Second, "login for the second", as[1].isDone)
		t.waits(as[2])
		t.in(as[0].conn)
		t.got(as[2], as[0].conn)
	})
}

func TestAtTheLimitAnOfferIsTakenAtOnce(t *testing.T) {
	bubble(t, limit(2), func(t *bed) {
		cs := t.outN(2)
		t.pin(cs[0])
		ticket := t.offer(cs[1])
		t.got(t.ask(context.Background()), cs[1])
		t.back(cs[1], ticket, false)
	})
}

func TestWithRoomForALoginAnOfferIsLeftAloneForOfferFor(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		cs := t.outN(2)
		theirs := t.offer(cs[0])
		t.offer(cs[1])
		t.login = slow(9 * time.Second)
		a := t.ask(context.Background())
		t.sleep(2*time.Second - 1)
		t.waits(a)
		t.back(cs[0], theirs, true)
		t.sleep(1)
		t.got(a, cs[1])
	})
}

// The lower bound of what a logical connection may count on.
func TestFreshIsLeftAloneForFreshGrace(t *testing.T) {
	for _, row := range []struct {
		name string
		put  func(t *bed, c *fakeConn, ask func()) (left time.Duration)
	}{
		{"somebody comes later", func(t *bed, c *fakeConn, ask func()) time.Duration {
			t.unused(c)
			t.sleep(freshGrace / 2)
			ask()
			return freshGrace / 2
		}},
		{"somebody waits already", func(t *bed, c *fakeConn, ask func()) time.Duration {
			ask()
			t.unused(c)
			return freshGrace
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, intime := range []bool{true, false} {
				bubble(t, limit(1), func(t *bed) {
					c := t.out()
					var a *asked
					left := row.put(t, c, func() { a = t.ask(context.Background()) })
					ticket := Ticket(c.load())
					if intime {
						t.sleep(left - 1)
						t.back(c, ticket, true)
						t.sleep(time.Second)
						t.waits(a)
						return
					}
					t.sleep(left)
					t.got(a, c)
					t.back(c, ticket, false)
				})
			}
		})
	}
}

// Or else a slow Check (a ping of a far server) would eat up the grace.
func TestFreshGraceStartsAfterCheck(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		c := t.out()
		c.Value.check = func(context.Context, time.Duration) error {
			time.Sleep(5 * freshGrace)
			return nil
		}
		t.in(c)
		first := t.ask(context.Background())
		second := t.ask(context.Background())
		t.sleep(5 * freshGrace)
		t.got(first, c)
		ticket := t.unused(c)
		t.state(c, Fresh)
		t.sleep(freshGrace - 1)
		third := t.ask(context.Background()) // one more who looks for what is offered
		t.state(c, Fresh)
		t.waits(second, third)
		t.sleep(1)
		t.state(c, InUse) // being checked, for the second
		t.back(c, ticket, false)
		t.sleep(5 * freshGrace)
		t.got(second, c)
	})
}

func TestTimeout(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		t.out()
		a := t.ask(context.Background())
		t.edge(30*time.Second, "timeout", a.isDone)
		var te *TimeoutError
		if !errors.As(a.err, &te) || te.Waited != 30*time.Second {
			t.Fatal(a.err)
		}
		if !errors.Is(a.err, ErrTimeout) || errors.Is(a.err, context.DeadlineExceeded) {
			t.Error("it is ErrTimeout, and no context ended:", a.err)
		}
		if s := t.settle(); s.Timeouts != 1 || s.Waiting != 0 || s.Waited != 30*time.Second {
			t.Errorf("%+v", s)
		}
	})
}

func TestContextDeadlineBeforeTimeout(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		t.out()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		a := t.ask(ctx)
		t.edge(5*time.Second, "deadline", a.isDone)
		var te *TimeoutError
		if !errors.As(a.err, &te) || te.Waited != 5*time.Second {
			t.Fatal(a.err)
		}
		if !errors.Is(a.err, ErrTimeout) || !errors.Is(a.err, context.DeadlineExceeded) {
			t.Error("it is both, ErrTimeout and the context's:", a.err)
		}
	})
}

func TestContextDeadlineAfterTimeout(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		t.out()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		a := t.ask(ctx)
		t.edge(30*time.Second, "timeout", a.isDone)
		if !errors.Is(a.err, ErrTimeout) || errors.Is(a.err, context.DeadlineExceeded) {
			t.Error(a.err)
		}
	})
}

func TestCanceledContextIsReturnedAsItIs(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		t.out()
		ctx, cancel := context.WithCancel(context.Background())
		a := t.ask(ctx)
		t.waits(a)
		cancel()
		t.settle()
		t.failed(a, context.Canceled)
		if s := t.settle(); s.Timeouts != 1 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// The select in wait may see the end of the context although the connection
// is there. Half of the rounds do.
func TestWhoLeavesWhileBeingServedLosesNoConnection(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		c := t.out()
		left := 0
		for range 100 {
			ctx, cancel := context.WithCancel(context.Background())
			h := t.p.obtain(&request{ctx: ctx, start: clock()}, clock())
			t.in(c)
			cancel()
			switch h = t.p.wait(h.waiter); h.err {
			case nil:
				if h.conn != c {
					t.Fatal("served with another connection")
				}
			case context.Canceled:
				left++
				t.state(c, Idle)
				if t.out() != c {
					t.Fatal("the connection is lost")
				}
			default:
				t.Fatal(h.err)
			}
		}
		if left == 0 || left == 100 {
			t.Errorf("%d of 100 left", left)
		}
	})
}

// Whoever leaves while being served passes the connection on.
func TestWhoLeavesWhileBeingServedServesTheNext(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		c := t.out()
		for range 100 {
			ctx, cancel := context.WithCancel(context.Background())
			h := t.p.obtain(&request{ctx: ctx, start: clock()}, clock())
			next := t.ask(context.Background())
			t.in(c)
			cancel()
			h = t.p.wait(h.waiter)
			t.settle()
			if h.err == nil {
				t.waits(next)
				t.in(c)
			}
			t.got(next, c)
		}
	})
}

func TestWaitedIsToldOfEachWait(t *testing.T) {
	type wait struct {
		ctx    context.Context
		waited time.Duration
		err    error
	}
	var got []wait
	bubble(t, func(cfg *config) {
		cfg.Limit = 1
		cfg.Waited = func(ctx context.Context, waited time.Duration, err error) { got = append(got, wait{ctx, waited, err}) }
	}, func(t *bed) {
		want := func(what string, want ...wait) {
			t.Helper()
			if t.settle(); !slices.Equal(got, want) {
				t.Errorf("%s: got %v, want %v", what, got, want)
			}
			got = nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		t.login = slow(2 * time.Second)
		c := t.out()
		want("a login", wait{context.Background(), 2 * time.Second, nil})
		t.offer(c)
		if t.out() != c {
			t.Error("got another one")
		}
		want("served at once with what is offered")
		t.in(c)
		if t.out() != c {
			t.Error("got another one")
		}
		want("an idle one")

		a := t.ask(ctx)
		t.sleep(3 * time.Second)
		c.Value.check = broken
		t.in(c)
		t.sleep(2 * time.Second)
		t.got(a, nil)
		want("one that is no good, and a login", wait{ctx, 3 * time.Second, nil}, wait{ctx, 2 * time.Second, nil})

		a = t.ask(ctx)
		t.sleep(time.Second)
		cancel()
		t.settle()
		t.failed(a, context.Canceled)
		want("cancelled", wait{ctx, time.Second, context.Canceled})
	})
}
