package loginpace

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
)

var errRefused = &mysql.MySQLError{Number: 1045, Message: "Access denied"}

// begin begins a login with one of some passwords, and says how long it had to wait.
func begin(t *testing.T, a *Account, password byte, asked bool) (end func(error), waited time.Duration, err error) {
	t.Helper()
	start := time.Now()
	end, err = a.Begin(t.Context(), [32]byte{password}, asked, func() bool { return true })
	return end, time.Since(start), err
}

func TestOneAtATimeTriesARefusedPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(Account)
		end, _, _ := begin(t, a, 1, true)
		end(errRefused)
		if _, _, err := begin(t, a, 1, false); !errors.Is(err, errRefused) {
			t.Errorf("a login that nobody asked for: got %v, want the refusal", err)
		}
		again, _, err := begin(t, a, 1, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := begin(t, a, 1, true); !errors.Is(err, errRefused) {
			t.Errorf("a second one at once: got %v, want the refusal", err)
		}
		other, waited, err := begin(t, a, 2, true)
		if err != nil || waited > 0 {
			t.Errorf("another password: got %v after %v, want its turn at once", err, waited)
		}
		other(errors.New("no answer"))
		if _, _, err := begin(t, a, 1, true); !errors.Is(err, errRefused) {
			t.Errorf("after another one ended: got %v, want the refusal", err)
		}
		again(nil)
		end, waited, err = begin(t, a, 1, true)
		if err != nil || waited > 0 {
			t.Errorf("after it succeeded: got %v after %v, want its turn at once", err, waited)
		}
		end(nil)
	})
}

// The password may have been changed since the login began that succeeds now.
func TestLoginThatBeganBeforeARefusalProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(Account)
		early, _, _ := begin(t, a, 1, true)
		late, _, _ := begin(t, a, 1, true)
		time.Sleep(time.Millisecond)
		late(errRefused)
		early(nil)
		if !a.succeeded.IsZero() || a.passwords[[32]byte{1}] == nil {
			t.Error("the password is thought to be right")
		}
	})
}

// A burst begins with few logins; those that wait come first in the order in which they
// came, and more at once only if that takes long.
func TestBurstGrowsWithItsWait(t *testing.T) {
	for _, takes := range []time.Duration{5 * time.Millisecond, 200 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			a := new(Account)
			end, _, _ := begin(t, a, 1, true)
			time.Sleep(takes)
			end(nil)
			most, longest, began := 0, time.Duration(0), time.Now()
			done := make(chan bool)
			for range 60 {
				go func() {
					defer func() { done <- true }()
					end, waited, err := begin(t, a, 1, true)
					if err != nil {
						t.Error(err)
						return
					}
					a.mu.Lock()
					longest = max(longest, waited)
					if time.Since(began) <= takes { // before a refusal could be known
						most = max(most, a.underway)
					}
					a.mu.Unlock()
					time.Sleep(takes)
					end(nil)
				}()
			}
			for range 60 {
				<-done
			}
			if most > MostAtOnce {
				t.Errorf("takes %v: %d were under way before one had ended, want %d at most", takes, most, MostAtOnce)
			}
			if want := max(60/MostAtOnce*5*time.Millisecond, 4*(takes+takes/4)); longest > want {
				t.Errorf("takes %v: one waited for %v, want %v at most", takes, longest, want)
			}
		})
	}
}
