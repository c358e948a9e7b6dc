package faults

import (
	"errors"
	"testing"
	"time"
)

// What it does is tested in cmd/internal/chaos, with a server behind it.
func TestHAProxyBadInput(t *testing.T) {
	for _, dsn := range []string{"hush", "user:hush@unix(/tmp/no.sock)/"} {
		if p, err := NewHAProxy(t.Context(), dsn, time.Second); err == nil {
			p.Stop()
			t.Errorf("%s: no error", dsn)
		}
	}
	p, err := NewHAProxy(t.Context(), "user:hush@tcp(no such host:1)/", time.Second)
	switch {
	case errors.Is(err, ErrNoHAProxy):
		t.Skip(err)
	case err == nil:
		p.Stop()
		t.Error("a host that cannot be: no error")
	}
}
