package pool

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestLoginOutlivesWhoAskedAndServesTheNext(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		t.login = slow(5 * time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		a := t.ask(ctx)
		t.sleep(time.Second)
		if !errors.Is(a.err, ErrTimeout) {
			t.Fatal(a.err)
		}
		t.sleep(time.Second)
		b := t.ask(context.Background())
		t.edge(5*time.Second, "the login that the first asked for", b.isDone)
		t.got(b, nil)
		if t.logins != 1 {
			t.Errorf("%d logins, want 1", t.logins)
		}
	})
}

func TestFailedLoginFailsOnlyWhoAskedForIt(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		errs := []error{nil, errors.New("first"), fmt.Errorf("second: %w", errFake)}
		t.login = func(_ context.Context, n int) error {
			time.Sleep([]time.Duration{0, 2 * time.Second, time.Second, 3 * time.Second}[n])
			if n < len(errs) {
				return errs[n]
			}
			return nil
		}
		as := t.askN(3)
		t.edge(time.Second, "the second fails", as[1].isDone)
		t.failed(as[1], errs[2])
		t.waits(as[0], as[2])
		t.edge(2*time.Second, "the first fails", as[0].isDone)
		t.failed(as[0], errs[1])
		t.waits(as[2])
		t.sleep(time.Second)
		t.got(as[2], nil)
		if s := t.settle(); s.LoginErrors != 2 || s.Opened != 1 || s.Timeouts != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestFailedLoginWhoseAskerIsServedFailsNobody(t *testing.T) {
	bubble(t, limit(2), func(t *bed) {
		c := t.out()
		t.login = func(ctx context.Context, n int) error {
			sleep(ctx, 2*time.Second)
			if n == 2 {
				return errFake
			}
			return nil
		}
		a, b := t.ask(context.Background()), t.ask(context.Background())
		t.in(c)
		t.got(a, c)
		t.sleep(2 * time.Second)
		t.waits(b) // and a login of its own is under way
		t.edge(4*time.Second, "its own login", b.isDone)
		t.got(b, nil)
	})
}

// The failed login held the place of one more under the limit.
func TestFailedLoginMakesRoom(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		t.login = func(ctx context.Context, n int) error {
			sleep(ctx, time.Second)
			if n == 1 {
				return errFake
			}
			return nil
		}
		a, b := t.ask(context.Background()), t.ask(context.Background())
		t.edge(time.Second, "failure", a.isDone)
		t.failed(a, errFake)
		t.edge(2*time.Second, "the next login", b.isDone)
		t.got(b, nil)
	})
}

func TestLoginLimit(t *testing.T) {
	bubble(t, func(cfg *config) { cfg.Size, cfg.Limit, cfg.LoginLimit = 10, 0, 3 }, func(t *bed) {
		t.login = slow(time.Second)
		as := t.askN(10)
		for _, done := range []int{3, 6, 9, 10} {
			if s := t.settle(); s.LoggingIn != min(3, s.Waiting) {
				t.Errorf("logging in %d with %d waiting, want 3", s.LoggingIn, s.Waiting)
			}
			t.sleep(time.Second)
			for _, a := range as[:done] {
				t.got(a, nil)
			}
			t.waits(as[done:]...)
		}
	})
}

func TestNoMoreLoginsThanWaiters(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		t.login = slow(5 * time.Second)
		for range 4 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			t.ask(ctx)
			t.sleep(time.Second)
		}
		if t.logins != 1 {
			t.Errorf("%d logins for one who waits at a time, want 1", t.logins)
		}
	})
}

func TestLoginsCountAgainstTheLimit(t *testing.T) {
	bubble(t, limit(3), func(t *bed) {
		t.out()
		t.login = slow(time.Second)
		t.askN(5)
		if s := t.settle(); s.Open != 1 || s.LoggingIn != 2 {
			t.Errorf("%+v", s)
		}
		t.sleep(5 * time.Second)
		if s := t.settle(); s.Open != 3 || s.LoggingIn != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestLoginEndsWithLoginTimeoutAndFreesItsSlot(t *testing.T) {
	bubble(t, limit(1), func(t *bed) {
		t.login = slow(time.Hour)
		a := t.ask(context.Background())
		t.sleep(time.Second)
		b := t.ask(context.Background())
		t.login = nil
		t.edge(10*time.Second, "LoginTimeout", a.isDone)
		t.failed(a, context.DeadlineExceeded) // what Login returned, not a TimeoutError
		t.got(b, nil)
	})
}

func TestLoginContextHasTheValuesButNotTheEndOfTheCheckOuts(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		type key struct{}
		var login context.Context
		t.login = func(ctx context.Context, _ int) error {
			login = ctx
			return sleep(ctx, 5*time.Second)
		}
		ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), key{}, "v"), 2*time.Second)
		t.ask(ctx)
		if got := login.Value(key{}); got != "v" {
			t.Errorf("value %v", got)
		}
		if at, _ := login.Deadline(); !at.Equal(t.epoch.Add(10 * time.Second)) {
			t.Errorf("deadline after %v, want LoginTimeout", at.Sub(t.epoch))
		}
		cancel()
		t.settle()
		if login.Err() != nil {
			t.Error("the login ended with the checkout")
		}
	})
}
