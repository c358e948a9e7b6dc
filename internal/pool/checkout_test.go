package pool

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

func TestCheckOutTakesTheIdleOneUsedLast(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		cs := t.outN(3)
		t.in(cs[1], cs[2], cs[0])
		for _, want := range []*fakeConn{cs[0], cs[2], cs[1]} {
			if got := t.out(); got != want {
				t.Errorf("got connection %d, want %d", got.Value.id, want.Value.id)
			}
		}
		if s := t.settle(); s.Opened != 3 || s.Waits != 3 {
			t.Errorf("idle ones need no login and no wait: %+v", s)
		}
	})
}

func TestCheckOutWithAnEndedContextTakesNothing(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		t.in(t.out())
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		t.failed(t.ask(ctx), context.Canceled)
		if s := t.settle(); s.Idle != 1 || s.Waits != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestCheckIsToldHowLongNobodyUsedIt(t *testing.T) {
	for _, row := range []struct {
		name    string
		release func(t *bed, c *fakeConn)
		want    time.Duration
	}{
		{"checked in", func(t *bed, c *fakeConn) { t.in(c) }, 5 * time.Minute},
		// The sweep does not know when the offer was made, but when it first saw it.
		{"offered", func(t *bed, c *fakeConn) { t.offer(c) }, 5*time.Minute - time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, nil, func(t *bed) {
				c := t.out()
				got := time.Duration(-1)
				c.Value.check = func(_ context.Context, idle time.Duration) error {
					got = idle
					return nil
				}
				row.release(t, c)
				t.sleep(5 * time.Minute)
				if again := t.out(); again != c || got != row.want {
					t.Errorf("Check was told %v, want %v", got, row.want)
				}
			})
		})
	}
}

func TestNewLoginNeedsNoCheck(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		t.check = broken
		t.out()
		t.closed(Broken, 0)
	})
}

func TestCheckOutPassesOverWhatIsBroken(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		cs := t.outN(3)
		t.in(cs...)
		cs[2].Value.check = broken
		cs[1].Value.check = broken
		if got := t.out(); got != cs[0] {
			t.Errorf("got connection %d, want the only good one", got.Value.id)
		}
		t.closed(Broken, 2)
	})
}

func TestContextThatEndsInCheckEndsCheckOut(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		cs := t.outN(2)
		t.in(cs...)
		cs[1].Value.check = func(ctx context.Context, _ time.Duration) error {
			<-ctx.Done()
			return errFake
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		a := t.ask(ctx)
		t.edge(time.Second, "the context ends", a.isDone)
		t.failed(a, context.DeadlineExceeded)
		t.fate(cs[1], "broken")
		t.fate(cs[0], "open")
	})
}

// The sweep may come late. CheckOut must not depend on it.
func TestCheckOutRecyclesWhatIsPastItsAge(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		t.life = time.Minute
		c := t.out()
		t.in(c)
		c.Value.check = func(context.Context, time.Duration) error {
			t.Error("checked although past its age")
			return nil
		}
		for _, row := range []struct {
			expires time.Duration
			kept    bool
		}{{1, true}, {0, false}} {
			c.expires.Store(int64(clock().add(row.expires)))
			if row.kept {
				c.Value.check = nil
			}
			got := t.out()
			if (got == c) != row.kept {
				t.Errorf("expires in %v: kept %v, want %v", row.expires, got == c, row.kept)
			}
			t.in(got)
		}
		t.closed(Recycled, 1)
	})
}

func TestWaiterDoesNotGetWhatWentPastItsAgeMeanwhile(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		t.life = time.Minute
		c := t.out()
		t.sleep(50 * time.Second)
		a := t.ask(context.Background())
		t.sleep(10 * time.Second)
		t.offer(c)
		t.fate(c, "recycled")
		t.got(a, nil)
		if a.conn == c {
			t.Error("got the old one")
		}
	})
}

func TestSetLimitUpServesWhoWaits(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		t.out()
		as := t.askN(3)
		t.waits(as...)
		t.p.SetLimit(3)
		t.settle()
		t.got(as[0], nil)
		t.got(as[1], nil)
		t.waits(as[2])
		t.p.SetLimit(0)
		t.settle()
		t.got(as[2], nil)
	})
}

func TestSetLimitDownClosesAtCheckIn(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		cs := t.outN(3)
		t.p.SetLimit(1)
		a := t.ask(context.Background())
		t.in(cs[0], cs[1])
		t.waits(a) // two too many, so that not even the waiter gets them
		t.closed(Overflow, 2)
		t.in(cs[2])
		t.got(a, cs[2])
		t.in(cs[2])
		t.state(cs[2], Idle)
	})
}

// With less room than before, those who hoped for a login get what is offered.
func TestSetLimitDownServesWhoWaitsWithOffers(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		t.login = slow(0)
		c := t.out()
		t.offer(c)
		t.login = slow(9 * time.Second)
		a := t.ask(context.Background())
		t.waits(a)
		t.p.SetLimit(1)
		t.settle()
		t.got(a, c)
	})
}

func TestCheckInBeyondNoLimitKeeps(t *testing.T) {
	bubble(t, limit(0), func(t *bed) {
		cs := t.outN(50)
		t.in(cs...)
		if s := t.settle(); s.Idle != 50 || s.Limit != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestEachReasonHasItsCounter(t *testing.T) {
	for why := Reason(0); why < reasons; why++ {
		bubble(t, nil, func(t *bed) {
			c := t.out()
			t.p.Discard(c, why)
			t.settle()
			t.closed(why, 1)
			t.fate(c, why.String())
		})
	}
}

func TestEmptiedIsCalledWhenTheLastGoes(t *testing.T) {
	var calls atomic.Int32
	bubble(t, func(cfg *config) { cfg.Emptied = func() { calls.Add(1) } }, func(t *bed) {
		expect := func(n int32, after string) {
			t.Helper()
			t.settle()
			if got := calls.Load(); got != n {
				t.Errorf("after %s: %d calls, want %d", after, got, n)
			}
		}
		empty := func(want bool) {
			t.Helper()
			if got := t.empty(); got != want {
				t.Errorf("empty: got %v, want %v", got, want)
			}
		}
		empty(true)
		cs := t.outN(2)
		empty(false)
		t.p.Discard(cs[0], Broken)
		expect(0, "the first of two went")

		slowly := make(chan struct{})
		cs[1].Value.closing = func() { <-slowly }
		go t.p.Discard(cs[1], Broken)
		t.settleClosing()
		empty(false)
		close(slowly)
		expect(1, "the last was closed")
		empty(true)

		t.login = func(ctx context.Context, _ int) error { sleep(ctx, time.Second); return errFake }
		a := t.ask(context.Background())
		empty(false)
		t.sleep(time.Second)
		t.failed(a, errFake)
		expect(2, "a login failed and left it empty")

		t.login, t.life = nil, time.Minute
		t.in(t.out())
		t.sleep(time.Minute)
		expect(3, "the last was recycled")
	})
	if got := calls.Load(); got != 4 {
		t.Errorf("%d calls, want 4 with the one by Dispose", got)
	}
}

// settleClosing settles, with one connection on its way out.
func (t *bed) settleClosing() {
	t.Helper()
	if t.settle(); t.p.closing != 1 {
		t.Errorf("closing %d, want 1", t.p.closing)
	}
}

// A second turn comes with no second Timeout.
func TestFailedCheckDoesNotStartTheTimeoutAgain(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Limit, cfg.LoginTimeout = 1, time.Hour }, func(t *bed) {
		c := t.out()
		a := t.ask(context.Background())
		t.sleep(20 * time.Second)
		c.Value.check, t.login = broken, slow(time.Hour)
		t.in(c)
		t.waits(a)
		t.edge(30*time.Second, "timeout", a.isDone)
		if !errors.Is(a.err, ErrTimeout) {
			t.Error(a.err)
		}
	})
}
