package poolbench

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// What a busy handle does between two statements: put its connection away and
// take it back. The others have nothing like it.
func BenchmarkReclaim(b *testing.B) {
	o := newOurs(b, 1, 1, 0).(ours)
	defer o.close()
	c, err := o.CheckOut(context.Background(), "")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !c.Reclaim(c.Offer()) {
			b.Fatal("lost the connection")
		}
	}
	c.CheckIn()
}

// Check out and check in, with as many connections as clients, and with few.
func BenchmarkCheckOut(b *testing.B) {
	for _, clients := range []int{1, 8, 64} {
		for _, size := range []int{64, 8} {
			for _, kind := range lenders {
				b.Run(fmt.Sprintf("clients=%d/size=%d/pool=%s", clients, size, kind.name), func(b *testing.B) {
					p := kind.make(b, size, size, 0)
					defer p.close()
					b.ReportAllocs()
					b.ResetTimer()
					share(b, clients, func() {
						if err := p.lend(context.Background(), func() {}); err != nil {
							b.Error(err)
						}
					})
				})
			}
		}
	}
}

// share has clients goroutines do b.N things among them.
func share(b *testing.B, clients int, do func()) {
	var wg sync.WaitGroup
	for i := range clients {
		n := b.N / clients
		if i < b.N%clients {
			n++
		}
		wg.Go(func() {
			for range n {
				do()
			}
		})
	}
	wg.Wait()
}

// The spike of HikariCP's "Welcome to the jungle": 50 requests at once, to a
// pool that keeps 5 connections and may open 50, where a login takes 150 ms and
// a query 2 ms.
func TestSpike(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second of real time")
	}
	const size, limit, requests = 5, 50, 50
	const login, query = 150 * time.Millisecond, 2 * time.Millisecond
	opened := map[string]int64{}
	for _, kind := range lenders {
		p := kind.make(t, size, limit, login)
		spike := func(n int) time.Duration {
			start := time.Now()
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					if err := p.lend(t.Context(), func() { time.Sleep(query) }); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			return time.Since(start)
		}
		var all sync.WaitGroup // five are open and idle before it
		for range size {
			all.Go(func() { p.lend(t.Context(), func() { time.Sleep(2 * login) }) })
		}
		all.Wait()
		took := spike(requests)
		opened[kind.name] = p.opened()
		t.Logf("%-13s %2d connections opened, all %d served after %v", kind.name, p.opened(), requests, took.Round(time.Millisecond))
		p.close()
	}
	if opened["mysqlpool"] > 6 {
		t.Errorf("opened %d connections, want 5 or 6", opened["mysqlpool"])
	}
}

var _ pool.Resource = (*resource)(nil)
