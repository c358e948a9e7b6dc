package pool

import (
	"context"
	"time"
)

// roomLocked reports whether the limit lets one more be opened.
func (p *Pool[T]) roomLocked() bool {
	return p.limit == 0 || len(p.all)+p.logins < p.limit
}

// startLoginsLocked starts as many logins as can serve the queue: one for each
// who waits, less those under way, within both limits.
func (p *Pool[T]) startLoginsLocked() {
	for p.logins < min(p.waiters.len, p.cfg.LoginLimit) && p.roomLocked() && !p.disposed {
		w := p.waiters.unasked()
		w.asked = true
		p.logins++
		go p.login(w)
	}
}

// login opens one connection, because asker waits for one, and serves with it
// whoever is first in the queue by then. If it fails asker has the error, if
// it still waits; others have logins of their own.
func (p *Pool[T]) login(asker *waiter[T]) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(asker.ctx), p.cfg.LoginTimeout)
	stop := context.AfterFunc(p.life, cancel)
	value, life, err := p.cfg.Login(ctx)
	stop()
	cancel()
	now := time.Now()

	p.mu.Lock()
	p.logins--
	if err != nil {
		p.loginErrors++
		if asker.queued {
			p.serveLocked(asker, handed[T]{err: err})
		}
		p.startLoginsLocked()
		p.takeOfferedLocked(now)
		p.emptiedLocked()
		p.mu.Unlock()
		return
	}

	c := &Conn[T]{Value: value, pool: p, born: now, since: now, pos: len(p.all)}
	c.word.Store(uint64(word(0).next(InUse))) // not 0, or the zero Ticket would fit
	if life > 0 {
		c.expires = now.Add(life)
	}
	p.all = append(p.all, c)
	p.opened++
	switch w := p.waiters.first(); {
	case p.disposed:
		p.dropLocked(c, Disposed)
		p.mu.Unlock()
		p.close(c, Disposed)
		return
	case w != nil:
		p.serveLocked(w, handed[T]{conn: c, proven: true})
	default:
		p.releaseLocked(c, now, now)
		p.armNextLocked(now) // those that are idle may be beyond Size now
	}
	p.startLoginsLocked()
	p.mu.Unlock()
}
