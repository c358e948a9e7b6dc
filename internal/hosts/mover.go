package hosts

import (
	"context"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/failover"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// mover has connections go to the hosts that are wanted.
type mover struct{ *Dialer }

// closeUnwantedLoop closes the connections to hosts in whose place another one is wanted:
// idle ones are closed now, those in use after use. Others are opened when
// somebody needs them.
func (l mover) closeUnwantedLoop() {
	b := l.hosts
	if !l.closeUnwanted() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closingUnwanted || b.paused || b.over {
		return
	}
	b.closingUnwanted = true
	l.watch.run(func(ctx context.Context) {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(moveInterval): // a login may have been under way
			}
			if !l.closeUnwanted() && b.unwantedClosed(ctx) {
				return
			}
		}
	})
}

// unwantedClosed reports whether closeUnwantedLoop may end: nothing is left to close.
func (b *hostSet) unwantedClosed(ctx context.Context) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ctx.Err() != nil {
		return true // closingUnwanted is of another one by now
	}
	b.closingUnwanted = b.unwantedLocked() != nil
	return !b.closingUnwanted
}

// closeUnwanted closes what closeUnwantedLoop says. It reports false if there is nothing.
func (l mover) closeUnwanted() bool {
	l.hosts.mu.Lock()
	unwanted := l.hosts.unwantedLocked()
	l.hosts.mu.Unlock()
	if unwanted == nil {
		return false
	}
	l.invalidate(pool.Recycled, func(p *physical.Conn, _ time.Duration) bool { return unwanted[p.Host] })
	return true
}

// moveInterval is how long mover.spread and mover.closeUnwantedLoop wait between two steps.
const moveInterval = time.Second

// spread closes connections beyond each host's even share, a quarter of them at
// a time, so that a host which is up again gets its connections step by step.
func (l mover) spread(ctx context.Context) {
	b := l.hosts
	b.mu.Lock()
	if b.moving || ctx.Err() != nil {
		b.mu.Unlock()
		return
	}
	b.moving = true
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		if ctx.Err() == nil {
			b.moving = false
		}
		b.mu.Unlock()
	}()
	for {
		many := b.surplus()
		if many == nil {
			return
		}
		l.invalidate(pool.Recycled, func(p *physical.Conn, _ time.Duration) bool {
			many[p.Host]--
			return many[p.Host] >= 0
		})
		select {
		case <-ctx.Done():
			return
		case <-time.After(moveInterval):
		}
	}
}

// surplus is how many connections each host is to lose now, so that each host
// that is wanted has an even share in the end; nil for none.
func (b *hostSet) surplus() map[*physical.Host]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	total, wanted := int64(0), int64(0)
	for i, h := range b.hosts {
		if b.tracker.Rating(i) == failover.Wanted {
			total += h.Open.Load()
			wanted++
		}
	}
	var many map[*physical.Host]int
	for i, h := range b.hosts {
		if b.tracker.Rating(i) != failover.Wanted {
			continue
		}
		if over := h.Open.Load() - (total+wanted-1)/wanted; over > 0 {
			if many == nil {
				many = map[*physical.Host]int{}
			}
			many[h.Host] = int(over+3) / 4
		}
	}
	return many
}
