package mysqlpool

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLeaks(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "pool_leak_after=10s&pool_name=orders")
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		time.Sleep(9 * time.Second)
		if got := Leaks(); len(got) != 0 {
			t.Errorf("after 9s: got %v", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		got := Leaks()
		if len(got) != 1 || got[0].Name != "orders" || got[0].Login != onePool(t).Login || got[0].ID != 1 || !got[0].Since.Equal(start) || !strings.Contains(got[0].Stack, "TestLeaks") {
			t.Errorf("after 11s: got %+v", got)
		}
		tx.Rollback()
		if got := Leaks(); len(got) != 0 {
			t.Errorf("checked in: got %+v", got)
		}
	})
}

// A checkoutWatch that ends just as it is about to be logged is in no list.
func TestLeakThatEnded(t *testing.T) {
	l := &checkoutWatch{}
	if l.end() || l.report(watchedConn{}) {
		t.Error("it ended, and was reported nevertheless")
	}
	if got := Leaks(); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestLeakOfGarbage(t *testing.T) {
	disposeAfter(t)
	s := newFakeServer()
	func() {
		c, err := s.connector(t, "pool_leak_after=1ms").Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.(*conn).ExecContext(t.Context(), "SELECT 1", nil); err != nil {
			t.Fatal(err)
		}
		wantLeaks(t, 1)
		runtime.KeepAlive(c)
	}()
	wantLeaks(t, 0)
}

// wantLeaks waits until there are n, while the garbage collector runs.
func wantLeaks(t *testing.T, n int) {
	t.Helper()
	for start := time.Now(); len(Leaks()) != n; runtime.Gosched() {
		runtime.GC()
		if time.Since(start) > 10*time.Second {
			t.Fatalf("want %d leaks, got %+v", n, Leaks())
		}
	}
}
