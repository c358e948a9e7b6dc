package hosts

import (
	"context"
	"sync"
)

// background is what a pool does besides lending connections. It ends with the
// pool.
type background struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu    sync.Mutex // guards what follows, and what restart changes
	over  bool       // end was called
	n     int        // under way
	ended chan struct{}
}

// restart cancels what is under way. What is started later is not.
func (b *background) restart() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return
	}
	b.cancel()
	b.ctx, b.cancel = context.WithCancel(context.Background())
}

// end cancels what is under way, and lets nothing start any more.
func (b *background) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	b.cancel()
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
	ctx := b.ctx
	go func() {
		defer b.done()
		f(ctx)
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
