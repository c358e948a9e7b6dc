package mysqlpool

import (
	"context"
	"log/slog"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// lookAt sees whether a host that failed can be used again. While the pool has no
// connection nobody needs to know: the next login tries it.
func (l *login) lookAt(h *host) {
	open := int64(0)
	for _, other := range l.hosts.hosts {
		open += other.open.Load()
	}
	if open == 0 {
		return
	}
	l.background.run(killLimit+len(l.hosts.hosts), func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, l.timeout)
		defer cancel()
		p, err := l.openInTime(ctx, h, "", len(l.hosts.hosts))
		if err != nil {
			if !isHosts(err) {
				l.hostFailed(h, false, err)
			}
			return
		}
		defer p.stockConn.Close()
		if !l.stillReadOnly(ctx, p) && l.hosts.works(h) {
			l.rebalance(h)
		}
	})
}

// hostFailed has a host left alone, if there are others.
func (l *login) hostFailed(h *host, readOnly bool, err error) {
	if l.hosts.failed(h, readOnly) {
		l.log().LogAttrs(l.background.ctx, slog.LevelWarn, "mysqlpool: a host cannot be used, and logins go to the others until it can: see to it, or take it out of the DSN",
			slog.String("login", l.name), slog.String("host", h.addr), slog.Bool("read_only", readOnly), slog.Any("error", err))
	}
}

// stillReadOnly reports whether a connection is to a host that was left alone
// because it takes no writes, and still takes none. Then it is left alone again.
func (l *login) stillReadOnly(ctx context.Context, p *physical) bool {
	if _, readOnly := l.hosts.resting(p.host); !readOnly {
		return false
	}
	row, err := queryRow(ctx, p, "SELECT @@global.read_only")
	if err == nil && !isOn(row[0]) {
		return false
	}
	l.hostFailed(p.host, true, nil)
	return true
}

// rebalance gives a host that is back the connections that it should have: those
// to others are recycled.
func (l *login) rebalance(back *host) {
	l.log().LogAttrs(l.background.ctx, slog.LevelInfo, "mysqlpool: a host is back", slog.String("login", l.name), slog.String("host", back.addr))
	many := l.hosts.surplus(back)
	l.invalidate(pool.Recycled, func(p *physical, _ time.Duration) bool {
		many[p.host]--
		return many[p.host] >= 0
	})
}
