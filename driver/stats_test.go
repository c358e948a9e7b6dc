package mysqlpool

import (
	"context"
	"database/sql"
	"log/slog"
	"testing"
	"time"
)

func TestHistograms(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.login = func(context.Context, int) error {
			time.Sleep(40 * time.Millisecond)
			return nil
		}
		db := handle(t, s, oneConnection)
		tx, err := db.Begin() // login, checkout, use
		if err != nil {
			t.Fatal(err)
		}
		waited := make(chan int)
		go func() { waited <- ask(t, handle(t, s, oneConnection)) }() // checkout, use
		time.Sleep(3 * time.Second)
		tx.Rollback()
		<-waited
		for range 5 {
			ask(t, db) // the first is a checkout, and all are uses
		}
		p := onePool(t)
		for _, row := range []struct {
			name string
			h    Histogram
			sum  time.Duration
			of   map[time.Duration]int64 // how many at most that long; 0 is longer than all
		}{
			{"CreateTime", p.CreateTime, 40 * time.Millisecond, map[time.Duration]int64{50 * time.Millisecond: 1}},
			{"WaitTime", p.WaitTime, 3040 * time.Millisecond, map[time.Duration]int64{50 * time.Millisecond: 1, 5 * time.Second: 1, 100 * time.Microsecond: 1}},
			{"UseTime", p.UseTime, 3 * time.Second, map[time.Duration]int64{5 * time.Second: 1, 100 * time.Microsecond: 6}},
		} {
			n := int64(0)
			for i, got := range row.h.Counts {
				bound := time.Duration(0)
				if i < len(row.h.Bounds) {
					bound = row.h.Bounds[i]
				}
				if got != row.of[bound] {
					t.Errorf("%s: got %d of up to %v, want %d", row.name, got, bound, row.of[bound])
				}
				n += got
			}
			if row.h.Count != n || row.h.Sum != row.sum {
				t.Errorf("%s: got %d in %v, want %d in %v", row.name, row.h.Count, row.h.Sum, n, row.sum)
			}
		}
		p.CreateTime.Bounds[0] = 0 // it is the caller's own
		if onePool(t).CreateTime.Bounds[0] == 0 {
			t.Error("the bounds are shared")
		}
	})
}

func TestPoolsKeepTheirNumbers(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		a, b := handle(t, s, "pool_size=1"), handle(t, s, "pool_size=2")
		ask(t, b)
		ask(t, a)
		first := Stats()
		if len(first) != 2 || first[0].Size != 2 || first[1].Size != 1 || first[0].Number >= first[1].Number || first[0].Login != first[1].Login {
			t.Errorf("want the older one first: %+v", first)
		}
	})
}

// A healthy program logs nothing above debug.
func TestHealthyProgramLogsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.resets = true
		var log logged
		c := s.connector(t, "pool_size=1&pool_idle_timeout=1m&pool_recycle=10m&pool_leak_after=1h")
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		db := sql.OpenDB(c)
		defer db.Close()
		ask(t, db)
		askWith(t, db, 3, "SELECT ?")
		for _, text := range []string{"SET time_zone = '+00:00'", "SET @a = 1", "CREATE TEMPORARY TABLE t (n INT)", "USE other"} {
			db.SetMaxIdleConns(0)
			if _, err := db.Exec(text); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := db.PingContext(ctx); err == nil {
			t.Error("a context that has ended: got no error")
		}
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute) // in which it is recycled, and others idle
		tx.Rollback()
		s.query = refuse("SELECT 1", 1064)
		db.Exec("SELECT 1")
		time.Sleep(time.Hour)
		if p := onePool(t); p.Recycled+p.IdleClosed == 0 || p.Undone+p.Reset == 0 {
			t.Errorf("little was done: %+v", p)
		}
		if got := log.take(); got != "" {
			t.Errorf("logged %s", got)
		}
	})
}
