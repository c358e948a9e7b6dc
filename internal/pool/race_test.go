package pool

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// rendezvous is where two goroutines meet, to go on at about the same time,
// now the one and now the other a little earlier.
type rendezvous struct{ arrived atomic.Int32 }

func (r *rendezvous) meet() {
	both := (r.arrived.Add(1) + 1) / 2 * 2
	for i := 1; r.arrived.Load() < both; i++ {
		if i%1000 == 0 { // not each time: it would come too late
			runtime.Gosched()
		}
	}
	for range rand.IntN(300) { // as long as what is to collide
		r.arrived.Load()
	}
}

func rounds(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// Putting away and queueing race for real, and only time could help out: in a
// bubble it moves when everybody is stuck.
func TestNoWakeUpIsLost(t *testing.T) {
	rounds := rounds(10000)
	for name, release := range map[string]func(*fakeConn){
		"Offer":   func(c *fakeConn) { c.Offer() },
		"CheckIn": func(c *fakeConn) { c.CheckIn() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, limit(1), func(t *bed) {
				c := t.out()
				var r rendezvous
				served := make(chan error)
				go func() {
					for range rounds {
						r.meet()
						_, err := t.p.CheckOut(context.Background(), "")
						served <- err
					}
				}()
				for range rounds {
					r.meet()
					release(c)
					if err := <-served; err != nil {
						t.Error(err)
					}
				}
				if stuck := time.Since(t.epoch); stuck != 0 {
					t.Errorf("everybody was stuck, for %v in all", stuck) // until the sweep came
				}
			})
		})
	}
}

// The owner takes it back while the pool takes it: one of them has it then, and
// only one.
func TestOwnerAndPoolNeverBothGetIt(t *testing.T) {
	rounds := rounds(3000)
	for _, row := range []struct {
		name  string
		rival func(*Pool[*fake], *asked)
		won   func(*fakeConn, *asked) bool
	}{
		{
			"a waiter",
			func(p *Pool[*fake], a *asked) { a.conn, a.err = p.CheckOut(context.Background(), "") },
			func(_ *fakeConn, a *asked) bool { return a.isDone() },
		},
		{
			"the sweep",
			func(p *Pool[*fake], _ *asked) { p.sweep() },
			func(c *fakeConn, _ *asked) bool { return c.State() == Idle },
		},
		{
			"Dispose",
			func(p *Pool[*fake], a *asked) { a.err = p.Dispose(context.Background()) },
			func(c *fakeConn, _ *asked) bool { return c.Value.fate() == "disposed" },
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, limit(1), func(t *bed) {
				var r rendezvous
				owners := 0
				for range rounds {
					p := New(t.p.cfg)
					c, err := p.CheckOut(context.Background(), "")
					if err != nil {
						t.Fatal(err)
					}
					ticket := c.Offer()
					p.sweep() // sees the offer, which then becomes old enough
					p.mu.Lock()
					c.seenAt = c.seenAt.add(-p.cfg.OfferFor)
					p.mu.Unlock()

					a := new(asked)
					go func() {
						r.meet()
						row.rival(p, a)
						a.done.Store(true)
					}()
					r.meet()
					mine := c.Reclaim(ticket)
					synctest.Wait()
					if theirs := row.won(c, a); mine == theirs {
						t.Fatalf("owner %v, pool %v", mine, theirs)
					}
					if mine {
						owners++
						c.CheckIn()
						synctest.Wait()
					}
					if a.conn != nil {
						a.conn.CheckIn()
					}
					p.Dispose(context.Background())
				}
				t.opened = nil // by pools of their own
				t.Logf("of %d rounds the owner won %d", rounds, owners)
			})
		})
	}
}
