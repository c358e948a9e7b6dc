package pool

import (
	"context"
	"errors"
	"testing"
	"time"
)

// tried is how many logins began.
func (t *bed) tried() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.logins
}

// logsIn sets how logins go from now on.
func (t *bed) logsIn(login func(ctx context.Context, n int) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.login = login
}

// Each of those whom nothing fits has room made for it, also those who came while
// room was made for another.
func TestRoomIsMadeForEach(t *testing.T) {
	bubble(t, limit(4), func(t *bed) {
		t.logsIn(slow(5 * time.Millisecond))
		as := []*asked{t.askFor(context.Background(), "a"), t.askFor(context.Background(), "a"), t.askFor(context.Background(), "a"), t.askFor(context.Background(), "a")}
		t.sleep(time.Second)
		for _, a := range as {
			t.got(a, nil)
			a.conn.Value.closing = func() { time.Sleep(5 * time.Millisecond) }
			t.in(a.conn)
		}
		for i := range as {
			as[i] = t.askFor(context.Background(), "")
		}
		t.sleep(100 * time.Millisecond)
		for _, a := range as {
			t.got(a, nil)
		}
		t.closed(Overflow, 4)
	})
}

// One that becomes idle while somebody waits whom it does not fit, and who has no
// room, makes room then.
func TestRoomIsMadeWhenThatBecomesPossible(t *testing.T) {
	bubble(t, limit(2), func(t *bed) {
		a, b := t.on("a"), t.on("a")
		first, second := t.askFor(context.Background(), ""), t.askFor(context.Background(), "")
		t.waits(first, second)
		t.in(a, b)
		t.got(first, nil)
		t.got(second, nil)
	})
}

// A login that started for one who waits need not wait for the Close of another
// connection.
func TestLoginNeedNotWaitForACloseWhileThereIsRoom(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Size, cfg.Limit = 2, 3 }, func(t *bed) {
		a, b := t.out(), t.out()
		c := t.out()
		t.p.SetLimit(5)
		t.p.SetSize(3, 0)
		w := t.ask(context.Background())
		for _, c := range []*fakeConn{a, b} {
			c.Value.closing = func() { time.Sleep(time.Hour) }
			go t.p.Discard(c, Broken)
		}
		t.sleep(time.Millisecond)
		t.got(w, nil)
		t.in(c)
		t.sleep(time.Hour)
	})
}

// What is kept warm makes room for who waits, and is not opened in its place.
func TestWarmOnesTakeNobodysRoom(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Size, cfg.Limit, cfg.Warm = 1, 2, 1 }, func(t *bed) {
		t.logsIn(slow(5 * time.Millisecond))
		tx := t.askFor(context.Background(), "a")
		t.sleep(time.Second)
		t.got(tx, nil)
		none := t.askFor(context.Background(), "")
		t.sleep(100 * time.Millisecond)
		t.got(none, nil)
		t.in(none.conn)
		t.sleep(time.Hour)
		if t.tried() > 3 {
			t.Errorf("%d logins, want 3: the transaction's, a warm one, and the one that took its place", t.tried())
		}
	})
}

// After a login was refused nothing logs in that nobody asked for, until one
// succeeds.
func TestNothingLogsInUnaskedAfterARefusal(t *testing.T) {
	refused := errors.New("access denied")
	bubble(t, func(cfg *config) {
		cfg.Warm = 2
		cfg.AuthFailed = func(err error) bool { return err == refused }
	}, func(t *bed) {
		c := t.out()
		t.logsIn(func(context.Context, int) error { return refused })
		t.in(c)
		warm := t.outN(3)
		for _, c := range warm[1:] {
			t.p.Replace(c, Dirty)
		}
		before := t.tried()
		t.sleep(time.Hour)
		if n := t.tried() - before; n > 1 {
			t.Errorf("%d logins in an hour that nobody asked for", n)
		}
		t.failed(t.ask(context.Background()), refused)
		t.logsIn(nil)
		t.got(t.ask(context.Background()), nil)
		if s := t.settle(); s.Idle < 2 {
			t.Errorf("%+v: want two idle again once a login succeeded", s)
		}
	})
}

// A login for Config.Warm that fails is tried again less and less.
func TestUnaskedLoginsBackOffFurther(t *testing.T) {
	bubble(t, func(cfg *config) { full(cfg); cfg.Warm = 1 }, func(t *bed) {
		t.logsIn(func(_ context.Context, n int) error {
			if n > 1 {
				return errNoRoom
			}
			return nil
		})
		t.out()
		t.sleep(time.Minute)
		before := t.tried()
		t.sleep(time.Hour)
		if n := t.tried() - before; n > 3600/15+1 {
			t.Errorf("%d logins in an hour, want one each 15 s to 30 s", n)
		}
	})
}
