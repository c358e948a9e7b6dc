package pool

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// put makes a connection that is in state s, and is InUse for so long before.
func put(t *bed, s State, after time.Duration) (*fakeConn, Ticket) {
	c := t.out()
	t.sleep(after)
	switch s {
	case InUse:
		return c, spent
	case Offered:
		return c, t.offer(c)
	case Fresh:
		return c, t.unused(c)
	case Pinned:
		return c, t.pin(c)
	case Idle:
		t.in(c)
	case Closed:
		t.p.Discard(c, Dirty)
		t.settle()
	}
	return c, spent
}

// The rows are those of the table at State, which has no other moves.
func TestEveryMoveOfTheStateTable(t *testing.T) {
	takeBack := func(t *bed, c *fakeConn, ticket Ticket) { t.back(c, ticket, true) }
	waiter := func(t *bed, c *fakeConn, ticket Ticket) {
		a := t.ask(context.Background())
		t.sleep(freshGrace)
		t.got(a, c)
		t.back(c, ticket, false)
	}
	sweep := func(t *bed, c *fakeConn, ticket Ticket) {
		t.sleep(2 * time.Second)
		t.back(c, ticket, false)
	}
	age := func(t *bed, c *fakeConn, ticket Ticket) {
		t.edge(time.Minute, "recycling", isClosed(c))
		t.fate(c, "recycled")
		t.back(c, ticket, false)
	}
	dispose := func(t *bed, c *fakeConn, ticket Ticket) {
		if err := t.p.Dispose(context.Background()); err != nil {
			t.Error(err)
		}
		t.fate(c, "disposed")
		t.back(c, ticket, false)
	}

	for _, row := range []struct {
		from State
		by   string
		to   State
		move func(*bed, *fakeConn, Ticket)
	}{
		{InUse, "OfferUnused", Fresh, func(t *bed, c *fakeConn, _ Ticket) { t.unused(c) }},
		{InUse, "Offer", Offered, func(t *bed, c *fakeConn, _ Ticket) { t.offer(c) }},
		{InUse, "Pin", Pinned, func(t *bed, c *fakeConn, _ Ticket) { t.pin(c) }},
		{InUse, "CheckIn", Idle, func(t *bed, c *fakeConn, _ Ticket) { t.in(c) }},
		{InUse, "CheckIn past its age", Closed, func(t *bed, c *fakeConn, _ Ticket) {
			t.sleep(time.Minute)
			t.fate(c, "open")
			t.in(c)
			t.fate(c, "recycled")
		}},
		{InUse, "Discard", Closed, func(t *bed, c *fakeConn, _ Ticket) {
			t.p.Discard(c, Dirty)
			t.fate(c, "dirty")
		}},

		{Fresh, "Reclaim", InUse, takeBack},
		{Offered, "Reclaim", InUse, takeBack},
		{Pinned, "Reclaim", InUse, takeBack},
		{Fresh, "a waiter", InUse, waiter},
		{Offered, "a waiter", InUse, waiter},
		{Idle, "CheckOut", InUse, waiter},

		{Fresh, "the sweep", Idle, sweep},
		{Offered, "the sweep", Idle, sweep},

		{Fresh, "age", Closed, age},
		{Offered, "age", Closed, age},
		{Idle, "age", Closed, age},
		{Fresh, "Dispose", Closed, dispose},
		{Offered, "Dispose", Closed, dispose},
		{Pinned, "Dispose", Closed, dispose},
		{Idle, "Dispose", Closed, dispose},

		// What does not move it.
		{InUse, "a waiter, never", InUse, func(t *bed, c *fakeConn, _ Ticket) {
			a := t.ask(context.Background())
			t.sleep(20 * time.Second)
			t.waits(a)
		}},
		{Pinned, "a waiter, never", Pinned, func(t *bed, c *fakeConn, _ Ticket) {
			a := t.ask(context.Background())
			t.sleep(20 * time.Second)
			t.waits(a)
		}},
		{InUse, "Pin while somebody waits", Pinned, func(t *bed, c *fakeConn, _ Ticket) {
			a := t.ask(context.Background())
			t.back(c, t.pin(c), true)
			t.pin(c)
			t.waits(a)
		}},
		{Pinned, "age, never", Pinned, func(t *bed, c *fakeConn, _ Ticket) { t.sleep(time.Hour) }},
		{InUse, "age, never", InUse, func(t *bed, c *fakeConn, _ Ticket) { t.sleep(time.Hour) }},
	} {
		t.Run(fmt.Sprintf("%v to %v by %s", row.from, row.to, row.by), func(t *testing.T) {
			bubble(t, limit(1), func(t *bed) {
				t.life = time.Minute
				var after time.Duration
				if row.by == "age" { // before the sweep makes idle ones of them
					after = time.Minute - freshGrace
				}
				c, ticket := put(t, row.from, after)
				t.state(c, row.from)
				row.move(t, c, ticket)
				t.state(c, row.to)
			})
		})
	}

	t.Run("a new login to in use, for the waiter it serves", func(t *testing.T) {
		bubble(t, nil, func(t *bed) { t.state(t.out(), InUse) })
	})
	t.Run("a new login to idle, when nobody waits any more", func(t *testing.T) {
		bubble(t, nil, func(t *bed) {
			t.login = slow(time.Second)
			ctx, cancel := context.WithCancel(context.Background())
			t.ask(ctx)
			cancel()
			t.sleep(time.Second)
			if s := t.settle(); s.Idle != 1 || s.Open != 1 {
				t.Errorf("%+v", s)
			}
			t.state(t.p.all[0], Idle)
		})
	})
}

func TestStateString(t *testing.T) {
	for s, want := range map[State]string{
		InUse: "in use", Offered: "offered", Fresh: "fresh", Pinned: "pinned", Idle: "idle", Closed: "closed",
		Closed + 1: "State(6)",
	} {
		if got := s.String(); got != want {
			t.Errorf("State(%d).String() = %q, want %q", uint8(s), got, want)
		}
	}
	if got, want := word(0).next(Idle).next(Offered).String(), "offered #2"; got != want {
		t.Errorf("word.String() = %q, want %q", got, want)
	}
}

func TestReasonString(t *testing.T) {
	for why, want := range map[Reason]string{
		Recycled: "recycled", IdleTimeout: "idle", Broken: "broken", Dirty: "dirty", Overflow: "overflow", Disposed: "disposed",
	} {
		if got := why.String(); got != want {
			t.Errorf("Reason(%d).String() = %q, want %q", uint8(why), got, want)
		}
	}
}

func TestTicketFitsOnePuttingAwayOnly(t *testing.T) {
	for _, release := range []func(*fakeConn) Ticket{
		(*fakeConn).Offer, (*fakeConn).OfferUnused, func(c *fakeConn) Ticket { return c.Pin(1) },
	} {
		bubble(t, limit(1), func(t *bed) {
			c := t.out()
			mine := t.offer(c)
			t.got(t.ask(context.Background()), c) // another owner
			t.back(c, mine, false)
			theirs := release(c)
			t.back(c, mine, false) // the same state, but not the same offer
			t.back(c, theirs, true)
			t.back(c, theirs, false)
		})
	}
}

func TestOwnTicketFitsOnce(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		c := t.out()
		first := t.offer(c)
		t.back(c, first, true)
		t.back(c, first, false)
		second := t.offer(c)
		t.back(c, first, false)
		t.back(c, second, true)
	})
}

// A logical connection that never put anything away has the zero Ticket.
func TestZeroTicketFitsNothing(t *testing.T) {
	for s := InUse; s <= Closed; s++ {
		bubble(t, nil, func(t *bed) {
			c, _ := put(t, s, 0)
			t.back(c, Ticket(0), false)
			t.back(c, spent, false)
			t.state(c, s)
		})
	}
}

func TestMisusePanicsAndLeavesThePoolUsable(t *testing.T) {
	misuses := map[string]func(*Pool[*fake], *fakeConn){
		"Offer":        func(_ *Pool[*fake], c *fakeConn) { c.Offer() },
		"OfferUnused":  func(_ *Pool[*fake], c *fakeConn) { c.OfferUnused() },
		"Pin":          func(_ *Pool[*fake], c *fakeConn) { c.Pin(1) },
		"CheckIn":      func(p *Pool[*fake], c *fakeConn) { p.CheckIn(c) },
		"CheckInDirty": func(p *Pool[*fake], c *fakeConn) { p.CheckInDirty(c) },
		"Replace":      func(p *Pool[*fake], c *fakeConn) { p.Replace(c, Dirty) },
		"Discard":      func(p *Pool[*fake], c *fakeConn) { p.Discard(c, Broken) },
	}
	for name, misuse := range misuses {
		for s := InUse + 1; s <= Closed; s++ {
			t.Run(name+" of one that is "+s.String(), func(t *testing.T) {
				bubble(t, nil, func(t *bed) {
					c, _ := put(t, s, 0)
					mustPanic(t, t.p, s.String(), func() { misuse(t.p, c) })
					t.state(c, s)
				})
			})
		}
	}
	t.Run("CheckIn to another pool", func(t *testing.T) {
		bubble(t, nil, func(t *bed) {
			c := t.out()
			other := New(t.p.cfg)
			mustPanic(t, other, "in use", func() { other.CheckIn(c) })
			t.in(c)
		})
	})
}

func mustPanic(t *bed, p *Pool[*fake], says string, f func()) {
	t.Helper()
	defer func() {
		if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "mysqlpool: ") || !strings.Contains(got, says) {
			t.Errorf("panic %q, want one of ours that says %q", got, says)
		}
		// A server that recovers would hang for ever on a lock left behind.
		if !p.mu.TryLock() {
			t.Error("the panic left the lock locked")
		}
		p.mu.Unlock()
	}()
	f()
}
