package watch

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// atATime is how many requests a side may have under way under load.
var atATime = []int{1, 8, 32}

// Load is what the page's switch says. It is the same for both sides.
type Load struct {
	On        bool `json:"on"`
	AtATime   int  `json:"atATime"`   // requests under way on each side
	Arguments bool `json:"arguments"` // the query has an argument
}

// load is the switch.
type load struct {
	mu      sync.Mutex // guards what follows
	now     Load
	changed chan struct{} // closed when now changes
}

func (l *load) set(to Load) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed != nil {
		close(l.changed)
	}
	l.now, l.changed = to, make(chan struct{})
}

func (l *load) get() (now Load, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now, l.changed
}

// Under load every tenth request leaves session state on its connection, a kind
// each in turn. None needs a privilege, or is in anybody's way.
const statefulEvery = 10

var leaves = []string{
	"SET time_zone = '+00:00'",
	"START TRANSACTION",
	"SELECT GET_LOCK(CONCAT('mysqlpool watch ', CONNECTION_ID()), 0)",
	"SET @mysqlpool_watch = 1",
}

// underLoad keeps as many requests under way as the switch says, until ctx ends.
func (s *side) underLoad(ctx context.Context, l *load) {
	ended := make(chan struct{})
	underWay := 0
	defer func() {
		for ; underWay > 0; underWay-- {
			<-ended
		}
	}()
	for n := 1; ; {
		now, changed := l.get()
		for ; now.On && underWay < now.AtATime; underWay++ {
			ask := asking{arguments: now.Arguments}
			if n%statefulEvery == 0 {
				ask.leave = leaves[n/statefulEvery%len(leaves)]
			}
			n++
			go func() {
				if r, err := s.request(ctx, ask); err != nil || r.Error != "" {
					pause(ctx, work) // an unreachable server is not asked all the time
				}
				ended <- struct{}{}
			}()
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-ended:
			underWay--
		}
	}
}

// pause lasts between half and one and a half times that long, so that requests
// do not march in step, and ends with ctx.
func pause(ctx context.Context, mean time.Duration) {
	over := time.NewTimer(mean/2 + rand.N(mean))
	defer over.Stop()
	select {
	case <-over.C:
	case <-ctx.Done():
	}
}
