package watch

import (
	"context"
	"math"
	"slices"
	"time"
)

const (
	sampleEvery = time.Second
	peekEvery   = 50 * time.Millisecond
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
	last := time.Now()
	var before [2]counts
	w.look(ctx)
	w.serverLogins(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-peek.C:
			w.pool.peek()
			continue
		case <-tick.C:
		}
		w.look(ctx)
		logins := w.serverLogins(ctx)
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
		if logins != nil {
			perSecond := perSecond(*logins)
			s.ServerLogins = &perSecond
		}
		last = now

		w.mu.Lock()
		if w.status.Up {
			sides, _ := w.bySide(w.conns)
			for i := range sides {
				n := len(sides[i])
				s.Connections[i] = &n
			}
		}
		w.back = w.pool.back
		w.samples = append(w.samples, s)
		w.samples = w.samples[max(0, len(w.samples)-kept):]
		w.mu.Unlock()
	}
}

// serverLogins returns the logins that the server counted since the last call,
// those of all its clients; nil if it cannot tell.
func (w *Watch) serverLogins(ctx context.Context) *int64 {
	w.mu.Lock()
	up := w.status.Up
	w.mu.Unlock()
	if !up { // it was asked a moment ago
		w.loginsRead = false
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	n, err := w.server.Logins(ctx)
	since, known := n-w.logins, w.loginsRead && n >= w.logins // it counts from 0 after a restart
	w.logins, w.loginsRead = n, err == nil
	if err != nil || !known {
		return nil
	}
	return &since
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
