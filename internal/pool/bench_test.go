package pool

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// ready is a pool of that many connections, all open and idle, in real time.
func ready(tb testing.TB, size int) *Pool[*fake] {
	p := New(config{
		Login: func(_ context.Context, label string) (*fake, time.Duration, error) {
			f := &fake{t: tb}
			f.label.Store(&label)
			return f, 0, nil
		},
		LoginTimeout: time.Minute, LoginLimit: size,
		Size: size, Limit: size, IdleTimeout: time.Minute, Timeout: time.Minute, OfferFor: time.Minute,
	})
	tb.Cleanup(func() {
		if err := p.Dispose(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	cs := make([]*fakeConn, size)
	for i := range cs {
		cs[i] = mustCheckOut(tb, p)
	}
	for _, c := range cs {
		p.CheckIn(c)
	}
	return p
}

func mustCheckOut(tb testing.TB, p *Pool[*fake]) *fakeConn {
	c, err := p.CheckOut(context.Background(), "")
	if err != nil {
		tb.Error(err)
		panic(err)
	}
	return c
}

func TestUncontendedUseAllocatesNothing(t *testing.T) {
	p := ready(t, 1)
	c := mustCheckOut(t, p)
	if n := testing.AllocsPerRun(1000, func() {
		if !c.Reclaim(c.Offer()) {
			t.Fatal("the offer was taken")
		}
	}); n != 0 {
		t.Errorf("Offer and Reclaim: %v allocations, want 0", n)
	}
	p.CheckIn(c)
	if n := testing.AllocsPerRun(1000, func() { p.CheckIn(mustCheckOut(t, p)) }); n != 0 {
		t.Errorf("CheckOut and CheckIn: %v allocations, want 0", n)
	}
}

// One query through a handle that keeps its connection.
func BenchmarkOfferTakeBack(b *testing.B) {
	p := ready(b, 1)
	c := mustCheckOut(b, p)
	b.ReportAllocs()
	for b.Loop() {
		if !c.Reclaim(c.Offer()) {
			b.Fatal("the offer was taken")
		}
	}
	b.StopTimer()
	p.CheckIn(c)
}

// One query through handles that do not.
func BenchmarkCheckOutCheckIn(b *testing.B) {
	for _, size := range []int{64, 8} {
		for _, clients := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("PoolSize=%d/Clients=%d", size, clients), func(b *testing.B) {
				p := ready(b, size)
				b.ReportAllocs()
				b.ResetTimer()
				var wg sync.WaitGroup
				for i := range clients {
					n := (b.N + i) / clients
					wg.Go(func() {
						for range n {
							p.CheckIn(mustCheckOut(b, p))
						}
					})
				}
				wg.Wait()
				b.StopTimer() // Dispose
			})
		}
	}
}
