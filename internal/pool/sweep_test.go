package pool

import (
	"context"
	"testing"
	"time"
)

func TestIdleIsRecycledAtItsAge(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		t.life = time.Hour
		c := t.out()
		t.in(c)
		t.edge(time.Hour, "recycle", isClosed(c))
		t.closed(Recycled, 1)
	})
}

// oddHour ends between two runs of the sweep that offers call for.
const oddHour = time.Hour + time.Second/3

// Its owner keeps it, however old, until it puts it away for good.
func TestInUseIsRecycledWhenItIsGivenUp(t *testing.T) {
	for _, row := range []struct {
		name   string
		giveUp func(c *fakeConn)
		kept   State
	}{
		{"CheckIn", func(c *fakeConn) { c.CheckIn() }, Idle},
		{"Offer and Reclaim", func(c *fakeConn) { c.Reclaim(c.Offer()) }, InUse},
		{"OfferUnused and Reclaim", func(c *fakeConn) { c.Reclaim(c.OfferUnused()) }, InUse},
	} {
		for _, late := range []bool{false, true} {
			bubble(t, nil, func(t *bed) {
				t.life = oddHour
				c := t.out()
				t.sleep(oddHour - 1)
				if c.expired.Load() {
					t.Error("flagged too early")
				}
				if late {
					t.sleep(1)
					if !c.expired.Load() {
						t.Error("not flagged")
					}
				}
				t.state(c, InUse)
				row.giveUp(c)
				// At once: no sweep ran in between.
				if !late {
					t.state(c, row.kept)
					t.fate(c, "open")
					return
				}
				t.fate(c, "recycled")
				t.closed(Recycled, 1)
			})
		}
	}
}

func TestOfferedIsRecycledAtItsAge(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		t.life = oddHour
		c := t.out()
		t.sleep(oddHour - time.Second/2)
		ticket := t.offer(c)
		t.edge(oddHour, "recycle", isClosed(c))
		t.back(c, ticket, false)
	})
}

// Its state is worth more than its age, until the owner gives it up.
func TestPinnedIsRecycledOnlyOnceItIsNotPinned(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		t.life = time.Hour
		c := t.out()
		ticket := t.pin(c)
		t.sleep(2 * time.Hour)
		t.back(c, ticket, true)
		ticket = t.pin(c)
		t.back(c, ticket, true)
		ticket = t.offer(c)
		t.back(c, ticket, false)
		t.fate(c, "recycled")
	})
}

func TestNoLifeMeansForEver(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		c := t.out()
		t.in(c)
		t.sleep(10000 * time.Hour)
		if t.out() != c {
			t.Error("it was closed")
		}
	})
}

func TestIdleTimeoutClosesWhatIsBeyondSizeLongestIdleFirst(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Size = 2 }, func(t *bed) {
		cs := t.outN(4)
		for _, c := range cs {
			t.in(c)
			t.sleep(time.Second)
		}
		for i, c := range cs[:2] {
			t.edge(10*time.Minute+time.Duration(i)*time.Second, "idle timeout", isClosed(c))
			t.fate(cs[i+1], "open")
		}
		t.sleep(24 * time.Hour)
		t.fate(cs[2], "open")
		t.fate(cs[3], "open")
		t.closed(IdleTimeout, 2)
	})
}

func TestIdleTimeoutShorterThanTheSweepsTick(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Size, cfg.IdleTimeout = 0, time.Second/2 }, func(t *bed) {
		c := t.out()
		t.in(c)
		t.edge(time.Second/2, "idle timeout", isClosed(c))
	})
}

// Those in use count: Size is how many stay open, not how many stay idle.
func TestIdleTimeoutCountsThoseInUse(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Size = 2 }, func(t *bed) {
		cs := t.outN(3)
		t.in(cs[0])
		t.edge(10*time.Minute, "idle timeout", isClosed(cs[0]))
	})
}

func TestAgeOrIdleTimeoutWhicheverComesFirst(t *testing.T) {
	for _, row := range []struct {
		life, closed time.Duration
		why          Reason
	}{
		{9 * time.Minute, 9 * time.Minute, Recycled},
		{11 * time.Minute, 10 * time.Minute, IdleTimeout},
		{10 * time.Minute, 10 * time.Minute, Recycled},
	} {
		bubble(t, func(cfg *config) { cfg.Size = 0 }, func(t *bed) {
			t.life = row.life
			c := t.out()
			t.in(c)
			t.edge(row.closed, row.why.String(), isClosed(c))
			t.closed(row.why, 1)
		})
	}
}

func TestUseStartsTheIdleTimeoutAgain(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Size = 0 }, func(t *bed) {
		c := t.out()
		t.in(c)
		t.sleep(5 * time.Minute)
		t.in(t.out())
		t.edge(15*time.Minute, "idle timeout", isClosed(c))
	})
}

// The one that is idle is beyond Size only since a login, for which nobody
// waited any more, made it so.
func TestIdleTimeoutOfOneThatALateLoginPutBeyondSize(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Size = 1 }, func(t *bed) {
		c := t.out()
		t.login = slow(5 * time.Second)
		ctx, cancel := context.WithCancel(context.Background())
		t.ask(ctx)
		cancel()
		t.in(c)
		t.sleep(5 * time.Second)
		if s := t.settle(); s.Idle != 2 {
			t.Fatalf("%+v", s)
		}
		t.edge(10*time.Minute, "idle timeout", isClosed(c))
	})
}

func TestOfferStandsBetweenOnceAndTwiceOfferFor(t *testing.T) {
	for _, row := range []struct{ offered, taken time.Duration }{
		{0, 2 * time.Second}, // the sweep runs every second since the checkout
		{time.Second - 1, 2 * time.Second},
		{time.Second + 1, 3 * time.Second},
		{time.Minute + time.Second/2, time.Minute + 2*time.Second},
	} {
		for _, put := range []func(*bed, *fakeConn) Ticket{(*bed).offer, (*bed).unused} {
			bubble(t, nil, func(t *bed) {
				c := t.out()
				t.sleep(row.offered)
				ticket := put(t, c)
				t.edge(row.taken, "taking of the offer", is(c, Idle))
				t.back(c, ticket, false)
				t.state(c, Idle)
			})
		}
	}
}

// Nothing ran the sweep while all were idle.
func TestOfferOfOneThatWasIdleStandsAsLong(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		t.in(t.out())
		t.sleep(time.Hour)
		c := t.out()
		t.offer(c)
		t.edge(time.Hour+2*time.Second, "taking of the offer", is(c, Idle))
	})
}

func TestOfferTakenBackInTimeIsANewOne(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		c := t.out()
		for range 10 {
			ticket := t.offer(c)
			t.sleep(time.Second - 1)
			t.back(c, ticket, true)
		}
		t.state(c, InUse)
	})
}

// A sweep that something else called for must not put off the next.
func TestOfferStandsNoLongerWithExtraSweeps(t *testing.T) {
	for _, extra := range []time.Duration{1, time.Millisecond, time.Second / 2, time.Second - 1} {
		bubble(t, nil, func(t *bed) {
			c := t.out()
			t.life = time.Second + extra
			t.out() // its age makes the sweep run at that time
			t.offer(c)
			t.edge(2*time.Second, "taking of the offer", is(c, Idle))
		})
	}
}

func TestWithoutOfferForAnOfferIsACheckIn(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.OfferFor = 0 }, func(t *bed) {
		c := t.out()
		ticket := t.offer(c)
		t.state(c, Idle)
		t.back(c, ticket, false)
		t.state(c, Idle)

		// What is released otherwise is not: it is needed for the next use.
		t.out()
		t.back(c, t.unused(c), true)
		t.back(c, t.pin(c), true)
		ticket = t.unused(c)
		t.edge(2*time.Second, "taking of the unused one", is(c, Idle))
		t.back(c, ticket, false)
	})
}

func TestNoSweepWhileThereIsNothingToDo(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		armed := func(want bool, when string) {
			t.Helper()
			t.p.mu.Lock()
			defer t.p.mu.Unlock()
			if got := t.p.sweepAt != 0; got != want {
				t.Errorf("%s: sweep armed %v, want %v", when, got, want)
			}
		}
		armed(false, "new")
		c := t.out()
		armed(true, "in use")
		t.in(c)
		t.sleep(time.Second)
		armed(false, "idle within Size and without an age")
		t.p.Discard(t.out(), Broken)
		t.sleep(time.Second)
		armed(false, "empty")
	})
}
