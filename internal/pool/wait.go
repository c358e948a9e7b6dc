package pool

import (
	"context"
	"errors"
	"time"
)

// checkoutResult is what a checkout gets: a connection, an error, or a place in the
// queue.
type checkoutResult[T Resource] struct {
	conn     *Conn[T]
	idle     time.Duration // for how long nobody used conn
	verified bool          // conn is from a login just now and needs no check
	err      error
	waiter   *waiter[T]
	waits    bool // waiter was not served at once, with what is offered
}

// enqueueLocked gives a checkout its place in the queue and then looks for
// what could serve the queue: in this order, because whoever releases a connection
// does it in the opposite one (see Conn.release).
func (p *Pool[T]) enqueueLocked(r *request, now instant) *waiter[T] {
	w, _ := p.spare.Get().(*waiter[T])
	if w == nil {
		w = &waiter[T]{ready: make(chan checkoutResult[T], 1)}
	}
	w.request, w.since, w.loginStarted = *r, now, false
	if p.waiters.len == 0 {
		p.queueSince = now
	}
	p.waiters.insert(w)
	p.waiting.Add(1)
	p.queueLen.Add(1)
	p.waits++
	p.armLocked(w.deadline(p.cfg.Timeout))
	p.progressLocked(now)
	return w
}

// progressLocked does what can be done for those who wait, and starts the logins
// that nobody waits for. It is called after everything that may let it do more
// than the last time.
func (p *Pool[T]) progressLocked(now instant) {
	if p.disposed {
		return
	}
	p.takeOfferedLocked(now)
	p.startLoginsLocked(now)
	p.makeRoomLocked()
}

// deadline is when the wait ends in vain.
func (w *waiter[T]) deadline(timeout time.Duration) instant { return w.start.add(timeout) }

// leaveLocked takes a waiter out of the queue.
func (p *Pool[T]) leaveLocked(w *waiter[T], now instant) {
	p.waiters.remove(w)
	p.waiting.Add(-1)
	p.queueLen.Add(-1)
	p.waited += now.sub(w.since)
	if p.waiters.len == 0 {
		p.queuedBefore += now.sub(p.queueSince)
		p.unreplacedEvictions = 0
		p.endRampLocked()
	}
}

// serveLocked ends the wait of one who is queued.
func (p *Pool[T]) serveLocked(w *waiter[T], res checkoutResult[T], now instant) {
	p.leaveLocked(w, now)
	if res.conn != nil {
		res.conn.holder = w.label
		p.servedLocked(now)
		p.armLocked(res.conn.since.add(p.tick()))
	}
	w.ready <- res
}

// timeoutLocked ends the waits that took for too long.
func (p *Pool[T]) timeoutLocked(now instant) {
	for w := p.waiters.first(); w != nil; {
		next := w.next
		if at := w.deadline(p.cfg.Timeout); now >= at {
			p.serveLocked(w, checkoutResult[T]{err: p.timeoutErrorLocked(&w.request, 1, ErrTimeout, now)}, now)
		} else {
			p.armLocked(at)
		}
		w = next
	}
}

// timeoutErrorLocked returns the error of a checkout that got no connection. queued is 1
// if the checkout is still in the queue; the error does not count it among the others
// that wait.
func (p *Pool[T]) timeoutErrorLocked(r *request, queued int, cause error, now instant) error {
	p.timeouts++
	e := &TimeoutError{
		Pool: p.cfg.Name, Waited: now.sub(r.start), Cause: cause, Server: p.failed, Full: p.full,
		Stats: p.statsLocked(), Held: p.heldLocked(),
	}
	e.Stats.Waiting -= queued
	return e
}

// timedOut is the error of a checkout whose time was used up by connections
// that were no good.
func (p *Pool[T]) timedOut(r *request, now instant) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.timeoutErrorLocked(r, 0, ErrTimeout, now)
}

// takeOfferedLocked serves the queue with offered connections, but for those who
// get a login at once because fewer than Size are open. To open more than that
// while some are available would be a waste.
func (p *Pool[T]) takeOfferedLocked(now instant) {
	if p.waiters.len == 0 {
		return
	}
	logins := min(p.size-len(p.all), p.loginLimitLocked())
	if p.limit > 0 {
		logins = min(logins, p.limit-len(p.all)-p.closing)
	}
	if now < p.resume || p.full {
		logins = 0
	}
	if p.waiters.len <= logins {
		return
	}
	// Backwards, since a drop moves the last one into the gap. A release may drop
	// others, to make room.
	for i := len(p.all) - 1; i >= 0 && p.waiters.len > max(logins, 0); i-- {
		if i >= len(p.all) {
			continue
		}
		c := p.all[i]
		o := c.load()
		switch o.state() {
		case Offered:
		case Fresh:
			if at := c.since.add(freshGrace); now < at {
				p.armLocked(at)
				continue
			}
		default:
			continue
		}
		if c.claim(o) {
			p.takeInLocked(c, now, now)
		}
	}
}

// handOver is for a connection that was just released while Pool.waiting is not 0: it
// goes to the first who waits, or is closed because of Dispose.
func (p *Pool[T]) handOver(c *Conn[T], released word) {
	now := clock()
	p.mu.Lock()
	if p.disposed {
		mine := c.claim(released)
		if mine {
			p.dropLocked(c, Disposed)
		}
		p.mu.Unlock()
		if mine {
			p.close(c, Disposed)
		}
		return
	}
	defer p.mu.Unlock()
	switch {
	case p.waiters.len == 0 && (released.state() == Fresh || p.outside.Load() == 0):
	case released.state() == Fresh && c.load() == released:
		c.since = now // or a slow Check would have used up the grace
		p.armLocked(now.add(freshGrace))
	case released.state() == Offered && c.claim(released):
		p.takeInLocked(c, now, now)
	}
}

// wait waits until w is served or its context ends. The sweep ends it after
// Config.Timeout.
func (p *Pool[T]) wait(w *waiter[T]) checkoutResult[T] {
	ctx := w.ctx
	defer func() {
		w.ctx = nil // nobody reads it of one who is not queued
		p.spare.Put(w)
	}()
	select {
	case res := <-w.ready:
		return res
	case <-ctx.Done():
	}
	cause := ctx.Err()
	now := clock()

	p.mu.Lock()
	if w.queued {
		p.leaveLocked(w, now)
		err := cause
		if errors.Is(cause, context.Canceled) {
			p.timeouts++
		} else {
			err = p.timeoutErrorLocked(&w.request, 0, cause, now)
		}
		p.emptiedLocked()
		p.mu.Unlock()
		return checkoutResult[T]{err: err}
	}
	p.mu.Unlock()

	// Served in the same instant.
	res := <-w.ready
	if res.conn != nil {
		p.putBack(res.conn, clock()) // it was not checked
	}
	return checkoutResult[T]{err: cause}
}
