package pool

import (
	"context"
	"errors"
	"fmt"
)

// ErrDisposed is what a checkout returns once Dispose was called.
var ErrDisposed = errors.New("mysqlpool: the pool is being disposed of: no connection can be had until Dispose returns")

// Dispose closes every connection that is not in use, pinned ones too, ends
// the logins under way and every wait with ErrDisposed, and waits until those
// in use were checked in and closed, or ctx ends. The pool cannot be used
// afterwards.
func (p *Pool[T]) Dispose(ctx context.Context) error {
	p.mu.Lock()
	var victims []victim[T]
	if !p.disposed {
		p.disposed = true
		p.waiting.Add(1)
		p.drained = make(chan struct{})
		for w := p.waiters.first(); w != nil; w = p.waiters.first() {
			p.serveLocked(w, checkoutResult[T]{err: ErrDisposed}, clock())
		}
		victims = p.dropNotInUseLocked()
		p.emptiedLocked()
	}
	drained := p.drained
	p.mu.Unlock()

	p.endUntilDispose()
	p.closeAll(victims)
	select {
	case <-drained:
		return nil
	default:
	}
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		s := p.Stats()
		return fmt.Errorf("mysqlpool: dispose: %d connections still in use and %d logins under way (each is closed when it ends): %w",
			s.InUse, s.LoggingIn, ctx.Err())
	}
}

func (p *Pool[T]) dropNotInUseLocked() (victims []victim[T]) {
	for i := len(p.all) - 1; i >= 0; i-- {
		c := p.all[i]
		if w := c.load(); w.state() != InUse && c.claim(w) {
			p.dropLocked(c, Disposed)
			victims = append(victims, victim[T]{c, Disposed})
		}
	}
	p.idle = nil
	return victims
}
