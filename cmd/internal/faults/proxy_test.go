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
)

func TestProxyForgetsAndRejects(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	proxy, err := NewProxy(ctx, echoServer(t))
	if err != nil {
		t.Fatal(err)
	}
	old := dialDSN(t, proxy.DSN)
	if err := echo(old, time.Minute); err != nil {
		t.Fatal(err)
	}
	if n := proxy.Forget(); n != 1 {
		t.Errorf("%d connections forgotten, want 1", n)
	}
	if err := echo(old, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("on a forgotten connection: got %v, want no answer", err)
	}
	fresh := dialDSN(t, proxy.DSN)
	if err := echo(fresh, time.Minute); err != nil {
		t.Errorf("on a new connection: %v", err)
	}
	// A goodbye passes on a connection that it knows, and not on the other.
	fresh.(*net.TCPConn).CloseWrite()
	fresh.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadAll(fresh); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the end of a connection did not arrive")
	}
	old.(*net.TCPConn).CloseWrite()
	old.SetDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := io.ReadAll(old); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the end of a forgotten connection: got %v, want no answer", err)
	}
	moved := dialDSN(t, proxy.DSN)
	if err := echo(moved, time.Minute); err != nil {
		t.Fatal(err)
	}
	proxy.Reject()
	moved.SetDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := moved.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("on a connection that is to be rejected, before it is used: got %v, want no answer", err)
	}
	if err := echo(moved, time.Minute); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("on a rejected connection: got %v, want a reset", err)
	}
	if err := echo(dialDSN(t, proxy.DSN), time.Minute); err != nil {
		t.Errorf("on a new connection: %v", err)
	}
	cancel()
	proxy.Wait()
	if err := echo(old, time.Minute); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after its end: got %v, want the end of the connection", err)
	}
}

func TestProxyBadInput(t *testing.T) {
	for _, dsn := range []string{"hush", "user:hush@unix(/tmp/no.sock)/"} {
		if _, err := NewProxy(t.Context(), dsn); err == nil {
			t.Errorf("%s: no error", dsn)
		}
	}
}

func TestProxyConditions(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	proxy, err := NewProxy(ctx, echoServer(t))
	if err != nil {
		t.Fatal(err)
	}
	isEnd := func(err error) bool { return err != nil && !errors.Is(err, os.ErrDeadlineExceeded) }
	c := dialDSN(t, proxy.DSN)
	if err := echo(c, time.Minute); err != nil {
		t.Fatal(err)
	}

	proxy.Set(Condition{Delay: 30 * time.Millisecond})
	if err := echo(c, 20*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("delayed: got %v, want no answer so soon", err)
	}
	c = dialDSN(t, proxy.DSN)
	if err := echo(c, time.Minute); err != nil {
		t.Errorf("delayed: %v", err)
	}

	proxy.Set(Condition{Limit: 1})
	if err := echo(c, time.Minute); err != nil {
		t.Errorf("the one byte that may pass: %v", err)
	}
	if err := echo(c, time.Minute); !isEnd(err) {
		t.Errorf("the second byte: got %v, want the end", err)
	}

	proxy.Set(Condition{Slice: 2})
	c = dialDSN(t, proxy.DSN)
	c.SetDeadline(time.Now().Add(time.Minute))
	got := make([]byte, 5)
	c.Write([]byte("hello"))
	n, _ := c.Read(got)
	if _, err := io.ReadFull(c, got[n:]); err != nil || string(got) != "hello" || n > 4 {
		t.Errorf("in pieces: got %q, the first %d, and %v", got, n, err)
	}

	proxy.Set(Condition{Stall: true})
	idle := dialDSN(t, proxy.DSN)
	if err := echo(c, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("stalled: got %v, want no answer", err)
	}
	proxy.Set(Condition{})
	if err := echo(c, time.Minute); !isEnd(err) {
		t.Errorf("of which an answer is lost: got %v, want the end", err)
	}
	if err := echo(idle, time.Minute); err != nil {
		t.Errorf("of which none is lost: %v", err)
	}

	proxy.Set(Condition{Reset: true})
	if err := echo(idle, time.Minute); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}

	proxy.Set(Condition{})
	c = dialDSN(t, proxy.DSN)
	if err := echo(c, time.Minute); err != nil {
		t.Fatal(err)
	}
	proxy.Shut()
	if err := echo(c, time.Minute); !isEnd(err) {
		t.Errorf("shut: got %v, want the end", err)
	}
	if _, err := net.Dial("tcp", proxy.addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("shut: got %v, want a refusal", err)
	}
	if err := proxy.Open(); err != nil {
		t.Fatal(err)
	}
	if err := echo(dialDSN(t, proxy.DSN), time.Minute); err != nil {
		t.Errorf("open again: %v", err)
	}
	cancel()
	proxy.Wait()
}
