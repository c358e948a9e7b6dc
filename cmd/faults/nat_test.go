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

func TestNAT(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	nat, err := NewNAT(ctx, echoServer(t))
	if err != nil {
		t.Fatal(err)
	}
	old := dialDSN(t, nat.DSN)
	if err := echo(old, time.Minute); err != nil {
		t.Fatal(err)
	}
	if n := nat.Forget(); n != 1 {
		t.Errorf("%d connections forgotten, want 1", n)
	}
	if err := echo(old, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("on a forgotten connection: got %v, want no answer", err)
	}
	fresh := dialDSN(t, nat.DSN)
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
	moved := dialDSN(t, nat.DSN)
	if err := echo(moved, time.Minute); err != nil {
		t.Fatal(err)
	}
	nat.Reject()
	moved.SetDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := moved.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("on a connection that is to be rejected, before it is used: got %v, want no answer", err)
	}
	if err := echo(moved, time.Minute); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("on a rejected connection: got %v, want a reset", err)
	}
	if err := echo(dialDSN(t, nat.DSN), time.Minute); err != nil {
		t.Errorf("on a new connection: %v", err)
	}
	cancel()
	nat.Wait()
	if err := echo(old, time.Minute); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after its end: got %v, want the end of the connection", err)
	}
}

func TestNATBadInput(t *testing.T) {
	for _, dsn := range []string{"hush", "user:hush@unix(/tmp/no.sock)/"} {
		if _, err := NewNAT(t.Context(), dsn); err == nil {
			t.Errorf("%s: no error", dsn)
		}
	}
}
