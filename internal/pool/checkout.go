package pool

import (
	"context"
	"slices"
)

// CheckOut returns a connection that the caller owns and that has the label:
// one that is idle, with the label if there is such a one; else, once Size are
// open, one that is offered; else whichever comes first of a checkin, an offer
// and a login. Those who wait are served in the order in which they came.
//
// It returns ErrDisposed, ErrForgotten, ctx's error, the error of the login that this call
// asked for, the error with which the label was refused, or an error that is
// ErrTimeout and says the numbers.
func (p *Pool[T]) CheckOut(ctx context.Context, label string) (*Conn[T], error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := request{ctx: ctx, label: label, start: clock()}
	now := r.start
	for {
		res := p.obtain(&r, now)
		if res.waiter != nil {
			queued, waits := now, res.waits
			res = p.wait(res.waiter)
			now = clock()
			if waits && p.cfg.Waited != nil {
				p.cfg.Waited(ctx, now.sub(queued), res.err)
			}
		}
		if res.err != nil {
			return nil, res.err
		}
		ok, err := p.prepare(ctx, res, label, now)
		switch {
		case err != nil:
			return nil, err
		case ok:
			p.WaitTimes.Observe(clock().sub(r.start))
			return res.conn, nil
		}
		if now = clock(); now >= r.start.add(p.cfg.Timeout) {
			return nil, p.timedOut(&r, now)
		}
	}
}

// prepare makes a connection fit to be handed out, or discards it. It returns an
// error if that is the checkout's answer; otherwise another one may do.
func (p *Pool[T]) prepare(ctx context.Context, res checkoutResult[T], label string, now instant) (ok bool, err error) {
	c := res.conn
	if !res.verified {
		if c.pastAge(now) {
			p.Discard(c, c.expiredBy())
			return false, nil
		}
		if c.Value.Check(ctx, res.idle) != nil {
			p.Discard(c, Broken)
			return false, ctx.Err()
		}
	}
	if c.Value.Fits(label) == Exact {
		return true, nil
	}
	kept, err := c.Value.Switch(ctx, label)
	switch {
	case err == nil:
		return true, nil
	case kept:
		p.CheckIn(c)
		return false, err
	}
	p.Discard(c, Broken)
	return false, ctx.Err()
}

// obtain returns an idle connection, or the place in the queue of who must wait.
func (p *Pool[T]) obtain(r *request, now instant) checkoutResult[T] {
	p.mu.Lock()
	if p.disposed {
		p.mu.Unlock()
		return checkoutResult[T]{err: ErrDisposed}
	}
	if p.forgotten {
		p.mu.Unlock()
		return checkoutResult[T]{err: ErrForgotten}
	}
	if r.arrival == 0 {
		p.arrivals++
		r.arrival = p.arrivals
	}
	// Whoever waits has no use for what is idle, so this overtakes nobody.
	if res, ok := p.popIdleLocked(now, r.label); ok {
		if p.warm > 0 {
			p.progressLocked(now)
		}
		p.mu.Unlock()
		return res
	}
	w := p.enqueueLocked(r, now)
	res := checkoutResult[T]{waiter: w, waits: w.queued}
	p.mu.Unlock()
	return res
}

// popIdleLocked takes the connection that was idle for the shortest time among
// those that fit best, so that those which are not needed grow old.
func (p *Pool[T]) popIdleLocked(now instant, label string) (checkoutResult[T], bool) {
	best, at := Misfit, 0
	for i := len(p.idle) - 1; i >= 0 && best != Exact; i-- {
		if fit := p.idle[i].Value.Fits(label); fit > best {
			best, at = fit, i
		}
	}
	if best == Misfit {
		return checkoutResult[T]{}, false
	}
	c := p.removeIdleLocked(at)
	res := checkoutResult[T]{conn: c, idle: now.sub(max(c.since, c.pingedAt))}
	c.move(c.load().with(InUse))
	c.since, c.holder = now, label
	p.armLocked(now.add(p.tick()))
	return res, true
}

func (p *Pool[T]) removeIdleLocked(i int) *Conn[T] {
	c := p.idle[i]
	p.idle = slices.Delete(p.idle, i, i+1)
	return c
}

// dropIdleLocked drops the i-th of those that are idle.
func (p *Pool[T]) dropIdleLocked(i int, why Reason) victim[T] {
	c := p.removeIdleLocked(i)
	p.dropLocked(c, why)
	return victim[T]{c, why}
}
