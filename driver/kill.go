package mysqlpool

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/pool"
)

const (
	killLimit   = 4               // how many may be under way at once; more are not done
	killTimeout = 5 * time.Second // for each
)

// kill ends the statement that a connection left running on the server when its
// socket was closed here, as for a context that ended. It returns at once.
func (p *physical) kill() {
	l := p.login
	if !l.Kill || p.id == 0 || p.local == nil || p.killer {
		return
	}
	if l.killing.Add(1) > killLimit {
		l.killing.Add(-1)
		l.log().LogAttrs(context.Background(), slog.LevelDebug, "mysqlpool: no KILL of a statement that was given up: too many at once",
			slog.String("login", l.name), slog.Uint64("id", p.id))
		return
	}
	l.background.run(func(ctx context.Context) {
		defer l.killing.Add(-1)
		ctx, cancel := context.WithTimeout(ctx, killTimeout)
		defer cancel()
		done, err := l.killOn(ctx, p)
		if done {
			l.killed.Add(1)
		}
		l.log().LogAttrs(ctx, slog.LevelDebug, "mysqlpool: KILL of a statement that was given up",
			slog.String("login", l.name), slog.Uint64("id", p.id), slog.Bool("done", done), slog.Any("error", err))
	})
}

// killOn does it on a connection of the pool, or on one of its own if that is
// to another host.
func (l *login) killOn(ctx context.Context, victim *physical) (done bool, err error) {
	schema := victim.schema
	if schema == unknownSchema {
		schema = victim.lastSchema
	}
	if victim.label != victim.home {
		schema = victim.label
	}
	lent, err := l.checkOut(ctx, schema)
	if err != nil {
		return false, err
	}
	if p := lent.Value; p.host == victim.host {
		p.killer = true // if this one hangs too there is nothing to kill
		done, err = p.killSession(ctx, victim)
		if p.broken || !p.IsValid() {
			lent.Discard(pool.Broken)
			return done, err
		}
		p.killer = false
		lent.CheckIn()
		return done, err
	}
	lent.CheckIn()
	p, err := l.openOn(ctx, victim.host, "")
	if err != nil {
		return false, err
	}
	defer p.stockConn.Close()
	return p.killSession(ctx, victim)
}

// killSession kills the victim if the server's list of connections shows its id
// with its socket's address: behind a proxy, or after a restart, the id may be
// somebody else's.
func (p *physical) killSession(ctx context.Context, victim *physical) (done bool, err error) {
	defer p.survive("the KILL of a statement", &err)
	p.usedBy(nil)
	all, err := queryRows(ctx, p, fmt.Sprintf("SELECT HOST FROM information_schema.PROCESSLIST WHERE ID = %d", victim.id))
	if err != nil || len(all) == 0 {
		return false, err
	}
	if !isAt(ctx, all[0][0], victim.local) {
		return false, fmt.Errorf("mysqlpool: the server has connection %d from %s, not from %v: it is not known to be ours", victim.id, all[0][0], victim.local)
	}
	_, err = p.ExecContext(ctx, fmt.Sprintf("KILL %d", victim.id), nil)
	return err == nil, err
}

// isAt reports whether a server's "host:port" is an address of ours. The host is
// a name unless the server has skip_name_resolve.
func isAt(ctx context.Context, shown string, local net.Addr) bool {
	i := strings.LastIndexByte(shown, ':')
	if i < 0 {
		return false
	}
	ours, err := netip.ParseAddrPort(local.String())
	if err != nil || fmt.Sprint(ours.Port()) != shown[i+1:] {
		return false
	}
	addr := ours.Addr().Unmap()
	name := strings.Trim(shown[:i], "[]")
	if theirs, err := netip.ParseAddr(name); err == nil {
		return theirs.Unmap() == addr
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	return err == nil && slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Unmap() == addr })
}
