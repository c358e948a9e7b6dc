package pool

import (
	"context"
	"testing"
	"time"
)

func TestDirtyOneIsRestoredInTheBackground(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		t.restore = func(ctx context.Context) bool { return sleep(ctx, time.Second) == nil }
		c := t.out()
		start := time.Now()
		c.CheckInDirty()
		if time.Since(start) != 0 {
			t.Error("CheckInDirty blocked")
		}
		if s := t.p.Stats(); s.InUse != 1 || s.Idle != 0 {
			t.Errorf("meanwhile: got %+v, want one in use", s)
		}
		a := t.ask(context.Background())
		t.edge(time.Second, "restored", a.isDone)
		if a.conn != c {
			t.Error("who waited did not get the connection")
		}
	})
}

func TestOneThatCannotBeRestoredIsReplaced(t *testing.T) {
	for _, test := range []struct {
		name   string
		others int
		open   int // afterwards, with Size 3
	}{
		{"alone", 0, 1}, {"one of three", 2, 3}, {"one of four", 3, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(cfg *config) { cfg.Size = 3 }, func(t *bed) {
				t.login = slow(time.Second)
				t.restore = func(context.Context) bool { return false }
				cs := t.outN(1 + test.others)
				cs[0].CheckInDirty()
				t.settle()
				t.fate(cs[0], "dirty")
				if s := t.p.Stats(); s.Open != test.others {
					t.Errorf("got %+v, want %d open", s, test.others)
				}
				t.sleep(2 * time.Second)
				if s := t.p.Stats(); s.Open != test.open || s.LoggingIn != 0 {
					t.Errorf("got %+v, want %d open", s, test.open)
				}
			})
		})
	}
}

// The one that is opened in the place of another is of use to who waits.
func TestReplacementServesWhoWaits(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		t.restore = func(context.Context) bool { return false }
		c := t.on("a")
		b := t.askFor(context.Background(), "b")
		c.CheckInDirty()
		t.settle()
		t.got(b, nil)
		if s := t.p.Stats(); s.Opened != 2 {
			t.Errorf("logins: got %d, want 2", s.Opened)
		}
	})
}

func TestReplacementThatFailsIsNotTriedAgain(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		t.restore = func(context.Context) bool { return false }
		c := t.out()
		t.login = func(context.Context, int) error { return errFake }
		c.CheckInDirty()
		t.sleep(time.Hour)
		if s := t.p.Stats(); s.LoginErrors != 1 || s.LoggingIn != 0 {
			t.Errorf("got %+v, want one login that failed", s)
		}
		if !t.empty() {
			t.Error("the pool is not empty")
		}
	})
}

func TestDisposeEndsARestore(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		t.restore = func(ctx context.Context) bool { return sleep(ctx, time.Hour) == nil }
		c := t.out()
		c.CheckInDirty()
		start := time.Now()
		if err := t.p.Dispose(context.Background()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("took %v", took)
		}
		t.fate(c, "dirty")
	})
}

func TestStatsSayWhatPins(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		cs := t.outN(3)
		cs[0].Pin(2)
		cs[1].Pin(1)
		s := t.p.Stats()
		if s.Pinned != 2 || s.PinnedBy["settings"] != 2 || s.PinnedBy["locks"] != 1 {
			t.Errorf("got %+v", s)
		}
	})
}
