package pool

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// dispose calls Dispose on a goroutine of its own.
func (t *bed) dispose(ctx context.Context) *asked {
	t.Helper()
	a := new(asked)
	go func() {
		a.err = t.p.Dispose(ctx)
		a.done.Store(true)
	}()
	t.settle()
	return a
}

func (t *bed) disposed(a *asked) {
	t.Helper()
	if !a.isDone() || a.err != nil {
		t.Errorf("Dispose: done %v, error %v", a.isDone(), a.err)
	}
}

func TestDisposeClosesWhatIsNotInUseAtOnce(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		cs := t.outN(5)
		t.in(cs[0])
		tickets := []Ticket{spent, t.offer(cs[1]), t.unused(cs[2]), t.pin(cs[3])}
		d := t.dispose(context.Background())
		t.waits(d)
		t.closed(Disposed, 4)
		for i, c := range cs[:4] {
			t.fate(c, "disposed")
			t.back(c, tickets[i], false)
		}
		t.fate(cs[4], "open")
		t.sleep(time.Hour)
		t.waits(d)
		t.in(cs[4])
		t.disposed(d)
		t.fate(cs[4], "disposed")
	})
}

// In use while Dispose runs, and then checked in or closed in each way there is.
func TestDisposeClosesWhatWasInUse(t *testing.T) {
	for _, row := range []struct {
		name   string
		giveUp func(t *bed, c *fakeConn)
		fate   string
	}{
		{"CheckIn", func(t *bed, c *fakeConn) { t.in(c) }, "disposed"},
		{"Offer", func(t *bed, c *fakeConn) { t.back(c, t.offer(c), false) }, "disposed"},
		{"OfferUnused", func(t *bed, c *fakeConn) { t.back(c, t.unused(c), false) }, "disposed"},
		{"Pin", func(t *bed, c *fakeConn) { t.back(c, t.pin(c), false) }, "disposed"},
		{"Discard", func(t *bed, c *fakeConn) { t.p.Discard(c, Dirty) }, "dirty"},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, nil, func(t *bed) {
				c := t.out()
				d := t.dispose(context.Background())
				t.waits(d)
				row.giveUp(t, c)
				t.settle()
				t.disposed(d)
				t.fate(c, row.fate)
			})
		})
	}
}

func TestDisposeOfAnEmptyPool(t *testing.T) {
	bubble(t, nil, func(t *bed) { t.disposed(t.dispose(context.Background())) })
}

func TestDisposeEndsEveryWait(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		c := t.out()
		as := t.askN(3)
		d := t.dispose(context.Background())
		for _, a := range as {
			t.failed(a, ErrDisposed)
		}
		t.in(c)
		t.disposed(d)
	})
}

func TestCheckOutAfterDispose(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		t.in(t.out())
		t.disposed(t.dispose(context.Background()))
		t.failed(t.ask(context.Background()), ErrDisposed)
		t.p.SetLimit(100)
		if s := t.settle(); s.LoggingIn != 0 || t.logins != 1 {
			t.Errorf("a login after Dispose: %+v", s)
		}
	})
}

// It was served before Dispose, but has to look for another one.
func TestDisposeDuringAFailingCheck(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		c := t.out()
		c.Value.check = func(context.Context, time.Duration) error {
			time.Sleep(time.Second)
			return errFake
		}
		t.in(c)
		a := t.ask(context.Background())
		d := t.dispose(context.Background())
		t.waits(a, d)
		t.sleep(time.Second)
		t.failed(a, ErrDisposed)
		t.disposed(d)
		t.fate(c, "broken")
	})
}

func TestDisposeEndsLogins(t *testing.T) {
	t.Run("that heed their context", func(t *testing.T) {
		bubble(t, nil, func(t *bed) {
			t.login = slow(9 * time.Second)
			as := t.askN(2)
			t.disposed(t.dispose(context.Background()))
			t.failed(as[0], ErrDisposed)
			t.failed(as[1], ErrDisposed)
			if s := t.settle(); s.LoggingIn != 0 || s.LoginErrors != 2 {
				t.Errorf("%+v", s)
			}
		})
	})
	t.Run("and closes what they open nevertheless", func(t *testing.T) {
		bubble(t, nil, func(t *bed) {
			t.login = func(context.Context, int) error { time.Sleep(9 * time.Second); return nil }
			a := t.ask(context.Background())
			d := t.dispose(context.Background())
			t.failed(a, ErrDisposed)
			t.edge(9*time.Second, "end of the login, and so of Dispose", d.isDone)
			t.disposed(d)
			t.closed(Disposed, 1)
		})
	})
}

func TestDisposeWaitsForClose(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		c := t.out()
		c.Value.closing = func() { time.Sleep(3 * time.Second) }
		d := t.dispose(context.Background())
		go t.p.CheckIn(c)
		t.edge(3*time.Second, "end of Close, and so of Dispose", d.isDone)
		t.disposed(d)
	})
}

func TestContextEndsTheWaitOfDispose(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		cs := t.outN(2)
		t.login = func(context.Context, int) error { time.Sleep(9 * time.Second); return nil }
		t.ask(context.Background())
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		d := t.dispose(ctx)
		t.edge(5*time.Second, "end of the context", d.isDone)
		if !errors.Is(d.err, context.DeadlineExceeded) ||
			!strings.Contains(d.err.Error(), "2 connections still in use and 1 logins under way") {
			t.Error(d.err)
		}

		// What it promised: each is closed when it ends.
		t.offer(cs[0])
		t.in(cs[1])
		t.sleep(4 * time.Second)
		t.closed(Disposed, 3)
	})
}

func TestDisposeTwice(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		c := t.out()
		first, second := t.dispose(context.Background()), t.dispose(context.Background())
		t.waits(first, second)
		t.in(c)
		t.disposed(first)
		t.disposed(second)
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		for range 20 { // nothing is left to wait for, which counts for more than ctx
			t.disposed(t.dispose(ended))
		}
	})
}
