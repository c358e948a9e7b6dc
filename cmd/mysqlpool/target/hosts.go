package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

// OpenHosts is Open for a DSN that may name several hosts. It returns a Server for
// each, in the order of the DSN. A host that does not answer has no Product, and
// is dialed again when its Monitor is used. If none answers that is an error.
func OpenHosts(ctx context.Context, dsn string, timeout time.Duration) ([]*Server, error) {
	cfg, err := Parse(dsn)
	if err != nil {
		return nil, err
	}
	addrs := Addresses(cfg)
	if len(addrs) == 1 {
		s, err := Open(ctx, dsn, timeout)
		if err != nil {
			return nil, err
		}
		return []*Server{s}, nil
	}
	all := make([]*Server, len(addrs))
	errs := make([]error, len(addrs))
	var logins sync.WaitGroup
	for i, addr := range addrs {
		one := At(cfg, addr)
		all[i] = &Server{Name: addr, Addr: addr, DSN: one.FormatDSN()}
		logins.Go(func() {
			if err := all[i].connect(ctx, one, timeout); err != nil {
				errs[i] = fmt.Errorf("%s: %w", addr, Explain(ctx, err, timeout))
			}
		})
	}
	logins.Wait()
	for _, err := range errs {
		if err == nil {
			return all, nil
		}
	}
	for _, s := range all {
		s.Stop()
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, fmt.Errorf("logging in as %q: none of the hosts answers: %w", cfg.User, errors.Join(errs...))
}

// Addresses returns the hosts that a config names, in its order.
func Addresses(cfg *mysql.Config) (all []string) {
	if cfg.Net != "tcp" || !strings.Contains(cfg.Addr, ",") {
		return []string{cfg.Addr}
	}
	list := cfg.Addr
	// The stock driver takes them for one host and may add a port.
	if inner, ok := strings.CutSuffix(list, "]:3306"); ok && strings.HasPrefix(inner, "[") {
		list = inner[1:]
	}
	for addr := range strings.SplitSeq(list, ",") {
		addr = strings.TrimSpace(addr)
		if _, _, err := net.SplitHostPort(addr); err != nil {
			addr = net.JoinHostPort(strings.Trim(addr, "[]"), "3306")
		}
		all = append(all, addr)
	}
	return all
}

// At returns the config with one of its hosts.
func At(cfg *mysql.Config, addr string) *mysql.Config {
	one := cfg.Clone()
	one.Addr = addr
	if t := one.TLS; t != nil && !t.InsecureSkipVerify && t.ServerName == HostOf(cfg.Addr) {
		t.ServerName = HostOf(addr) // as the stock driver takes it from the address
	}
	return one
}

// HostOf returns an address without its port.
func HostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}
