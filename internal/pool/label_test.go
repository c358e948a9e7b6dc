package pool

import (
	"context"
	"errors"
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
	for name, putAway := range map[string]func(*bed, *fakeConn){
		"idle":       func(t *bed, c *fakeConn) { t.in(c) },
		"offered":    func(t *bed, c *fakeConn) { t.offer(c) },
		"checked in": nil, // while the other waits
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, limit(1), func(t *bed) {
				a := t.on("a")
				if putAway != nil {
					putAway(t, a)
				}
				none := t.askFor(context.Background(), "")
				if putAway == nil {
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
