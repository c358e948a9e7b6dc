package hosts

import (
	"context"
	"log/slog"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/pool"
)

const (
	// killLimit is how many may be under way at once; more are not done. Each takes a
	// connection of the pool, which has 5 by default, and contexts often end together.
	killLimit = 4

	// KillTimeout is for each: by then a cancelled statement is likely to have
	// ended by itself, or the server hangs.
	KillTimeout = 5 * time.Second
)

// Kill implements physical.Events.
func (l events) Kill(v physical.Victim) {
	if l.killing.Add(1) > killLimit {
		l.killing.Add(-1)
		l.Log().LogAttrs(context.Background(), slog.LevelDebug, "mysqlpool: no KILL of a cancelled statement: too many at once",
			slog.String("login", l.Name), slog.Uint64("id", v.ID))
		return
	}
	l.background.run(func(ctx context.Context) {
		defer l.killing.Add(-1)
		ctx, cancel := context.WithTimeout(ctx, KillTimeout)
		defer cancel()
		done, err := l.killOn(ctx, v)
		if done {
			l.killed.Add(1)
		}
		l.Log().LogAttrs(ctx, slog.LevelDebug, "mysqlpool: KILL of a cancelled statement",
			slog.String("login", l.Name), slog.Uint64("id", v.ID), slog.Bool("done", done), slog.Any("error", err))
	})
}

// killOn does it on a connection of the pool, or on one of its own if that is
// to another host.
func (l *Dialer) killOn(ctx context.Context, v physical.Victim) (done bool, err error) {
	leased, err := l.checkOut(ctx, v.Schema)
	if err != nil {
		return false, err
	}
	if p := leased.Value; p.Host == v.Host {
		done, usable, err := v.KillFrom(ctx, p)
		if usable {
			leased.CheckIn()
		} else {
			leased.Discard(pool.Broken)
		}
		return done, err
	}
	leased.CheckIn()
	p, err := l.openOn(ctx, l.hosts.hosts[v.Host.Index], "")
	if err != nil {
		return false, err
	}
	defer p.Abandon()
	done, _, err = v.KillFrom(ctx, p)
	return done, err
}
