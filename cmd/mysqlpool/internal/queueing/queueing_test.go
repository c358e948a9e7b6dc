package queueing

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// Values of Erlang's C from tables, for so many connections and so many busy.
func TestWaiting(t *testing.T) {
	for _, row := range []struct {
		connections int
		busy, want  float64
	}{
		{1, 0.5, 0.5}, {1, 0.9, 0.9}, {2, 1, 1. / 3}, {3, 2, 4. / 9}, {5, 4, 0.5541}, {10, 8, 0.4092}, {100, 90, 0.2169},
	} {
		q := Queue{row.connections, row.busy * 10, 100 * time.Millisecond}
		if got := q.Waiting(); math.Abs(got-row.want) > 0.0005 {
			t.Errorf("%d connections, %v busy: got %.4f, want %.4f", row.connections, row.busy, got, row.want)
		}
	}
}

// free is when each connection is free again.
type free []float64

func (f free) Len() int           { return len(f) }
func (f free) Less(i, j int) bool { return f[i] < f[j] }
func (f free) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *free) Push(any)          {}
func (f *free) Pop() any          { return nil }

// The formulas say what comes of serving arrivals one after the other.
func TestAgainstSimulation(t *testing.T) {
	for _, q := range []Queue{{1, 5, 100 * time.Millisecond}, {4, 32, 100 * time.Millisecond}, {20, 160, 100 * time.Millisecond}} {
		random := rand.New(rand.NewPCG(1, 2))
		connections := make(free, q.Connections)
		const arrivals = 400_000
		now, sum, waited, long := 0., 0., 0, 0
		p95 := q.Percentile(.95).Seconds()
		for range arrivals {
			now += random.ExpFloat64() / q.Rate
			start := max(now, connections[0])
			sum += start - now
			if start > now {
				waited++
			}
			if start-now > p95 {
				long++
			}
			connections[0] = start + random.ExpFloat64()*q.Hold.Seconds()
			heap.Fix(&connections, 0)
		}
		for what, row := range map[string]struct{ got, want float64 }{
			"mean wait": {q.MeanWait().Seconds(), sum / arrivals}, "waiting": {q.Waiting(), float64(waited) / arrivals}, "over the 95th percentile": {.05, float64(long) / arrivals},
		} {
			if math.Abs(row.got-row.want) > .07*row.want {
				t.Errorf("%+v: %s: got %v, simulated %v", q, what, row.got, row.want)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	full := Queue{2, 20, 100 * time.Millisecond}
	if full.Stable() || full.Waiting() != 1 || full.MeanWait() != math.MaxInt64 || full.Percentile(.5) != math.MaxInt64 {
		t.Errorf("a full queue: %v %v %v", full.Stable(), full.Waiting(), full.MeanWait())
	}
	c := Enough(100, 20*time.Millisecond, .8)
	q := Queue{c, 100, 20 * time.Millisecond}
	fewer := Queue{c - 1, 100, 20 * time.Millisecond}
	if q.Utilisation() > .8 || q.Percentile(.99) > q.Hold {
		t.Errorf("%d are not enough: %v", c, q.Percentile(.99))
	}
	if fewer.Utilisation() <= .8 && fewer.Percentile(.99) <= fewer.Hold {
		t.Errorf("%d would be enough", c-1)
	}
}
