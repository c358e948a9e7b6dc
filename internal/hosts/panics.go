package hosts

import (
	"fmt"
	"sync"
	"time"
)

// Back-off of a host after a login that panicked: each leaves its
// socket open, which the stock driver alone could close.
const (
	MinPanicBackoff = 100 * time.Millisecond // at first; doubles each time
	MaxPanicBackoff = 10 * time.Second
)

// panics is the logins to a host that panicked, since the last one that succeeded.
type panics struct {
	mu      sync.Mutex // guards what follows
	latest  error
	at      time.Time
	backoff time.Duration // 0: there is none
}

func (p *panics) add(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest, p.at = err, time.Now()
	p.backoff = min(max(2*p.backoff, MinPanicBackoff), MaxPanicBackoff)
}

func (p *panics) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest, p.backoff = nil, 0
}

// recent is the latest one if it was a short while ago.
func (p *panics) recent() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ago := time.Since(p.at); p.backoff > 0 && ago < p.backoff {
		return fmt.Errorf("%w (%v ago, and not tried again before %v)", p.latest, ago.Round(time.Millisecond), p.backoff)
	}
	return nil
}

// until is when to forget it, in time for the back-off to double with the next one.
func (p *panics) until() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.backoff == 0 {
		return time.Time{}
	}
	return p.at.Add(p.backoff + MaxPanicBackoff)
}
