package chaos

import (
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/internal/faults"
)

// A proxy closes connections that are idle, as its operator told it to. No
// request fails because of that, and none waits.
func TestHAProxy(t *testing.T) {
	const closesAfter = 500 * time.Millisecond
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			noLeaks(t)
			s := startServer(t, "--max-connections=200")
			proxy, err := faults.NewHAProxy(t.Context(), s.dsn, closesAfter)
			if errors.Is(err, faults.ErrNoHAProxy) && os.Getenv(envHAProxy) == "" {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(proxy.Stop)
			db := open(t, driver, withParams(proxy.DSN, idleParams("")))
			var q requests
			none := func() int { return 0 }
			for _, close := range []func() error{
				func() error { return nil }, // it does so by itself
				proxy.ShutSessions,
			} {
				warm(t, db, idleBefore)
				if err := close(); err != nil {
					t.Fatal(err)
				}
				s.wantConnections(t, none)
				// As many at once as are idle, some of them on handles of their own.
				var all sync.WaitGroup
				for n := range 2 * idleBefore {
					db := db
					if n%2 == 0 {
						db = open(t, driver, withParams(proxy.DSN, idleParams("")))
					}
					all.Go(func() { q.make(t.Context(), db) })
				}
				all.Wait()
			}
			failed := q.failed(time.Time{})
			t.Logf("%d of %d requests failed: %v; the longest took %v", len(failed), len(q.all), errorTexts(failed), q.longest().Round(time.Millisecond))
			if driver == pooled && (len(failed) > 0 || q.longest() > silenceGoal) {
				t.Errorf("%d requests failed, and the longest took %v, want none and %v at most", len(failed), q.longest(), silenceGoal)
			}
		})
	}
}
