package watch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
)

// A host counts as unreachable when it has not answered for so long.
const listTimeout = 2 * time.Second

// A host is a server that the DSN names.
type host struct {
	server  *target.Server
	several bool // the DSN names others too

	looking sync.Mutex // held by whoever asks the server; guards what follows
	logins  int64      // the server's count when last read
	known   bool       // logins was read when the host was last looked at

	mu   sync.Mutex // guards what follows
	seen seen
}

// seen is what was seen of a host when it was last looked at.
type seen struct {
	up        bool
	since     time.Time // when up became what it is
	err       string    // why it is not up
	identity  string    // what the server calls itself, "" if there is one host
	role      role      // of several hosts
	conns     []conn    // nil if it is not up
	counted   int64     // logins that it counted since the start, whoever made them
	countsNow bool      // it counted them when last asked
}

func newHost(s *target.Server, several bool) *host {
	return &host{server: s, several: several, seen: seen{up: s.Product != "", since: time.Now(), err: "it did not answer at the start"}}
}

func (h *host) read() seen {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seen
}

// look asks the host what there is to show, unless somebody does already.
func (h *host) look(ctx context.Context, claims *claims, logf func(string, ...any)) {
	if !h.looking.TryLock() {
		return
	}
	defer h.looking.Unlock()
	began := time.Now()
	now, err := h.ask(ctx)
	if ctx.Err() != nil {
		return
	}
	was := h.read()
	now.up, now.since, now.counted = err == nil, was.since, was.counted
	if err != nil {
		now.err, now.identity, now.role = describe(err, listTimeout), was.identity, was.role
		claims.drop(now.identity, began.Add(-time.Minute), nil)
	} else {
		claims.drop(now.identity, began, now.conns)
	}
	h.countLogins(ctx, &now)
	if was.up != now.up {
		now.since = time.Now()
		name := "the server"
		if h.several {
			name = h.server.Addr
		}
		if now.up {
			logf("%s answers again", name)
		} else {
			logf("%s is unreachable: %s", name, now.err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = now
}

func (h *host) ask(ctx context.Context) (now seen, err error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	if now.conns, err = list(ctx, h.server.Monitor()); err != nil || !h.several {
		return now, err
	}
	for i := range now.conns {
		now.conns[i].Host = h.server.Addr
	}
	now.identity, now.role, err = readRole(ctx, h.server.Monitor())
	return now, err
}

// countLogins adds the logins that the server counted since it was last asked.
func (h *host) countLogins(ctx context.Context, now *seen) {
	if !now.up { // it was asked a moment ago
		h.known = false
		return
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	n, err := h.server.Logins(ctx)
	if now.countsNow = err == nil && h.known && n >= h.logins; now.countsNow { // it counts from 0 after a restart
		now.counted += n - h.logins
	}
	h.logins, h.known = n, err == nil
}

func describe(err error, waited time.Duration) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %v (%v)", waited, err)
	}
	return err.Error()
}
