package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/go-sql-driver/mysql"
	"github.com/rs/zerolog"
)

// A Gate stands before a server, and opens and shuts.
type Gate struct {
	DSN   string // of the server, through the gate
	proxy *toxiproxy.Proxy
}

// NewGate returns an open gate before the server of dsn, which is over TCP. It
// is shut when ctx ends.
func NewGate(ctx context.Context, dsn string) (*Gate, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New("gate: not a DSN") // the error has the DSN in it
	}
	if cfg.Net != "tcp" {
		return nil, fmt.Errorf("gate: got a DSN over %s, want tcp", cfg.Net)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "gate", "127.0.0.1:0", cfg.Addr)
	if err := proxy.Start(); err != nil {
		return nil, fmt.Errorf("gate: %w", err)
	}
	context.AfterFunc(ctx, proxy.Stop)
	cfg.Addr = proxy.Listen
	return &Gate{DSN: cfg.FormatDSN(), proxy: proxy}, nil
}

// Shut ends every connection and refuses others, as a server does that stops.
func (g *Gate) Shut() { g.proxy.Stop() }

// Open lets connections through again.
func (g *Gate) Open() error { return g.proxy.Start() }

// Silence lets nothing through from the server any more: connections stay, and
// nobody answers.
func (g *Gate) Silence() error {
	_, err := g.proxy.Toxics.AddToxicJson(strings.NewReader(
		`{"type": "timeout", "stream": "downstream", "attributes": {"timeout": 0}}`))
	return err
}
