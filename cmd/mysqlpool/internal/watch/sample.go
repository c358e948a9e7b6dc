package watch

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

const (
	sampleEvery = time.Second
	peekEvery   = 50 * time.Millisecond
	lookTime    = 500 * time.Millisecond // how long a sample waits for what hosts answer
)

// A sample is one second in the plots. What was not there to be read is null.
type sample struct {
	Time         int64       `json:"t"` // Unix milliseconds
	Logins       [2]float64  `json:"logins"`
	ServerLogins *float64    `json:"serverLogins"`
	Connections  [2]*int     `json:"connections"`
	Median       [2]*float64 `json:"median"`
	P99          [2]*float64 `json:"p99"`
	pooled
}

// sample takes a sample every second until ctx ends.
func (w *Watch) sample(ctx context.Context) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	peek := time.NewTicker(peekEvery)
	defer peek.Stop()
	w.pool.start()
	var looks sync.WaitGroup
	defer looks.Wait()
	w.look(ctx)
	last := time.Now()
	var before [2]counts
	var counted int64
	for _, h := range w.hosts {
		counted += h.read().counted
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-peek.C:
			w.pool.peek()
			continue
		case <-tick.C:
		}
		// A host that says nothing does not hold the sample up.
		looked := make(chan struct{})
		looks.Go(func() {
			w.look(ctx)
			close(looked)
		})
		select {
		case <-looked:
		case <-time.After(lookTime):
		case <-ctx.Done():
			return
		}
		now := time.Now()
		perSecond := func(n int64) float64 {
			return math.Round(float64(n)/now.Sub(last).Seconds()*10) / 10
		}

		s := sample{Time: now.UnixMilli()}
		var served [2]int64
		for i, side := range w.sides {
			c := side.count()
			served[i] = c.Served - before[i].Served
			s.Logins[i] = perSecond(c.Logins - before[i].Logins)
			before[i] = c
			ms := side.latencies()
			s.Median[i], s.P99[i] = percentile(ms, 50), percentile(ms, 99)
		}
		var opened int64
		s.pooled, opened = w.pool.read(served[right], perSecond)
		s.Logins[right] = perSecond(opened)
		w.hostsInto(&s, &counted, perSecond)
		last = now

		w.mu.Lock()
		w.back, w.opened = w.pool.back, w.opened+opened
		w.samples = append(w.samples, s)
		w.samples = w.samples[max(0, len(w.samples)-kept):]
		w.mu.Unlock()
	}
}

// hostsInto adds up the connections on the hosts that are up, and the logins that
// these counted since counted.
func (w *Watch) hostsInto(s *sample, counted *int64, perSecond func(int64) float64) {
	was, counts, up := *counted, false, false
	*counted = 0
	var conns [2]int
	for _, h := range w.hosts {
		seen := h.read()
		*counted += seen.counted
		counts = counts || seen.countsNow
		up = up || seen.up
		sides, _ := w.claims.bySide(seen.identity, seen.conns)
		for i := range sides {
			conns[i] += len(sides[i])
		}
	}
	if up {
		s.Connections = [2]*int{&conns[left], &conns[right]}
	}
	if counts {
		perSecond := perSecond(*counted - was)
		s.ServerLogins = &perSecond
	}
}

// percentile returns the value that p per cent of all do not exceed, nil of none.
func percentile(all []float64, p int) *float64 {
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	v := all[(len(all)*p+99)/100-1]
	return &v
}
