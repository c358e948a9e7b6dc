// Package histogram counts how long things take.
package histogram

import (
	"sync/atomic"
	"time"
)

// Bounds is the upper ends of the buckets, each included. There is one more
// bucket for what took longer.
var Bounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// Histogram is what was observed so far. The zero value is empty. It is safe
// for concurrent use, and must not be copied.
type Histogram struct {
	counts [len(Bounds) + 1]atomic.Int64
	sum    atomic.Int64
}

// Observe counts one that took d. It takes no lock.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	for i < len(Bounds) && d > Bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

// Read returns how many there are in each bucket, and what they took in all. One
// that is observed meanwhile may be in one of the two only.
func (h *Histogram) Read() (counts [len(Bounds) + 1]int64, sum time.Duration) {
	for i := range h.counts {
		counts[i] = h.counts[i].Load()
	}
	return counts, time.Duration(h.sum.Load())
}
