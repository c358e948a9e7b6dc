// Package faults puts what goes wrong on networks between a program and its
// server, with toxiproxy.
package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/go-sql-driver/mysql"
	"github.com/rs/zerolog"
)

// Latency returns a DSN through which a round trip to the server of dsn takes
// that much longer, until ctx ends. rtt is in whole milliseconds, at least one;
// dsn is over TCP.
func Latency(ctx context.Context, dsn string, rtt time.Duration) (string, error) {
	if rtt < time.Millisecond || rtt%time.Millisecond != 0 {
		return "", fmt.Errorf("round-trip time: got %v, want whole milliseconds, at least 1ms", rtt)
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return "", errors.New("latency: not a DSN") // the error has the DSN in it
	}
	if cfg.Net != "tcp" {
		return "", fmt.Errorf("latency: got a DSN over %s, want tcp", cfg.Net)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "latency", "127.0.0.1:0", cfg.Addr)
	if err := proxy.Start(); err != nil {
		return "", fmt.Errorf("latency: %w", err)
	}
	context.AfterFunc(ctx, proxy.Stop)
	// On the way back only: half of it each way would have to be whole
	// milliseconds too.
	toxic := fmt.Sprintf(`{"type": "latency", "stream": "downstream", "attributes": {"latency": %d}}`, rtt.Milliseconds())
	if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		proxy.Stop()
		return "", fmt.Errorf("latency: %w", err)
	}
	cfg.Addr = proxy.Listen
	return cfg.FormatDSN(), nil
}
