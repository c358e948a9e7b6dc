package mysqlpool

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// How long a host is left alone after a login that panicked: each leaves its
// socket open, which the stock driver alone could close.
const (
	minPanicRest = 100 * time.Millisecond // at first; doubles each time
	maxPanicRest = 10 * time.Second
)

// panics is the logins to a host that panicked, since the last one that succeeded.
type panics struct {
	mu     sync.Mutex // guards what follows
	latest error
	at     time.Time
	rest   time.Duration // 0: there is none
}

func (p *panics) add(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest, p.at = err, time.Now()
	p.rest = min(max(2*p.rest, minPanicRest), maxPanicRest)
}

func (p *panics) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest, p.rest = nil, 0
}

// recent is the latest one if it was a short while ago.
func (p *panics) recent() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ago := time.Since(p.at); p.rest > 0 && ago < p.rest {
		return fmt.Errorf("%w (%v ago, and not tried again before %v)", p.latest, ago.Round(time.Millisecond), p.rest)
	}
	return nil
}

// survive is deferred where the stock driver runs on a goroutine of the pool: a
// panic of it, as on an answer that no server gives, would take the process down
// from there. The connection is not used again.
func (p *physical) survive(doing string, err *error) {
	r := recover()
	if r == nil {
		return
	}
	p.broken = true
	*err = fmt.Errorf("mysqlpool: %s on connection %d: panic in the stock driver: %v", doing, p.id, r)
	p.login.log().LogAttrs(context.Background(), slog.LevelError, "mysqlpool: the stock driver panicked, and the connection is closed; is the server, or what is between, MySQL or MariaDB?",
		slog.String("login", p.login.name), slog.Uint64("id", p.id), slog.String("doing", doing), slog.Any("panic", r), slog.String("stack", string(debug.Stack())))
}
