// Package latency makes a server answer later, as a network between would.
package latency

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Before returns a DSN through which a round trip to the server of dsn takes
// that much longer, until ctx ends. dsn is over TCP; rtt is above 0.
func Before(ctx context.Context, dsn string, rtt time.Duration) (string, error) {
	if rtt <= 0 {
		return "", fmt.Errorf("round-trip time: got %v, want more than 0", rtt)
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return "", errors.New("latency: not a DSN") // the error has the DSN in it
	}
	if cfg.Net != "tcp" {
		return "", fmt.Errorf("latency: got a DSN over %s, want tcp", cfg.Net)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("latency: %w", err)
	}
	context.AfterFunc(ctx, func() { l.Close() })
	server := cfg.Addr
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // closed; nothing else fails here for long
			}
			go relay(ctx, client, server, rtt)
		}
	}()
	cfg.Addr = l.Addr().String()
	return cfg.FormatDSN(), nil
}

// relay passes on what the client sends at once, and what the server sends
// later.
func relay(ctx context.Context, client net.Conn, addr string, rtt time.Duration) {
	server, err := net.Dial("tcp", addr)
	if err != nil {
		client.Close()
		return
	}
	closeBoth := sync.OnceFunc(func() {
		client.Close()
		server.Close()
	})
	defer closeBoth()
	defer context.AfterFunc(ctx, closeBoth)()
	go func() {
		defer closeBoth()
		io.Copy(server, client)
	}()

	type late struct {
		bytes []byte
		due   time.Time
	}
	// What is under way. A network holds no more either: the server then waits.
	way := make(chan late, 256)
	go func() {
		defer close(way)
		for {
			b := make([]byte, 16<<10)
			n, err := server.Read(b)
			if n > 0 {
				way <- late{b[:n], time.Now().Add(rtt)}
			}
			if err != nil {
				return
			}
		}
	}()
	failed := false
	for l := range way {
		if failed {
			continue // the reader must not wait for ever
		}
		time.Sleep(time.Until(l.due))
		if _, err := client.Write(l.bytes); err != nil {
			failed = true
			closeBoth()
		}
	}
}
