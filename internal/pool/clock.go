package pool

import (
	"math"
	"time"
)

// instant is a time on the monotonic clock, in nanoseconds. To read it costs
// half of what time.Now does, and a checkout reads it twice. 0 means not set.
type instant int64

var clockBase = time.Now()

// clockOffset makes every instant positive: testing/synctest starts its clock in the
// year 2000, and clockBase is later than that.
const clockOffset = 100 * 365 * 24 * time.Hour

func clock() instant { return instant(time.Since(clockBase) + clockOffset) }

// farFuture is later than any other instant: what is due then never comes.
const farFuture = instant(math.MaxInt64)

// add returns the instant d later, or farFuture if that is too far away to be told. A
// duration at the limit of its type means for ever.
func (i instant) add(d time.Duration) instant {
	if sum := i + instant(d); d <= 0 || sum > i { // i is not negative, so that a sum is not too small
		return sum
	}
	return farFuture
}

// sub returns how much later i is than j; at most what a duration holds.
func (i instant) sub(j instant) time.Duration {
	diff := i - j
	switch {
	case j < 0 && diff < i:
		return math.MaxInt64
	case j > 0 && diff > i:
		return math.MinInt64
	}
	return time.Duration(diff)
}
