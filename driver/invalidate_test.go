package mysqlpool

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/hosts"
)

func TestInvalidate(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.resets = true
		db := asUser(t, s, "app", "pool_name=orders")
		other := asUser(t, s, "other", "pool_name=users")
		ask(t, other)
		db.SetMaxIdleConns(1)
		var held []*sql.Conn
		for range 4 {
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ask(t, c)
			held = append(held, c)
		}
		tx, err := held[1].BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		login := make(chan struct{})
		s.login = func(context.Context, int) error { <-login; return nil }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := db.PingContext(ctx); err == nil { // the login goes on
			t.Fatal("got a connection")
		}
		held[2].Close() // offered
		held[3].Close() // idle
		synctest.Wait()

		n := Invalidate(func(p PoolStats) bool { return p.Name == "orders" })
		synctest.Wait()
		if n != 4 {
			t.Errorf("connections: got %d, want 4", n)
		}
		if open := openOf(s); open["app"] != 2 || open["other"] != 1 {
			t.Errorf("open: got %v, want the two that are in use, and the other pool's", open)
		}
		close(login)
		synctest.Wait()
		if id := ask(t, held[0]); id > 4 {
			t.Errorf("what is in use works on: got connection %d", id)
		}
		if err := tx.Commit(); err != nil {
			t.Error(err)
		}
		held[0].Close()
		held[1].Close()
		time.Sleep(3 * hosts.OfferFor)
		synctest.Wait()
		if open := openOf(s); open["app"] != 0 || open["other"] != 1 {
			t.Errorf("open after use: got %v, want the other pool's alone", open)
		}
		for _, p := range Stats() {
			if want := map[string]int64{"orders": 5}[p.Name]; p.Invalidated != want {
				t.Errorf("%s: invalidated: got %d, want %d: %+v", p.Name, p.Invalidated, want, p)
			}
		}
		ask(t, db)
		if Invalidate(nil) != 2 {
			t.Error("want nil to name every pool")
		}
		ask(t, db)
		ask(t, other)
		wantPlaces(t, s)
	})
}

func TestPoolName(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const params = "pool_size=1&pool_max_overflow=0&pool_timeout=1"
		var log bytes.Buffer
		c := s.connector(t, params+"&pool_name=orders")
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		db := sql.OpenDB(c)
		defer db.Close()
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		ask(t, handle(t, s, params)) // a pool of its own
		err = handle(t, s, params+"&pool_name=orders").PingContext(t.Context())
		if !errors.Is(err, ErrPoolTimeout) || !strings.Contains(err.Error(), "of pool orders: waited 1s") {
			t.Errorf("got %v, want ErrPoolTimeout of pool orders", err)
		}
		tx.Rollback()
		if all := Stats(); len(all) != 2 || all[0].Name != "orders" || all[1].Name != "" {
			t.Errorf("got %+v, want the pool with the name, and the one without", all)
		}
		if !strings.Contains(log.String(), "pool=orders") {
			t.Errorf("the log does not name the pool: %s", &log)
		}
	})
}
