package pool

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
