package histogram

import (
	"slices"
	"sync"
	"testing"
	"time"
)

func TestObserve(t *testing.T) {
	for i, bound := range Bounds {
		var h Histogram
		h.Observe(bound)
		h.Observe(bound + 1)
		counts, sum := h.Read()
		if counts[i] != 1 || counts[i+1] != 1 || sum != 2*bound+1 {
			t.Errorf("%v, and a nanosecond more: got %v, %v", bound, counts, sum)
		}
	}
	var h Histogram
	h.Observe(0)
	h.Observe(-time.Second)
	if counts, _ := h.Read(); counts[0] != 2 {
		t.Errorf("nothing, and less: got %v", counts)
	}
	if !slices.IsSorted(Bounds[:]) {
		t.Errorf("not in order: %v", Bounds)
	}
}

func TestNothingIsLost(t *testing.T) {
	var h Histogram
	var all sync.WaitGroup
	const goroutines, each = 8, 1000
	for range goroutines {
		all.Go(func() {
			for i := range each {
				h.Observe(time.Duration(i) * time.Millisecond)
			}
		})
	}
	all.Wait()
	counts, sum := h.Read()
	n := int64(0)
	for _, c := range counts {
		n += c
	}
	if want := time.Duration(goroutines*each*(each-1)/2) * time.Millisecond; n != goroutines*each || sum != want {
		t.Errorf("got %d, %v, want %d, %v", n, sum, goroutines*each, want)
	}
}

func BenchmarkObserve(b *testing.B) {
	var h Histogram
	for b.Loop() {
		h.Observe(50 * time.Microsecond)
	}
}
