package physical

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Victim is a session whose statement is to be ended on the server.
type Victim struct {
	Host   *Host
	ID     uint64
	local  net.Addr // its socket's address
	Schema string   // that a checkout of it wanted
}

// kill has the statement ended that a connection left running on the server when its
// socket was closed here, as for a context that ended. It returns at once; carried out by
// hosts/runkill.go.
func (p *Conn) kill() {
	if !p.Shared.Kill || p.ID == 0 || p.local == nil || p.live.killer {
		return
	}
	p.Shared.events.Kill(Victim{p.Host, p.ID, p.local, p.schema.labelOf()})
}

// KillFrom kills v's statement over p. p's own statement is never killed in turn. done: KILL
// succeeded. usable: p can be used again.
func (v Victim) KillFrom(ctx context.Context, p *Conn) (done, usable bool, err error) {
	p.live.killer = true
	done, err = v.kill(ctx, p)
	if !p.sound() {
		return done, false, err
	}
	p.live.killer = false
	return done, true, err
}

// kill kills the victim if the server's list of connections shows its id
// with its socket's address: behind a proxy, or after a restart, the id may be
// another client's.
func (v Victim) kill(ctx context.Context, p *Conn) (done bool, err error) {
	defer p.survive("the KILL of a statement", &err)
	p.usedBy(nil)
	all, err := queryRows(ctx, p, fmt.Sprintf("SELECT HOST FROM information_schema.PROCESSLIST WHERE ID = %d", v.ID))
	if err != nil || len(all) == 0 {
		return false, err
	}
	if !isAt(ctx, all[0][0], v.local) {
		return false, fmt.Errorf("mysqlpool: the server has connection %d from %s, not from %v: it is not known to be ours", v.ID, all[0][0], v.local)
	}
	_, err = p.ExecContext(ctx, fmt.Sprintf("KILL %d", v.ID), nil)
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
