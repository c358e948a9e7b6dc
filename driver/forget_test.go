package mysqlpool

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/hosts"
)

// outlive returns a logical connection whose handle is closed, and whose pool is
// forgotten: its next statement checks out again.
func outlive(t *testing.T, s *fakeServer) *sql.Conn {
	t.Helper()
	db := sql.OpenDB(s.connector(t, "pool_size=0&pool_idle_timeout=0"))
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * hosts.OfferFor) // the pool takes what it offers, and closes it
	db.Close()
	synctest.Wait()
	if all := Stats(); len(all) != 0 {
		t.Fatalf("got %+v, want no pool", all)
	}
	return c
}

func TestForgottenPoolIsListedWhileItIsUsed(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := outlive(t, s)
		listed := func(when string) {
			t.Helper()
			if p := onePool(t); p.Open+p.LoggingIn != 1 {
				t.Errorf("%s: got %+v, want one connection open or coming", when, p)
			}
		}
		s.login = func(context.Context, int) error {
			listed("in its login")
			return nil
		}
		if _, err := c.ExecContext(t.Context(), "SELECT 1"); err != nil {
			t.Fatal(err)
		}
		listed("in use")
		c.Close()
		time.Sleep(5 * hosts.OfferFor)
		if all := Stats(); len(all) != 0 {
			t.Errorf("after use: got %+v, want no pool", all)
		}
		wantOpen(t, s, 0, 2)
	})
}

// A login that fails has the pool forgotten again while the next statement
// checks out. (It is a race of goroutines: hence the rounds.)
func TestForgottenPoolAfterAFailedLogin(t *testing.T) {
	for range 2000 {
		if t.Failed() {
			return
		}
		bubble(t, func(t *testing.T, s *fakeServer) {
			c := outlive(t, s)
			s.login = func(_ context.Context, n int) error {
				if n == 2 {
					return errServer
				}
				time.Sleep(time.Second)
				return nil
			}
			if _, err := c.ExecContext(t.Context(), "SELECT 1"); err == nil {
				t.Error("want an error of the login")
			}
			if _, err := c.ExecContext(t.Context(), "SELECT 1"); err != nil {
				t.Error(err)
			}
			if p := onePool(t); p.Open != 1 {
				t.Errorf("got %d open, want 1", p.Open)
			}
			c.Close()
			synctest.Wait()
		})
	}
}

// Dispose does not return while a pool that was forgotten opens connections, and
// none does while it is under way.
func TestDisposeAndAForgottenPool(t *testing.T) {
	for name, fail := range map[string]error{"it logs in": nil, "its login fails": errServer} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			c := outlive(t, s)
			s.login = func(context.Context, int) error {
				time.Sleep(time.Second)
				return fail
			}
			answered := make(chan error, 1)
			go func() {
				_, err := c.ExecContext(t.Context(), "SELECT 1")
				answered <- err
			}()
			time.Sleep(time.Second - hosts.CancelGrace/2) // the login ends before it is abandoned
			if err := Dispose(t.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if open, _ := s.open(); open > 0 {
				t.Errorf("%s: %d connections are open after Dispose", name, open)
			}
			if err := <-answered; !errors.Is(err, ErrDisposed) {
				t.Errorf("%s: got %v, want ErrDisposed", name, err)
			}
			c.Close()
			synctest.Wait()
			if all := Stats(); len(all) != 0 {
				t.Errorf("%s: got %+v, want no pool", name, all)
			}
		})
	}
}

func TestForgottenPoolWhileDisposeIsUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := outlive(t, s)
		tx, err := handle(t, s, "").Begin() // Dispose waits for it
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- Dispose(t.Context()) }()
		synctest.Wait()
		if _, err := c.ExecContext(t.Context(), "SELECT 1"); !errors.Is(err, ErrDisposed) {
			t.Errorf("got %v, want ErrDisposed", err)
		}
		tx.Rollback()
		if err := <-done; err != nil {
			t.Error(err)
		}
		wantOpen(t, s, 0, 2)
		if _, err := c.ExecContext(t.Context(), "SELECT 1"); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		c.Close()
	})
}

// A connector that was closed is no handle, and its pool is left to itself.
func TestPoolOfAClosedConnectorRetires(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := s.connector(t, "pool_size=5&pool_warm=2")
		c.Close()
		db := sql.OpenDB(c)
		for _, tx := range beginAll(t, db, 5) {
			tx.Rollback()
		}
		db.Close()
		time.Sleep(48 * time.Hour)
		if open, _ := s.open(); open > 1 {
			t.Errorf("no handle for two days: %d are open, want 1 at most", open)
		}
	})
}
