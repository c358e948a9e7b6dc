package faults

import (
	"context"
	"net"
	"testing"
	"time"
)

// An echo comes back that much later, and no longer once it is over.
func TestLatency(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 1)
				for _, err := c.Read(b); err == nil; _, err = c.Read(b) {
					c.Write(b)
				}
			}()
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	dsn, err := Latency(ctx, "user:secret@tcp("+l.Addr().String()+")/app?charset=utf8", 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	const before, after = "user:secret@tcp(", ")/app?charset=utf8"
	addr := dsn[len(before) : len(dsn)-len(after)]
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := time.Now()
	for range 3 {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took < 60*time.Millisecond {
		t.Errorf("three round trips took %v, want at least 60 ms", took)
	}
	cancel()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the way is open after its time")
	}
}

func TestLatencyOfWhat(t *testing.T) {
	for dsn, rtt := range map[string]time.Duration{
		"user@tcp(localhost:1)/":  time.Microsecond,
		"user@tcp(localhost:2)/":  1500 * time.Microsecond,
		"user@tcp(localhost:3)/":  0,
		"user@unix(/no/socket)/":  time.Millisecond,
		"user:secret(localhost)/": time.Millisecond,
	} {
		if got, err := Latency(t.Context(), dsn, rtt); err == nil {
			t.Errorf("%s, %v: got %s, want an error", dsn, rtt, got)
		}
	}
}
