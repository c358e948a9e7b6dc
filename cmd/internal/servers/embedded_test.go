package servers

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestEmbedded(t *testing.T) {
	clearEnv(t)
	s := one(t, Embedded)
	if s.Real() || s.TLSDSN == "" || s.UnixDSN == "" {
		t.Errorf("real %v, TLS %v, unix %v", s.Real(), s.TLSDSN != "", s.UnixDSN != "")
	}
	checkServer(t, s)
	checkStopped(t, s)
}

// Stop must leave no goroutine, whatever the clients are doing.
func TestEmbeddedStopsUnderLoad(t *testing.T) {
	clearEnv(t)
	one(t, Embedded).Stop() // what libraries start once and keep, they keep from here
	before := runtime.NumGoroutine()

	s := one(t, Embedded)
	db, err := openQuietly(s.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	idle, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	running := make(chan error)
	go func() {
		_, err := db.ExecContext(context.WithoutCancel(t.Context()), "SELECT SLEEP(60)")
		running <- err
	}()
	for !strings.Contains(ask(t, s.DSN, "SELECT GROUP_CONCAT(info) FROM information_schema.processlist"), "SLEEP(60)") {
		time.Sleep(10 * time.Millisecond)
	}
	began := time.Now()
	s.Stop()
	if took := time.Since(began); took > time.Second {
		t.Errorf("Stop took %v", took)
	}
	select {
	case <-running:
	case <-time.After(5 * time.Second):
		t.Fatal("a query outlived its server")
	}
	idle.Close()
	db.Close()
	checkGoroutines(t, before)
}
