package chaos

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/internal/faults"
)

const (
	// silenceBound ends what would otherwise last until the kernel gives up,
	// which is a quarter of an hour (tcp_retries2 in Linux's tcp(7)).
	silenceBound = 8 * time.Second

	// silenceGoal is the longest that a request may take for us.
	silenceGoal = 4 * time.Second
)

// Something on the way forgets connections that are idle, and tells nobody. No
// request waits for long on one, and none fails.
func TestSilentDrop(t *testing.T) {
	noLeaks(t)
	for _, tt := range []struct{ driver, pingAfter string }{{stock, ""}, {pooled, "0s"}, {pooled, "1s"}} {
		t.Run(fmt.Sprintf("%s %s", tt.driver, tt.pingAfter), func(t *testing.T) {
			t.Parallel() // they wait for the most part
			s := startServer(t, "--max-connections=200")
			ctx, cancel := context.WithCancel(context.Background())
			proxy, err := faults.NewProxy(ctx, s.dsn)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cancel(); proxy.Wait() })
			params := ""
			if tt.pingAfter != "" {
				params = "@pool_ping_after=%27" + tt.pingAfter + "%27"
			}
			db := open(t, tt.driver, withParams(proxy.DSN, idleParams(params)))
			warm(t, db, idleBefore)
			if tt.pingAfter == "1s" {
				// So long must they be idle, and before that it takes up to two
				// seconds until the pool has what a handle put away.
				time.Sleep(3500 * time.Millisecond)
			}
			proxy.Forget()
			var q requests
			bound, done := context.WithTimeout(t.Context(), silenceBound)
			defer done()
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for range idleBefore {
						if q.make(bound, db) != nil {
							return
						}
					}
				})
			}
			all.Wait()
			failed, longest := q.failed(time.Time{}), q.longest()
			if bound.Err() != nil {
				t.Logf("%d requests, of which %d had no answer when the test was ended; the longest took >%v", len(q.all), len(failed), silenceBound)
			} else {
				t.Logf("%d requests, of which %d failed: %v; the longest took %v", len(q.all), len(failed), errorTexts(failed), longest.Round(time.Millisecond))
			}
			if tt.driver == pooled && (len(failed) > 0 || longest > silenceGoal) {
				t.Errorf("the longest request took %v and %d failed, want %v at most and none", longest, len(failed), silenceGoal)
			}
		})
	}
}
