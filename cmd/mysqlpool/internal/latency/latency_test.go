package latency

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// What the server sends comes later by what was asked for, in its order; the end
// of the context ends it.
func TestBefore(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		io.Copy(c, c)
		c.Close()
	}()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dsn, err := Before(ctx, "root@tcp("+l.Addr().String()+")/", 30*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", dsn[len("root@tcp("):len(dsn)-len(")/")])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, text := range []string{"one", "another"} {
		start := time.Now()
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, len(text))
		if _, err := io.ReadFull(c, b); err != nil || string(b) != text {
			t.Fatalf("got %q, %v, want %q", b, err, text)
		}
		if took := time.Since(start); took < 30*time.Millisecond {
			t.Errorf("it took %v, want 30 ms or more", took)
		}
	}
	cancel()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the end: got %v, want a closed connection", err)
	}
}

func TestBeforeBadInput(t *testing.T) {
	for _, dsn := range []string{"nonsense", "root@unix(/tmp/x)/"} {
		if _, err := Before(t.Context(), dsn, time.Millisecond); err == nil {
			t.Errorf("%s: no error", dsn)
		}
	}
	if _, err := Before(t.Context(), "root@tcp(127.0.0.1:1)/", 0); err == nil {
		t.Error("no latency: no error")
	}
}
