package hosts

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/pool"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

const (
	minMisses = 2  // in so many answers in a row an address is missing that is gone, at least
	maxMisses = 20 // ... at most
)

// nameOf is the name that a host's address is looked up by, if the stock driver
// dials it itself.
func (h *dialTarget) nameOf() (name string, ok bool) {
	if h.Cfg.Net != "tcp" || h.Cfg.DialFunc != nil {
		return "", false
	}
	name, _, err := net.SplitHostPort(h.Addr)
	if err != nil {
		return "", false
	}
	_, err = netip.ParseAddr(name)
	return name, err != nil
}

// watchAddrs closes, after use, connections whose address the host's name no longer
// resolves to. p is one that was opened just now.
func (l *Dialer) watchAddrs(h *dialTarget, p *physical.Conn) {
	if l.resolve == nil || !p.Remote.IsValid() || h.resolving.Load() {
		return
	}
	name, ok := h.nameOf()
	if !ok || !h.resolving.CompareAndSwap(false, true) {
		return
	}
	l.watch.run(func(ctx context.Context) {
		defer h.resolving.Store(false)
		a := addrs{misses: map[netip.Addr]int{}, needed: minMisses}
		for {
			l.lookUp(ctx, h, name, &a)
			select {
			case <-ctx.Done():
				return
			case <-time.After(serverinfo.LookupInterval):
			}
			if h.Open.Load() == 0 {
				return
			}
		}
	})
}

// lookUp looks a host's name up once.
func (l *Dialer) lookUp(ctx context.Context, h *dialTarget, name string, a *addrs) {
	ctx, cancel := context.WithTimeout(ctx, serverinfo.LookupInterval)
	defer cancel()
	gone := a.answer(h.Server.LookUp(ctx, l.resolve, name))
	if len(gone) == 0 {
		return
	}
	var closed atomic.Int64
	l.invalidate(pool.Recycled, func(p *physical.Conn, _ time.Duration) bool {
		is := p.Host == h.Host && gone[p.Remote]
		if is {
			closed.Add(1)
		}
		return is
	})
	if n := closed.Load(); n > 0 {
		l.Log().LogAttrs(ctx, slog.LevelInfo, "mysqlpool: the host's name has other addresses now: connections to those that are gone are closed after use",
			slog.String("login", l.Name), slog.String("host", h.Addr), slog.Int64("connections", n))
	}
}

// addrs is what the answers for a name were, and says which addresses are gone: one
// that was there, and has been missing for longer than any that came back. Some
// names have one of their addresses in each answer, in turn.
type addrs struct {
	misses map[netip.Addr]int // by every address that was in an answer: in how many answers in a row it is missing
	needed int                // so many mean that it is gone
}

func (a *addrs) answer(now []netip.Addr) (gone map[netip.Addr]bool) {
	if len(now) == 0 {
		return nil
	}
	there := map[netip.Addr]bool{}
	for _, addr := range now {
		addr = addr.Unmap()
		there[addr] = true
		a.needed = max(a.needed, min(4*a.misses[addr], maxMisses))
		a.misses[addr] = 0
	}
	gone = map[netip.Addr]bool{}
	for addr := range a.misses {
		if there[addr] {
			continue
		}
		if a.misses[addr]++; a.misses[addr] >= a.needed {
			gone[addr] = true
		}
	}
	return gone
}
