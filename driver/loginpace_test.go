package mysqlpool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/loginpace"
)

var errRefusedLogin = &mysql.MySQLError{Number: 1045, Message: "Access denied for user 'app'"}

// refusals is a server that refuses passwords, and when it did.
type refusals struct {
	mu    sync.Mutex
	right func() bool // whether a login succeeds
	at    []time.Time
}

func (r *refusals) login(ctx context.Context, _ int) error {
	time.Sleep(5 * time.Millisecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.right != nil && r.right() {
		return nil
	}
	r.at = append(r.at, time.Now())
	return errRefusedLogin
}

// most is the most that were refused in any ten seconds.
func (r *refusals) most() (most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, from := range r.at {
		n := 0
		for _, at := range r.at[i:] {
			if at.Sub(from) < 10*time.Second {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

func (r *refusals) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.at)
}

// hammer has n goroutines ask until the end, and returns how many errors they got.
func hammer(t *testing.T, n int, long time.Duration, dbs ...*sql.DB) (errs int) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	end := time.Now().Add(long)
	for i := range n {
		wg.Go(func() {
			for time.Now().Before(end) {
				start := time.Now()
				if err := dbs[i%len(dbs)].Ping(); err != nil {
					if !errors.Is(err, errRefusedLogin) {
						t.Errorf("got %v, want the server's error", err)
					}
					if waited := time.Since(start); waited > 100*time.Millisecond {
						t.Errorf("the server's error came after %v, want at once", waited)
					}
					mu.Lock()
					errs++
					mu.Unlock()
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	return errs
}

func TestRefusedLoginsAreFew(t *testing.T) {
	for name, params := range map[string][]string{
		"one pool":     {""},
		"warm":         {"pool_warm=2"},
		"three pools":  {"", "pool_size=2", "pool_warm=3"},
		"many at once": {"pool_dial_limit=64&pool_size=64"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				r := &refusals{}
				s.login = r.login
				var dbs []*sql.DB
				for _, p := range params {
					dbs = append(dbs, handle(t, s, p))
				}
				errs := hammer(t, 64, 30*time.Second, dbs...)
				if n := r.most(); n >= 10 {
					t.Errorf("the server refused %d in ten seconds, want fewer than 10", n)
				}
				burst := 0
				for i, at := range r.at {
					if at.Sub(r.at[0]) < time.Second {
						burst++
					} else if gap := at.Sub(r.at[i-1]); gap < loginpace.RefusedBackoff-10*time.Millisecond {
						t.Errorf("refused %v after another, want one each %v after the first", gap, loginpace.RefusedBackoff)
						break
					}
				}
				if burst > loginpace.MostAtOnce {
					t.Errorf("%d were refused at first, want %d at most", burst, loginpace.MostAtOnce)
				}
				if n := r.count(); n < 12 {
					t.Errorf("the server was asked %d times in 30 s, want about 18", n)
				}
				if errs < 64*250 {
					t.Errorf("%d errors, want them at once", errs)
				}
			})
		})
	}
}

// A password is changed on the server while a pool with warm connections is used.
func TestRotatedPasswordUnderLoad(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		changed, fixed := false, false
		r := &refusals{}
		r.right = func() bool { return !changed || fixed }
		s.login = r.login
		db := handle(t, s, "pool_warm=2&pool_recycle=5s")
		hammer(t, 8, time.Second, db)
		r.mu.Lock()
		changed = true
		r.mu.Unlock()
		hammer(t, 8, 30*time.Second, db)
		if n := r.most(); n >= 10 || n == 0 {
			t.Errorf("the server refused %d in ten seconds, want fewer than 10", n)
		}
		r.mu.Lock()
		fixed = true
		r.mu.Unlock()
		start := time.Now()
		for db.Ping() != nil {
			time.Sleep(10 * time.Millisecond)
		}
		if d := time.Since(start); d > loginpace.RefusedBackoff+100*time.Millisecond {
			t.Errorf("the right password was found after %v, want %v at most", d, loginpace.RefusedBackoff)
		}
	})
}

// Nobody asks for anything, and so nobody logs in.
func TestNoLoginUnaskedAfterARefusal(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		changed := false
		r := &refusals{}
		r.right = func() bool { return !changed }
		s.login = r.login
		db := handle(t, s, "pool_warm=2&pool_recycle=5s")
		held, err := db.Conn(t.Context()) // a pool with nothing open keeps nothing warm
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		ask(t, held)
		time.Sleep(time.Second)
		synctest.Wait()
		r.mu.Lock()
		changed = true
		r.mu.Unlock()
		time.Sleep(time.Hour)
		if n := r.count(); n > 2 {
			t.Errorf("the server refused %d logins that nobody asked for, want one for each warm connection at most", n)
		}
	})
}

// Another password is tried at once, while the one that was refused is used still.
func TestAnotherPasswordIsTriedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		r := &refusals{}
		s.login = r.login
		wrong := handle(t, s, "")
		hammer(t, 8, 20*time.Second, wrong)
		c, err := newConnector(mustParse(t, "app:other@tcp(fake)/app"))
		if err != nil {
			t.Fatal(err)
		}
		c.Dial = newFakeServer().dial
		right := sql.OpenDB(c)
		defer right.Close()
		start := time.Now()
		if err := right.Ping(); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("the right password was tried after %v, want at once", d)
		}
	})
}

// Logins that hang do not keep others from theirs for long.
func TestHungLoginsDelayOthersForAShortTime(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.login = func(ctx context.Context, n int) error {
			if n <= loginpace.MostAtOnce {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		db := handle(t, s, "pool_size=10") // or the pool would wait too, before a sixth
		for range loginpace.MostAtOnce {
			go db.Ping()
		}
		synctest.Wait()
		start := time.Now()
		if err := db.Ping(); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d > loginpace.LongestWait {
			t.Errorf("waited %v for logins that hang, want %v at most", d, loginpace.LongestWait)
		}
	})
}

// Logins that wait since too many of their account were refused leave the places of
// the server to others.
func TestPacedLoginsHoldNoPlace(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		var refuses atomic.Bool
		s.login = func(context.Context, int) error {
			if refuses.Load() {
				return errRefusedLogin
			}
			return nil
		}
		s.maxConnections = "6" // 3 for us
		with := func(password string) *sql.DB {
			c, err := newConnector(mustParse(t, "app:"+password+"@tcp(fake)/app?timeout=20s"))
			if err != nil {
				t.Fatal(err)
			}
			c.Dial = s.dial
			db := sql.OpenDB(c)
			t.Cleanup(func() { db.Close() })
			return db
		}
		other := asUser(t, s, "other", "")
		ask(t, other) // tells the limits
		refuses.Store(true)
		for i := range loginpace.RefusedMost {
			if err := with(fmt.Sprint("wrong", i)).Ping(); !errors.Is(err, errRefusedLogin) {
				t.Fatalf("got %v, want the server's error", err)
			}
		}
		refuses.Store(false)
		for i := range 5 {
			db := with(fmt.Sprint("new", i))
			go db.Ping()
		}
		synctest.Wait()
		start := time.Now()
		txs := beginAll(t, other, 3)
		if took := time.Since(start); took > 0 {
			t.Errorf("another account was served after %v, want at once", took)
		}
		for _, tx := range txs {
			tx.Rollback()
		}
	})
}

// A password is changed while every connection is recycled each second, and pools log
// in many times at once: few logins are under way when the first is refused, whenever in
// the second that is, and if every connection is replaced because of it.
func TestPasswordChangedAmidRecycling(t *testing.T) {
	for _, pools := range []int{1, 4} {
		for phase := range 4 {
			bubble(t, func(t *testing.T, s *fakeServer) {
				changed := false
				r := &refusals{}
				r.right = func() bool { return !changed }
				s.login = r.login
				var dbs []*sql.DB
				for i := range pools {
					dbs = append(dbs, handle(t, s, fmt.Sprintf("pool_recycle=1s&pool_name=p%d", i)))
				}
				var wg sync.WaitGroup
				changes := time.Now().Add(2*time.Second + time.Duration(phase/2)*time.Second/2)
				end := changes.Add(1100 * time.Millisecond)
				for i := range 64 {
					wg.Go(func() {
						for time.Now().Before(end) {
							if tx, err := dbs[i%pools].Begin(); err == nil {
								time.Sleep(10 * time.Millisecond)
								tx.Rollback()
							}
							time.Sleep(20 * time.Millisecond)
						}
					})
				}
				time.Sleep(time.Until(changes))
				r.mu.Lock()
				changed = true
				r.mu.Unlock()
				if phase%2 == 0 {
					Invalidate(nil)
				}
				wg.Wait()
				if n := r.count(); n == 0 || n > loginpace.MostAtOnce {
					t.Errorf("%d pools, phase %d: %d logins were refused, want one, and %d at most", pools, phase, n, loginpace.MostAtOnce)
				}
			})
		}
	}
}
