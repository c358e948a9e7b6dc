package watch

import (
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// pooled is what a second looked like in the pool.
type pooled struct {
	Wait     *float64       `json:"wait"`     // mean milliseconds that the requests served waited for a connection
	Hits     float64        `json:"hits"`     // of the statement cache, a second
	Misses   float64        `json:"misses"`   // of the statement cache, a second
	Pinned   int            `json:"pinned"`   // most at a time
	PinnedBy map[string]int `json:"pinnedBy"` // most at a time of each kind
}

// takenBack counts what became of connections that were checked in with session
// state on them, since the start.
type takenBack struct {
	Undone int64 `json:"undone"`
	Reset  int64 `json:"reset"`
	Closed int64 `json:"closed"`
}

// A poolMeter reads mysqlpool.Stats.
type poolMeter struct {
	last     mysqlpool.PoolStats
	pinned   int
	pinnedBy map[string]int
	back     takenBack
}

func (m *poolMeter) start() { m.last = totals() }

// peek keeps the peaks of what comes and goes within a second.
func (m *poolMeter) peek() {
	s := totals()
	m.pinned = max(m.pinned, s.Pinned)
	if m.pinnedBy == nil {
		m.pinnedBy = map[string]int{}
	}
	for kind, n := range s.PinnedBy {
		m.pinnedBy[kind] = max(m.pinnedBy[kind], n)
	}
}

// read returns the time since the last call, in which that many requests were
// served, and the logins in it.
func (m *poolMeter) read(served int64, perSecond func(int64) float64) (p pooled, opened int64) {
	m.peek()
	now := totals()
	p = pooled{
		Hits:   perSecond(since(m.last.StmtHits, now.StmtHits)),
		Misses: perSecond(since(m.last.StmtMisses, now.StmtMisses)),
		Pinned: m.pinned, PinnedBy: m.pinnedBy,
	}
	if served > 0 {
		waited := since(m.last.WaitDuration, now.WaitDuration)
		wait := float64(waited) / float64(time.Millisecond) / float64(served)
		p.Wait = &wait
	}
	opened = since(m.last.Opened, now.Opened)
	m.back.Undone += since(m.last.Undone, now.Undone)
	m.back.Reset += since(m.last.Reset, now.Reset)
	m.back.Closed += since(m.last.Dirty, now.Dirty)
	m.last, m.pinned, m.pinnedBy = now, 0, nil
	return p, opened
}

// since is by how much a counter grew. A pool that lost its connections and has
// no handle is forgotten, and the next counts from 0.
func since[N int64 | time.Duration](last, now N) N {
	if now < last {
		return now
	}
	return now - last
}

// totals are the sums over the pools of this process.
func totals() (sum mysqlpool.PoolStats) {
	sum.PinnedBy = map[string]int{}
	for _, s := range mysqlpool.Stats() {
		sum.Pinned += s.Pinned
		sum.Opened += s.Opened
		sum.Undone += s.Undone
		sum.Reset += s.Reset
		sum.Dirty += s.Dirty
		sum.StmtHits += s.StmtHits
		sum.StmtMisses += s.StmtMisses
		sum.WaitDuration += s.WaitDuration
		for kind, n := range s.PinnedBy {
			sum.PinnedBy[kind] += n
		}
	}
	return sum
}
