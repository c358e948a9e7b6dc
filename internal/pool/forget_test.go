package pool

import (
	"context"
	"testing"
)

func TestForget(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		forget := func(want bool, when string) {
			t.Helper()
			t.settle()
			if got := t.p.Forget(); got != want {
				t.Errorf("%s: got %v, want %v", when, got, want)
			}
		}
		c := t.out()
		forget(false, "one is in use")
		t.p.CheckIn(c)
		forget(false, "one is idle")
		t.p.CloseAvailable(1)
		forget(true, "it is empty")
		forget(true, "it is forgotten")
		if _, err := t.p.CheckOut(context.Background(), ""); err != ErrForgotten {
			t.Errorf("got %v, want ErrForgotten", err)
		}
		t.p.Remember()
		t.in(t.out())
		forget(false, "it is used again")
	})
}

// What was closed is replaced, but not for nobody.
func TestForgottenPoolReplacesNothing(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		t.restore = func(context.Context) bool { return false }
		c := t.out()
		t.p.CloseAvailable(1) // somebody else needs the room: no replacement for a while
		c.CheckInDirty()
		t.settle()
		if !t.p.Forget() {
			t.Fatal("the pool is not empty")
		}
		t.sleep(2 * maxBackoff)
		t.p.Remember()
		t.sleep(2 * maxBackoff)
		if s := t.p.Stats(); s.Opened != 1 {
			t.Errorf("opened: got %d, want 1", s.Opened)
		}
	})
}

func TestDisposedAndForgotten(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		t.p.Forget()
		if err := t.p.Dispose(context.Background()); err != nil {
			t.Error(err)
		}
		if _, err := t.p.CheckOut(context.Background(), ""); err != ErrDisposed {
			t.Errorf("got %v, want ErrDisposed", err)
		}
	})
}
