package watch

import (
	"context"
	"sync"
	"time"
)

// Under steady load every tenth request leaves session state on its connection,
// a kind each in turn. None needs a privilege, or is in anybody's way.
const statefulEvery = 10

var leaves = []string{
	"SET time_zone = '+00:00'",
	"START TRANSACTION",
	"SELECT GET_LOCK(CONCAT('mysqlpool watch ', CONNECTION_ID()), 0)",
	"SET @mysqlpool_watch = 1",
}

// load makes requests while the switch of the side is on, until ctx ends. None
// is put off because others are slow; with too many under way it is left out.
func (s *side) load(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var requests sync.WaitGroup
	defer requests.Wait()
	for n := 1; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !s.loading.Load() {
			continue
		}
		leave := ""
		if n%statefulEvery == 0 {
			leave = leaves[n/statefulEvery%len(leaves)]
		}
		n++
		requests.Go(func() { s.request(ctx, leave) })
	}
}
