// The list only. Queued: enqueueLocked; served: serveLocked (wait.go); who gets a
// connection: takerLocked (checkin.go).

package pool

import "context"

// request is what a checkout asks for.
type request struct {
	ctx     context.Context // for the login that it may ask for, and the wait
	label   string
	start   instant
	arrival uint64 // its number among the checkouts; kept if what it gets is no good
}

// waiter is a checkout that waits. It is used again for another, so whoever
// keeps one must look whether it still has the same arrival.
type waiter[T Resource] struct {
	ready chan checkoutResult[T] // holds one, so that serving never blocks

	// guarded by Pool.mu
	request
	since        instant // when it queued
	next, prev   *waiter[T]
	queued       bool
	loginStarted bool // for it, and not used by another
}

// waitQueue is the checkouts that wait, in order of arrival. Guarded by Pool.mu.
type waitQueue[T Resource] struct {
	head, tail *waiter[T]
	len        int
}

func (q *waitQueue[T]) first() *waiter[T] { return q.head }

// insert puts w behind all that arrived before it: at the end, unless it was served
// before and what it got was no good.
func (q *waitQueue[T]) insert(w *waiter[T]) {
	prev := q.tail
	for prev != nil && prev.arrival > w.arrival {
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

func (q *waitQueue[T]) remove(w *waiter[T]) {
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

// firstWithoutLogin returns the first for whom no login was started, else the first.
func (q *waitQueue[T]) firstWithoutLogin() *waiter[T] {
	for w := q.head; w != nil; w = w.next {
		if !w.loginStarted {
			return w
		}
	}
	return q.head
}
