package mysqlpool

import (
	"context"
	"sync"
)

// background is what a pool does besides lending connections. It ends with the
// pool.
type background struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu    sync.Mutex // guards what follows
	n     int        // under way
	ended chan struct{}
}

func newBackground() *background {
	b := &background{}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// run calls f on a goroutine of its own, unless the pool ended: then it reports
// false.
func (b *background) run(f func(ctx context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return false
	}
	b.n++
	go func() {
		defer b.done()
		f(b.ctx)
	}()
	return true
}

func (b *background) done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n--; b.n == 0 && b.ended != nil {
		close(b.ended)
		b.ended = nil
	}
}

// wait waits until everything has ended, after cancel, or ctx ends.
func (b *background) wait(ctx context.Context) {
	b.mu.Lock()
	if b.n > 0 && b.ended == nil {
		b.ended = make(chan struct{})
	}
	ended := b.ended
	b.mu.Unlock()
	if ended == nil {
		return
	}
	select {
	case <-ended:
	case <-ctx.Done():
	}
}
