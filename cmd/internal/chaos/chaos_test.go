package chaos

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/internal/faults"
)

// poolParams is for both drivers: "mysql" takes them for user variables. A pool
// waits for as long as a transfer does, and no longer.
const poolParams = "timeout=1s&@pool_size=20&@pool_timeout=1.5"

// Whatever happens to the server and the network, no acknowledged transfer is
// lost, none is made twice, and none that was refused is made. No connection and
// no goroutine is lost either.
func TestBank(t *testing.T) {
	long, seed := lasts(t, envChaos, "10s"), seed(t)
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			noLeaks(t)
			t.Logf("seed %d, to be had again with %s", seed, envSeed)
			s := startServer(t, "--max-connections=60", "--innodb-lock-wait-timeout=2")
			createBank(t, s.Monitor())
			background, cancel := context.WithCancel(context.Background())
			defer cancel()
			proxy, err := faults.NewProxy(background, s.dsn)
			if err != nil {
				t.Fatal(err)
			}
			f := newFigures()
			b := openBank(t, driver, withParams(proxy.DSN, poolParams), f)
			i := &injector{seed: seed, server: s, proxy: proxy, figures: f}

			harm, calmed := context.WithTimeout(background, long)
			defer calmed()
			business, closed := context.WithCancel(background)
			defer closed()
			var all, watch sync.WaitGroup
			all.Go(func() { b.work(business, seed) })
			watch.Go(func() { watchSums(business, f) })
			if os.Getenv(envChaos) != "" {
				watch.Go(func() { f.progress(business, driver) })
			}
			i.run(harm, t)
			awaitBusiness(t, f)
			closed()
			all.Wait()
			watch.Wait()

			b.checkBooks(t, s.Monitor())
			for name := range kinds {
				if f.byFault[name] == nil {
					t.Logf("no %s in so short a time", name)
				}
			}
			if driver == pooled {
				s.wantSettled(t)
				p := poolsNow()
				t.Logf("pool: %d opened, %d logins failed, %d open; closed: %d broken, %d recycled, %d dirty, %d overflow, %d idle; %d waits, %d timeouts",
					p.Opened, p.LoginErrors, p.Open, p.Broken, p.Recycled, p.Dirty, p.Overflow, p.IdleClosed, p.Waits, p.Timeouts)
			}
			b.shared.Close()
			dispose(t)
			s.wantConnections(t, func() int { return 0 })
			f.report(t, driver)
		})
	}
}

// watchSums looks at the pools now and then until ctx ends.
func watchSums(ctx context.Context, f *figures) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := checkSums(); err != nil {
			f.wrong("%v", err)
			return
		}
	}
}

// awaitBusiness waits, once there are no faults any more, until transfers
// succeed again as before.
func awaitBusiness(t *testing.T, f *figures) {
	t.Helper()
	if err := f.awaits(10 * tellers); err != nil {
		t.Error(err)
	}
}

// wantSettled waits until nothing is in use, the sums hold, and the server has
// the connections that the pools have.
func (s *server) wantSettled(t *testing.T) {
	t.Helper()
	eventually(t, func() error {
		if p := poolsNow(); p.InUse+p.LoggingIn+p.Waiting > 0 {
			return fmt.Errorf("%d in use, %d logging in, %d waiting", p.InUse, p.LoggingIn, p.Waiting)
		}
		return checkSums()
	})
	s.wantConnections(t, func() int { return poolsNow().Open })
}
