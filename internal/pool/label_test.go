package pool

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// on checks out a connection with the label.
func (t *bed) on(label string) *fakeConn {
	t.Helper()
	a := t.askFor(context.Background(), label)
	t.got(a, nil)
	if got := *a.conn.Value.label.Load(); got != label {
		t.Fatalf("connection %d has the label %q, want %q", a.conn.Value.id, got, label)
	}
	return a.conn
}

func TestIdleOneWithTheLabelIsTaken(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		a, b, none := t.on("a"), t.on("b"), t.on("")
		t.in(a, b, none)
		for label, want := range map[string]*fakeConn{"a": a, "b": b, "": none} {
			if c := t.on(label); c != want {
				t.Errorf("%q: got connection %d, want %d", label, c.Value.id, want.Value.id)
			}
		}
	})
}

func TestIdleOneIsSwitchedBeforeAnotherIsOpened(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		a := t.on("a")
		t.in(a)
		if t.on("b") != a {
			t.Error("another was opened")
		}
	})
}

func TestOneThatDoesNotFitIsLeftAloneWhileThereIsRoom(t *testing.T) {
	bubble(t, limit(2), func(t *bed) {
		a := t.on("a")
		t.in(a)
		t.on("")
		t.state(a, Idle)
	})
}

func TestOneThatDoesNotFitMakesRoom(t *testing.T) {
	for name, release := range map[string]func(*bed, *fakeConn){
		"idle":       func(t *bed, c *fakeConn) { t.in(c) },
		"offered":    func(t *bed, c *fakeConn) { t.offer(c) },
		"checked in": nil, // while the other waits
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, limit(1), func(t *bed) {
				a := t.on("a")
				if release != nil {
					release(t, a)
				}
				none := t.askFor(context.Background(), "")
				if release == nil {
					t.waits(none)
					t.in(a)
				}
				t.got(none, nil)
				t.fate(a, "overflow")
			})
		})
	}
}

// What fits only one who came later is for that one, while there is room for
// the login of the first.
func TestOneThatFitsOnlyALaterWaiterServesThatOne(t *testing.T) {
	bubble(t, limit(2), func(t *bed) {
		a := t.on("a")
		t.login = slow(time.Hour)
		none := t.askFor(context.Background(), "")
		b := t.askFor(context.Background(), "b")
		t.p.SetLimit(3)
		t.in(a)
		t.got(b, a)
		t.waits(none)
	})
}

func TestRefusedLabelIsTheAnswer(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		refused := errors.New("refused")
		t.switches = func(string) (bool, error) { return true, refused }
		a := t.on("a")
		t.in(a)
		t.failed(t.askFor(context.Background(), "b"), refused)
		t.state(a, Idle)
		if t.on("a") != a {
			t.Error("the connection was not kept")
		}
	})
}

func TestSwitchThatBreaksItMeansAnother(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		t.switches = func(string) (bool, error) { return false, errFake }
		a := t.on("a")
		t.in(a)
		b := t.on("b")
		t.fate(a, "broken")
		t.fate(b, "open")
	})
}

// A login that somebody else asked for may have another label.
func TestLoginWithAnotherLabelIsSwitched(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		t.login = slow(time.Second)
		ctx, cancel := context.WithCancel(context.Background())
		t.askFor(ctx, "a")
		b := t.askFor(context.Background(), "b")
		cancel()
		t.sleep(time.Second)
		t.got(b, nil)
		if got := *b.conn.Value.label.Load(); got != "b" {
			t.Errorf("label: got %q, want b", got)
		}
	})
}

// Others behind the first could use what comes free, again and again.
func TestWhomNothingFitsDoesNotStarve(t *testing.T) {
	for _, size := range []int{1, 3} {
		bubble(t, func(cfg *config) { cfg.Size, cfg.Limit = size, size }, func(t *bed) {
			t.login = slow(5 * time.Millisecond)
			users := 2 * size
			stop := make(chan struct{})
			for range users {
				go func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						if c, err := t.p.CheckOut(context.Background(), "a"); err == nil {
							time.Sleep(50 * time.Millisecond)
							c.CheckIn()
						}
					}
				}()
			}
			time.Sleep(time.Second)
			first := new(asked)
			go func() {
				first.conn, first.err = t.p.CheckOut(context.Background(), "")
				first.done.Store(true)
			}()
			time.Sleep(time.Second)
			if !first.isDone() {
				t.Errorf("size %d: not served in a second, while others come and go", size)
			}
			close(stop)
			time.Sleep(time.Minute)
			if s := t.p.Stats(); s.Closed[Overflow] > 2 {
				t.Errorf("size %d: %d connections were closed for one who waits", size, s.Closed[Overflow])
			}
		})
	}
}

// One without a label is switched only if nothing else is free: those who want
// none could use no other.
func TestOneWithoutALabelIsTheLastToBeSwitched(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		a, none := t.on("a"), t.on("")
		t.in(a, none) // none was idle for the shortest time
		if t.on("b") != a {
			t.Error("the one without a label was switched")
		}
	})
}

func TestAlternatingLabelsDoNotGrowThePool(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		for i := range 100 {
			t.in(t.on(fmt.Sprint(i)))
			t.in(t.on(""))
		}
		if s := t.p.Stats(); s.Opened > 2 {
			t.Errorf("one in use at a time: %d logins, want 2", s.Opened)
		}
	})
}
