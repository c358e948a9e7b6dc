package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/internal/latency"
	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
)

// transport is a way to the server.
type transport struct{ name, dsn string }

// transports returns the ways that are asked for and those that the server has.
func (b *bench) transports(ctx context.Context, server *target.Server) (all []transport, err error) {
	first, err := b.transportOf(ctx, server)
	if err != nil {
		return nil, err
	}
	if b.RTT != 0 {
		dsn, err := latency.Before(server.DSN, b.RTT)
		if err != nil {
			return nil, fmt.Errorf("--rtt: %w", err)
		}
		return []transport{{first.name + ", " + b.RTT.String() + " more", dsn}}, nil
	}
	all = []transport{first}
	for _, flag := range []struct {
		name, dsn, want string
		find            func() (string, error) // without the flag
	}{
		{"--unix-dsn", b.UnixDSN, overUnix, func() (string, error) { return server.UnixDSN, nil }},
		{"--tls-dsn", b.TLSDSN, overTLS, func() (string, error) { return server.OverTLS(ctx, b.Timeout) }},
	} {
		t, err := b.transport(ctx, first, flag.name, flag.dsn, flag.want, flag.find)
		if err != nil {
			return nil, err
		}
		if t.dsn != "" && !slices.ContainsFunc(all, func(o transport) bool { return o.name == t.name }) {
			all = append(all, t)
		}
	}
	return all, nil
}

// transport returns the one that a flag is for, which dsn is; without a dsn the one that is
// found, if there is one.
func (b *bench) transport(ctx context.Context, first transport, flag, dsn, want string, find func() (string, error)) (transport, error) {
	if dsn == "" {
		dsn, err := find()
		if first.name == overUnix && want == overTLS {
			want = overUnixTLS
		}
		return transport{want, dsn}, err
	}
	if dsn == first.dsn {
		return first, nil
	}
	s, err := target.Open(ctx, dsn, b.Timeout)
	if err != nil {
		return transport{}, fmt.Errorf("%s: %w", flag, err)
	}
	defer s.Stop()
	switch t, err := b.transportOf(ctx, s); {
	case err != nil:
		return transport{}, fmt.Errorf("%s: %w", flag, err)
	case t.name == first.name:
		return transport{}, fmt.Errorf("%s: this DSN is over %s, as the one of --dsn is: leave one of them out", flag, t.name)
	case t.name != want && t.name != overUnixTLS:
		return transport{}, fmt.Errorf("%s: this DSN is over %s, want one over %s", flag, t.name, want)
	default:
		return t, nil
	}
}

const (
	overTCP     = "TCP"
	overUnix    = "unix"
	overTLS     = "TLS"
	overUnixTLS = "unix, TLS"
)

// transportOf names the one that a server is connected over.
func (b *bench) transportOf(ctx context.Context, s *target.Server) (transport, error) {
	encrypted, err := s.IsTLS(ctx, b.Timeout)
	if err != nil {
		return transport{}, err
	}
	name := overTCP
	switch unix := s.DSN == s.UnixDSN; {
	case unix && encrypted:
		name = overUnixTLS
	case unix:
		name = overUnix
	case encrypted:
		name = overTLS
	}
	return transport{name, s.DSN}, nil
}
