package faults

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// echoServer sends back what it gets, and returns its DSN.
func echoServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return "user:secret@tcp(" + l.Addr().String() + ")/app"
}

// dialDSN connects to the address of a DSN.
func dialDSN(t *testing.T, dsn string) net.Conn {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", cfg.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// echo sends a byte and waits for it to come back.
func echo(c net.Conn, within time.Duration) error {
	c.SetDeadline(time.Now().Add(within))
	if _, err := c.Write([]byte("x")); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

func TestGate(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	gate, err := NewGate(ctx, echoServer(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := mysql.ParseDSN(gate.DSN)
	if err != nil {
		t.Fatal(err)
	}
	dial := func() net.Conn { t.Helper(); return dialDSN(t, gate.DSN) }
	c := dial()
	if err := echo(c, time.Minute); err != nil {
		t.Fatalf("through an open gate: %v", err)
	}
	gate.Shut()
	if err := echo(c, time.Minute); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("through a gate that was shut: got %v, want the end of the connection", err)
	}
	if _, err := net.Dial("tcp", cfg.Addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("to a gate that was shut: got %v, want a refusal", err)
	}
	if err := gate.Open(); err != nil {
		t.Fatal(err)
	}
	c = dial()
	if err := echo(c, time.Minute); err != nil {
		t.Fatalf("through a gate that was opened again: %v", err)
	}
	if err := gate.Silence(); err != nil {
		t.Fatal(err)
	}
	if err := echo(c, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("through a silent gate: got %v, want no answer", err)
	}
}

func TestGateBadInput(t *testing.T) {
	for _, dsn := range []string{"hush", "user:hush@unix(/tmp/no.sock)/"} {
		if _, err := NewGate(t.Context(), dsn); err == nil {
			t.Errorf("%s: no error", dsn)
		}
	}
}
