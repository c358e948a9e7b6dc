package pool

import "errors"

// ErrForgotten is what a checkout returns between Forget and Remember.
var ErrForgotten = errors.New("mysqlpool: the pool was forgotten: no connection can be had until it is remembered")

// Forget reports whether the pool has no connection, none that is being closed,
// nobody who waits and no login under way. If so it stays like that until
// Remember: every checkout fails with ErrForgotten, unless the pool was disposed
// of. So its owner can drop it, and is asked if somebody comes after all.
func (p *Pool[T]) Forget() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.emptyLocked() {
		p.forgotten = true
		p.pendingReplacements = 0 // or a login that is for nobody would start
	}
	return p.forgotten
}

// Empty reports whether Forget would report true now.
func (p *Pool[T]) Empty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.emptyLocked()
}

// Remember undoes Forget.
func (p *Pool[T]) Remember() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgotten = false
}
