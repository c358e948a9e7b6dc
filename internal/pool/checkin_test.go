package pool

import (
	"slices"
	"testing"
	"time"
)

// UseEachAvailable has those that nobody works with, and leaves each as it was but for
// its owner's ticket: an offered one is the pool's afterwards.
func TestEachUnused(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Size, cfg.OfferFor = 1, time.Hour }, func(t *bed) {
		cs := t.outN(4)
		idle, offered, pinned, used := cs[0], cs[1], cs[2], cs[3]
		t.in(idle)
		ticket := t.offer(offered)
		kept := t.pin(pinned)
		t.sleep(9 * time.Minute)
		var ids []int
		t.p.UseEachAvailable(func(f *fake) {
			ids = append(ids, f.id)
			if s := t.p.Stats(); s.InUse != 2 {
				t.Errorf("connection %d: %d are in use, want it and another", f.id, s.InUse)
			}
		})
		t.settle()
		if want := []int{idle.Value.id, offered.Value.id}; !slices.Equal(ids, want) {
			t.Errorf("got connections %v, want %v", ids, want)
		}
		t.state(idle, Idle)
		t.state(offered, Idle)
		t.state(used, InUse)
		t.back(offered, ticket, false)
		t.back(pinned, kept, true)
		// Nobody used it: it is as long idle as if nothing had been.
		t.edge(10*time.Minute, "close", isClosed(idle))
	})
}
