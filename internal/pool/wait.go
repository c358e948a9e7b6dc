package pool

import (
	"context"
	"errors"
	"time"
)

// handed is what a check-out gets: a connection, an error, or a place in the
// queue.
type handed[T Resource] struct {
	conn   *Conn[T]
	idle   time.Duration // for how long nobody used conn
	proven bool          // conn is from a login just now and needs no check
	err    error
	waiter *waiter[T]
}

// waiter is a check-out that waits.
type waiter[T Resource] struct {
	ctx   context.Context // for the login it asks for
	turn  uint64          // immutable
	ready chan handed[T]  // holds one, so that serving never blocks

	// guarded by Pool.mu
	next, prev *waiter[T]
	queued     bool
	asked      bool // a login was started for it
}

// queue is those who wait, in order of turn. Guarded by Pool.mu.
type queue[T Resource] struct {
	head, tail *waiter[T]
	len        int
}

func (q *queue[T]) first() *waiter[T] { return q.head }

// insert puts w behind all whose turn is before its own: at the end, unless it
// had its turn and what it got was no good.
func (q *queue[T]) insert(w *waiter[T]) {
	prev := q.tail
	for prev != nil && prev.turn > w.turn {
		prev = prev.prev
	}
	next := q.head
	if prev != nil {
		next = prev.next
		prev.next = w
	} else {
		q.head = w
	}
	if next != nil {
		next.prev = w
	} else {
		q.tail = w
	}
	w.queued, w.prev, w.next = true, prev, next
	q.len++
}

func (q *queue[T]) remove(w *waiter[T]) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.head = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.tail = w.prev
	}
	w.next, w.prev, w.queued = nil, nil, false
	q.len--
}

// unasked returns the first for whom no login was started, else the first.
func (q *queue[T]) unasked() *waiter[T] {
	for w := q.head; w != nil; w = w.next {
		if !w.asked {
			return w
		}
	}
	return q.head
}

// enqueueLocked gives a check-out its place in the queue and then looks for
// what could serve the queue: in this order, because whoever puts a connection
// away does it in the opposite one (see Conn.putAway).
func (p *Pool[T]) enqueueLocked(ctx context.Context, now time.Time, turn uint64) *waiter[T] {
	w := &waiter[T]{ctx: ctx, turn: turn, ready: make(chan handed[T], 1)}
	p.waiters.insert(w)
	p.attention.Add(1)
	p.waits++
	p.takeOfferedLocked(now)
	p.startLoginsLocked()
	return w
}

// leaveLocked takes a waiter out of the queue.
func (p *Pool[T]) leaveLocked(w *waiter[T]) {
	p.waiters.remove(w)
	p.attention.Add(-1)
}

// serveLocked ends the wait of one who is queued.
func (p *Pool[T]) serveLocked(w *waiter[T], h handed[T]) {
	p.leaveLocked(w)
	if h.conn != nil {
		p.armLocked(h.conn.since.Add(p.tick()))
	}
	w.ready <- h
}

// takeOfferedLocked serves the queue with offered connections, if no more can
// be opened for it.
func (p *Pool[T]) takeOfferedLocked(now time.Time) {
	if p.roomLocked() {
		return
	}
	for _, c := range p.all {
		w := p.waiters.first()
		if w == nil {
			return
		}
		o := c.load()
		switch o.state() {
		case Offered:
		case Fresh:
			if at := c.since.Add(freshGrace); now.Before(at) {
				p.armLocked(at)
				continue
			}
		default:
			continue
		}
		if c.swap(o, o.with(InUse)) {
			c.since = now
			p.serveLocked(w, handed[T]{conn: c})
		}
	}
}

// attend is what putting a connection away does when the pool wants attention:
// hand over to the first who waits, or close because of Dispose.
func (p *Pool[T]) attend(c *Conn[T], put word) {
	now := time.Now()
	p.mu.Lock()
	if p.disposed {
		mine := c.swap(put, put.with(InUse))
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
	w := p.waiters.first()
	switch {
	case w == nil:
	case put.state() == Fresh && c.load() == put:
		c.since = now // or a slow Check would have used up the grace
		p.armLocked(now.Add(freshGrace))
	case put.state() == Offered && c.swap(put, put.with(InUse)):
		c.since = now
		p.serveLocked(w, handed[T]{conn: c})
	}
}

// wait waits until w is served, ctx ends, or Config.Timeout after start.
func (p *Pool[T]) wait(ctx context.Context, w *waiter[T], start time.Time) handed[T] {
	queued := time.Now()
	timer := time.NewTimer(p.cfg.Timeout - queued.Sub(start))
	defer timer.Stop()

	var h handed[T]
	var cause error
	select {
	case h = <-w.ready:
	case <-ctx.Done():
		cause = ctx.Err()
	case <-timer.C:
		cause = ErrTimeout
	}
	now := time.Now()

	p.mu.Lock()
	p.waited += now.Sub(queued)
	if cause == nil {
		p.mu.Unlock()
		return h
	}
	if w.queued {
		p.leaveLocked(w)
		p.timeouts++
		stats := p.statsLocked()
		p.mu.Unlock()
		if errors.Is(cause, context.Canceled) {
			return handed[T]{err: cause}
		}
		return handed[T]{err: &TimeoutError{Waited: now.Sub(start), Cause: cause, Stats: stats}}
	}
	p.mu.Unlock()

	// Served in the same instant. A timeout does not mind; a context does.
	h = <-w.ready
	if cause != ErrTimeout && h.conn != nil {
		p.CheckIn(h.conn)
		return handed[T]{err: cause}
	}
	return h
}
