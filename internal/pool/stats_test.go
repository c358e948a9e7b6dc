package pool

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"
)

func TestStatsCountEachState(t *testing.T) {
	bubble(t, limit(6), func(t *bed) {
		cs := t.outN(6)
		t.in(cs[0])
		t.offer(cs[1])
		t.unused(cs[2])
		t.pin(cs[3])
		t.p.Discard(cs[5], Dirty)
		got := t.settle()
		want := Stats{
			Size: 5, Limit: 6,
			Open: 5, InUse: 1, Idle: 3, Pinned: 1, PinnedBy: map[string]int{"settings": 1},
			Opened: 6, Waits: 6,
		}
		want.Closed[Dirty] = 1
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}

func TestStatsCountWaits(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		t.login = slow(2 * time.Second)
		a := t.ask(context.Background())
		if s := t.settle(); s.LoggingIn != 1 || s.Waiting != 1 || s.Waits != 1 || s.Waited != 0 {
			t.Errorf("%+v", s)
		}
		t.sleep(2 * time.Second)
		b := t.ask(context.Background())
		t.sleep(3 * time.Second)
		t.in(a.conn)
		t.got(b, nil)
		if s := t.settle(); s.LoggingIn != 0 || s.Waiting != 0 || s.Waits != 2 || s.Waited != 5*time.Second {
			t.Errorf("%+v", s)
		}
	})
}

func TestTimeoutErrorSaysTheNumbers(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*config)
		before func(*bed)
		ctx    time.Duration // 0: none
		want   string
	}{
		{
			"at the limit", limit(3),
			func(t *bed) { t.pin(t.outN(3)[0]) }, 0,
			"mysqlpool: timed out waiting for a connection: waited 30s; limit 3, in use 2, idle 0, pinned 1 by session state (settings: 1), " +
				"logging in 0, 0 others waiting; held by (none): 3; raise pool_size or pool_max_overflow, or hold fewer connections at a time",
		},
		{
			"with others, by a deadline", limit(1),
			func(t *bed) { t.out(); t.askN(2) }, 1500 * time.Millisecond,
			"mysqlpool: timed out waiting for a connection: waited 1.5s (context deadline exceeded); limit 1, in use 1, idle 0, " +
				"pinned 0 by session state, logging in 0, 2 others waiting; held by (none): 1; raise pool_size or pool_max_overflow, or hold fewer connections at a time",
		},
		{
			"for a login, without a limit", func(cfg *config) { cfg.Limit, cfg.LoginTimeout = 0, time.Hour },
			func(t *bed) { t.login = slow(time.Hour) }, 0,
			"mysqlpool: timed out waiting for a connection: waited 30s; limit none, in use 0, idle 0, pinned 0 by session state, " +
				"logging in 1, 0 others waiting; the server is slow to accept logins",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, row.change, func(t *bed) {
				row.before(t)
				ctx, cancel := context.WithCancel(context.Background())
				if row.ctx > 0 {
					ctx, cancel = context.WithTimeout(ctx, row.ctx)
				}
				defer cancel()
				_, err := t.p.CheckOut(ctx, "")
				if err == nil || err.Error() != row.want {
					t.Errorf("got  %v\nwant %s", err, row.want)
				}
				if !errors.Is(err, ErrTimeout) || errors.Is(err, context.DeadlineExceeded) != (row.ctx > 0) {
					t.Errorf("ErrTimeout %v, DeadlineExceeded %v", errors.Is(err, ErrTimeout), errors.Is(err, context.DeadlineExceeded))
				}
			})
		})
	}
}
