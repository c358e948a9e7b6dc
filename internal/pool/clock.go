package pool

import "time"

// instant is a time on the monotonic clock, in nanoseconds. To read it costs
// half of what time.Now does, and a checkout reads it twice. 0 means not set.
type instant int64

var epoch = time.Now()

// head makes every instant positive: testing/synctest starts its clock in the
// year 2000, and epoch is later than that.
const head = 100 * 365 * 24 * time.Hour

func clock() instant { return instant(time.Since(epoch) + head) }

func (i instant) add(d time.Duration) instant { return i + instant(d) }
func (i instant) sub(j instant) time.Duration { return time.Duration(i - j) }
