package chaos

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/internal/faults"
)

const idleBefore = 40 // connections, before they all break

func idleParams(params string) string {
	return fmt.Sprintf("timeout=1s&@pool_size=%d&@pool_timeout=5&%s", idleBefore, params)
}

// After a kill -9 and a restart, no request fails that began when the server
// was there again, however many dead connections are idle.
func TestRestart(t *testing.T) {
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			noLeaks(t)
			s := startServer(t, "--max-connections=200")
			db := open(t, driver, withParams(s.dsn, idleParams("")))
			for range 3 {
				warm(t, db, idleBefore)
				var q requests
				background, stop := context.WithCancel(t.Context())
				var all sync.WaitGroup
				for range 8 {
					all.Go(func() {
						for background.Err() == nil {
							if q.make(t.Context(), db) != nil {
								time.Sleep(time.Millisecond)
							}
						}
					})
				}
				if err := s.Crash(); err != nil {
					t.Fatal(err)
				}
				greeted := make(chan time.Time, 1)
				go func() {
					at, err := awaitGreeting(background, s.addr)
					if err != nil {
						t.Error(err)
					}
					greeted <- at
				}()
				if err := s.Restart(t.Context()); err != nil {
					t.Fatal(err)
				}
				up := <-greeted
				var first time.Time
				eventually(t, func() (err error) {
					first, err = q.firstSuccess(up)
					return err
				})
				// What is idle is used too.
				all.Go(func() {
					var burst sync.WaitGroup
					for range idleBefore {
						burst.Go(func() { q.make(t.Context(), db) })
					}
					burst.Wait()
					stop()
				})
				all.Wait()
				failed := q.failed(up)
				t.Logf("%d requests; first success %v after the greeting; %d failed that began after it: %v; %d before",
					len(q.all), first.Sub(up).Round(100*time.Microsecond), len(failed), errorTexts(failed), len(q.failed(time.Time{}))-len(failed))
				if driver == pooled && len(failed) > 0 {
					t.Errorf("%d requests failed that began after the server's greeting, want none", len(failed))
				}
			}
		})
	}
}

// A server that was switched off and on, or another one that has its address
// now, says no goodbye: connections look well until they are used. One request
// may meet that, and not one for each idle connection.
func TestHostRestart(t *testing.T) {
	for _, driver := range drivers {
		for _, pingAfter := range []string{"30s", "0s"} {
			if driver == stock && pingAfter == "0s" {
				continue // it has no such thing
			}
			t.Run(driver+" pool_ping_after="+pingAfter, func(t *testing.T) {
				noLeaks(t)
				s := startServer(t, "--max-connections=200")
				ctx, cancel := context.WithCancel(context.Background())
				proxy, err := faults.NewProxy(ctx, s.dsn)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { cancel(); proxy.Wait() })
				db := open(t, driver, withParams(proxy.DSN, idleParams("@pool_ping_after=%27"+pingAfter+"%27")))
				warm(t, db, idleBefore)
				if n := proxy.Reject(); n < idleBefore {
					t.Fatalf("%d connections, want %d", n, idleBefore)
				}
				var q requests
				for range 2 * idleBefore {
					q.make(t.Context(), db)
				}
				failed := q.failed(time.Time{})
				t.Logf("%d of %d requests failed: %v; the longest took %v", len(failed), len(q.all), errorTexts(failed), q.longest().Round(time.Millisecond))
				may := 1
				if pingAfter == "0s" {
					may = 0
				}
				if driver == pooled && len(failed) > may {
					t.Errorf("%d requests failed, want %d at most", len(failed), may)
				}
			})
		}
	}
}
