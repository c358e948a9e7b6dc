package mysqlpool

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// lookAt sees whether a host that failed can be used again. While the pool has no
// connection, and logs in to none, nobody needs to know: the next login tries it.
func (l *login) lookAt(h *host) {
	taken := int64(0)
	for _, other := range l.hosts.hosts {
		taken += other.taken()
	}
	if taken == 0 {
		l.hosts.due(h)
		return
	}
	l.background.run(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, l.timeout)
		defer cancel()
		p, err := l.openInTime(ctx, h, "", len(l.hosts.hosts))
		if err != nil {
			switch {
			case isRefused(err): // nobody asked for this login, nor for the next
				l.hosts.due(h)
			case !isHosts(err):
				l.hostFailed(h, false, err)
			}
			return
		}
		unfit, err := l.stillUnfit(ctx, p)
		if err != nil {
			return
		}
		p.stockConn.Close()
		if !unfit && l.hosts.works(h) {
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

// stillUnfit reports whether a connection is to a host that failed, and that takes
// logins but no statements: it takes no writes, and took them before, or is no
// part of its Galera cluster yet (MariaDB manual, "wsrep_ready"). Then it is left
// alone again. An error means that the connection broke, and is closed.
func (l *login) stillUnfit(ctx context.Context, p *physical) (unfit bool, err error) {
	resting, readOnly := l.hosts.resting(p.host)
	if !resting {
		return false, nil
	}
	readOnly, unready, err := p.askFitness(ctx, readOnly)
	broken := p.doomed || !p.IsValid()
	unfit = readOnly || unready
	if unfit || broken {
		l.hostFailed(p.host, readOnly, err)
	}
	if broken {
		p.stockConn.Close()
		return false, fmt.Errorf("mysqlpool: login to %s: %w", l.at(p.host), notBadConn(err))
	}
	return unfit, nil
}

// askFitness asks what stillUnfit goes by. If there is no answer the host is as
// read-only as before.
func (p *physical) askFitness(ctx context.Context, wasReadOnly bool) (readOnly, unready bool, err error) {
	readOnly = wasReadOnly
	defer p.survive("a look at a host", &err)
	if wasReadOnly || p.host.tookWrites.Load() {
		if row, err := queryRow(ctx, p, "SELECT @@global.read_only"); err == nil {
			readOnly = isReadOnlyValue(row[0])
		}
	}
	status, err := queryRows(ctx, p, "SHOW GLOBAL STATUS LIKE 'wsrep_ready'")
	unready = err == nil && len(status) == 1 && len(status[0]) == 2 && status[0][1] == "OFF"
	return readOnly, unready, err
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
