// Package watch serves a page that shows "mysql" and "mysql_pool" at work on
// one server, or on several hosts, side by side and live.
package watch

import (
	"context"
	"sync"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
)

// Drivers are the two sides, left to right.
var Drivers = [2]string{"mysql", "mysql_pool"}

const (
	left, right = 0, 1

	kept = 120 // samples, one a second
)

// A Watch drives both sides, samples them once a second, and is what the page
// asks.
type Watch struct {
	hosts []*host // in the order of the DSN
	logf  func(format string, args ...any)

	sides  [2]*side
	claims claims
	load   load
	pool   poolMeter // of the goroutine that samples

	mu      sync.Mutex // guards what follows
	samples []sample
	back    takenBack
	opened  int64 // logins that the pool counted
}

// New returns a Watch on the hosts that dsn names. "mysql" knows the first one
// alone. logf gets a line when a host becomes unreachable and when it answers again.
func New(servers []*target.Server, dsn string, logf func(format string, args ...any)) *Watch {
	w := &Watch{logf: logf}
	w.load.set(Load{AtATime: atATime[0]})
	w.claims.byID = map[connID]claim{}
	several := len(servers) > 1
	for _, s := range servers {
		w.hosts = append(w.hosts, newHost(s, several))
	}
	for i, dsn := range [2]string{servers[0].DSN, dsn} {
		w.sides[i] = &side{
			driver: Drivers[i], dsn: dsn, several: several,
			claim: func(id connID) bool { return w.claims.claim(id, i) },
			slots: make(chan struct{}, atOnce),
		}
	}
	return w
}

// Run samples and makes load until ctx ends, and returns when all that it
// started has ended.
func (w *Watch) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, s := range w.sides {
		all.Go(func() { s.underLoad(ctx, &w.load) })
	}
	all.Go(func() { w.sample(ctx) })
	all.Wait()
}

// look looks at every host, and returns when all have answered or are known to be
// unreachable.
func (w *Watch) look(ctx context.Context) {
	var all sync.WaitGroup
	for _, h := range w.hosts {
		all.Go(func() { h.look(ctx, &w.claims, w.logf) })
	}
	all.Wait()
}
