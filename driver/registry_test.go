package mysqlpool

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/budget"
	"github.com/mysqlpool/mysqlpool/internal/registry"
)

func TestDisposeAndAFreshPool(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		held, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ask(t, held)
		ask(t, db)
		wantOpen(t, s, 2, 2)

		done := make(chan error, 1)
		go func() { done <- Dispose(t.Context()) }()
		synctest.Wait()
		wantOpen(t, s, 1, 2)
		if err := db.PingContext(t.Context()); !errors.Is(err, ErrDisposed) {
			t.Errorf("meanwhile: got %v, want ErrDisposed", err)
		}
		if err := handle(t, s, "").PingContext(t.Context()); !errors.Is(err, ErrDisposed) {
			t.Errorf("meanwhile, from a new handle: got %v, want ErrDisposed", err)
		}
		if err := handle(t, s, "wait_timeout=9").PingContext(t.Context()); !errors.Is(err, ErrDisposed) {
			t.Errorf("meanwhile, with another login: got %v, want ErrDisposed", err)
		}
		ask(t, held) // what is in use works on
		held.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		wantOpen(t, s, 0, 2)
		ask(t, db)
		ask(t, handle(t, s, ""))
		wantOpen(t, s, 2, 4)
	})
}

func TestDisposeEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		held, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ask(t, held)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = Dispose(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 connections still in use") {
			t.Errorf("got %v, want the context's error and what is in use", err)
		}
		if p := onePool(t); p.InUse != 1 || p.Handles != 0 {
			t.Errorf("got %+v, want the pool with what is in use", p)
		}
		again := make(chan error, 1)
		go func() { again <- Dispose(t.Context()) }()
		synctest.Wait()
		select {
		case <-again:
			t.Error("a second Dispose did not wait for what the first one left")
		default:
		}
		held.Close()
		if err := <-again; err != nil {
			t.Error(err)
		}
		wantOpen(t, s, 0, 1)
		if all := Stats(); len(all) != 0 {
			t.Errorf("the pool is still there: %+v", all)
		}
	})
}

func TestDriverOpenLeavesNoHandle(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := s.connector(t, "")
		lone, err := c.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		lone.(*conn).alone = true // as Driver.Open does, which cannot be aimed at a fake
		if p := onePool(t); p.Handles != 1 {
			t.Errorf("handles: got %d, want 1", p.Handles)
		}
		lone.Close()
		if p := onePool(t); p.Handles != 0 {
			t.Errorf("handles: got %d, want 0", p.Handles)
		}
	})
}

func TestPrivatePoolClosesWithItsHandle(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := s.connector(t, "")
		c.Shared = false
		db := sql.OpenDB(c)
		held, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ask(t, held)
		ask(t, db)
		db.Close()
		wantOpen(t, s, 1, 2)
		held.Close()
		synctest.Wait()
		wantOpen(t, s, 0, 2)
		if all := Stats(); len(all) != 0 {
			t.Errorf("the pool is still there: %+v", all)
		}
	})
}

func TestPoolWithoutHandlesAndConnectionsIsForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		for i := range 100 {
			db := handle(t, s, fmt.Sprintf("pool_recycle=10&wait_timeout=%d", 100+i))
			ask(t, db)
			db.Close()
		}
		synctest.Wait()
		if n := len(Stats()); n != budget.MaxOrphans {
			t.Errorf("pools: got %d, want those that keep a connection, %d", n, budget.MaxOrphans)
		}
		open := handle(t, s, "pool_recycle=10")
		ask(t, open)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if p := onePool(t); p.Handles != 1 || p.Open != 0 {
			t.Errorf("got %+v, want the pool of the handle that is open, empty", p)
		}
		open.Close()
		if all := Stats(); len(all) != 0 {
			t.Errorf("got %+v, want no pool", all)
		}
	})
}

func TestFailedLoginLeavesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		denied := &mysql.MySQLError{Number: 1045, Message: "Access denied"}
		s.login = func(context.Context, int) error { return denied }
		db := handle(t, s, "")
		if err := db.PingContext(t.Context()); err != denied {
			t.Errorf("got %v, want the server's own error, itself", err)
		}
		db.Close()
		synctest.Wait()
		if all := Stats(); len(all) != 0 {
			t.Errorf("got %+v, want no pool", all)
		}
	})
}

// Nothing that people read has a secret in it.
func TestNoSecretGetsOut(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		var log bytes.Buffer
		c := s.connector(t, "pool_size=1&pool_max_overflow=0&pool_timeout=1")
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		db := sql.OpenDB(c)
		held, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ask(t, held)
		err = db.PingContext(t.Context())
		held.Close()
		db.Close()
		stats := fmt.Sprintf("%+v", Stats())
		Dispose(t.Context())
		for _, text := range []string{err.Error(), log.String(), stats} {
			if strings.Contains(text, "secret") {
				t.Errorf("shows the password: %s", text)
			}
		}
		for _, part := range []string{"opened a connection", "closed a connection", "id=1", "reason=disposed"} {
			if !strings.Contains(log.String(), part) {
				t.Errorf("the log does not say %q: %s", part, &log)
			}
		}
	})
}

func TestHealthyPoolLogsNothingAboveDebug(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		var log bytes.Buffer
		c := s.connector(t, "pool_recycle=10")
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		db := sql.OpenDB(c)
		for range 50 {
			ask(t, db)
			time.Sleep(time.Second)
		}
		mustExec(t, db, "SET @a = 1")
		db.Close()
		if log.Len() > 0 {
			t.Errorf("logged: %s", &log)
		}
	})
}

// A handle that outlives Dispose opens a fresh pool, which must learn from the
// server as the first one did.
func TestLimitIsKnownAfterDispose(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		ask(t, db)
		before := onePool(t)
		share := poolsLoginShare(t)
		if err := Dispose(t.Context()); err != nil {
			t.Fatal(err)
		}
		ask(t, db)
		if after := onePool(t); after.Limit != before.Limit {
			t.Errorf("limit: got %d after Dispose, want %d", after.Limit, before.Limit)
		}
		if got := poolsLoginShare(t); got != share {
			t.Errorf("statements kept for each connection: got %d after Dispose, want %d", got, share)
		}
	})
}

func poolsLoginShare(t *testing.T) int64 {
	t.Helper()
	for _, m := range registry.All() {
		return m.Stats().StmtShare
	}
	t.Fatal("no pool")
	return 0
}

// What is still in use of a pool that was disposed of is not the fresh pool's.
func TestHostsOpenAfterDispose(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		newCluster(s)
		db := handle(t, s, "")
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		Dispose(gone)
		ask(t, db)
		for _, p := range Stats() {
			if p.Hosts[0].Open != p.Open {
				t.Errorf("pool with %d open: host says %d open, %d opened", p.Open, p.Hosts[0].Open, p.Hosts[0].Opened)
			}
		}
	})
}
