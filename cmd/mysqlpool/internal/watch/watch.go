// Package watch serves a page that shows "mysql" and "mysql_pool" at work on
// one server, side by side and live.
package watch

import (
	"context"
	"sync"
	"time"

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
	server *target.Server
	rate   int
	logf   func(format string, args ...any)

	sides  [2]*side
	claims claims

	// Of the goroutine that samples.
	pool       poolMeter
	logins     int64 // the server's count when last read
	loginsRead bool

	mu      sync.Mutex
	status  status
	conns   []conn // as last listed; nil while the server is away
	samples []sample
	back    takenBack
}

// New returns a Watch on server, with that many requests a second on a side
// under steady load. logf gets a line when the server goes away and when it is
// back.
func New(server *target.Server, rate int, logf func(format string, args ...any)) *Watch {
	w := &Watch{server: server, rate: rate, logf: logf}
	w.status = status{Name: server.Name, Up: true, Since: time.Now().UnixMilli()}
	w.claims.byID = map[int64]claim{}
	for i, driver := range Drivers {
		w.sides[i] = &side{
			driver: driver, dsn: server.DSN,
			claim: func(id int64) bool { return w.claims.claim(id, i) },
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
		all.Go(func() { s.load(ctx, time.Second/time.Duration(w.rate)) })
	}
	all.Go(func() { w.sample(ctx) })
	all.Wait()
}
