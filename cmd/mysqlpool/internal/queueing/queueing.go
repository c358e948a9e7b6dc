// Package queueing computes how long requests wait for one of several
// connections: the model M/M/c (Erlang C). Requests arrive at random (Poisson),
// each holds a connection for a random time (exponential), and whoever finds none
// free waits, first come, first served.
package queueing

import (
	"math"
	"time"
)

// Queue is a load on a number of connections.
type Queue struct {
	Connections int
	Rate        float64       // arrivals a second
	Hold        time.Duration // how long each holds a connection, on average
}

// Busy is how many connections are in use on average, if there are enough.
func (q Queue) Busy() float64 { return q.Rate * q.Hold.Seconds() }

// Utilisation is the part of the time for which a connection is in use. From 1 on
// the queue grows without end.
func (q Queue) Utilisation() float64 { return q.Busy() / float64(q.Connections) }

// Stable reports whether the queue does not grow without end.
func (q Queue) Stable() bool { return q.Utilisation() < 1 }

// Waiting is the part of the arrivals that have to wait (Erlang's C formula).
func (q Queue) Waiting() float64 {
	if !q.Stable() {
		return 1
	}
	// Erlang's B by its recursion, which does not overflow.
	a, b := q.Busy(), 1.0
	for n := 1; n <= q.Connections; n++ {
		b = a * b / (float64(n) + a*b)
	}
	rho := q.Utilisation()
	return b / (1 - rho*(1-b))
}

// spare is how many more a second could be served.
func (q Queue) spare() float64 { return float64(q.Connections)/q.Hold.Seconds() - q.Rate }

// MeanWait is how long an arrival waits on average, those that need not wait
// included; the greatest duration if the queue grows without end.
func (q Queue) MeanWait() time.Duration {
	if !q.Stable() {
		return math.MaxInt64
	}
	return time.Duration(q.Waiting() / q.spare() * float64(time.Second))
}

// Percentile is the wait that this part of the arrivals, 0 to 1, do not exceed.
func (q Queue) Percentile(part float64) time.Duration {
	if !q.Stable() {
		return math.MaxInt64
	}
	waiting := q.Waiting()
	if waiting <= 1-part {
		return 0
	}
	return time.Duration(math.Log(waiting/(1-part)) / q.spare() * float64(time.Second))
}

// Enough returns the fewest connections of which no more than a part of the time,
// most, is in use, and for which 99 of 100 wait no longer than they hold one.
func Enough(rate float64, hold time.Duration, most float64) int {
	for c := max(int(rate*hold.Seconds()/most), 1); ; c++ {
		q := Queue{c, rate, hold}
		if q.Utilisation() <= most && q.Percentile(.99) <= hold {
			return c
		}
	}
}
