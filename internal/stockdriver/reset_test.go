package stockdriver

import (
	"context"
	"io"
	"net"
	"testing"
)

// A reset does not hold up a request that gave up.
func TestResetEndsWithItsContext(t *testing.T) {
	client, server := net.Pipe() // which says nothing
	defer client.Close()
	defer server.Close()
	go io.Copy(io.Discard, server)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ResetConnection(ctx, client) }()
	cancel()
	if err := <-done; err != context.Canceled {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, err := client.Write([]byte("goodbye")); err != nil {
		t.Errorf("afterwards nothing can be sent: %v", err)
	}
}
