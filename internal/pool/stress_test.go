package pool

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var stressFor = flag.Duration("pool.stress", 0, "how long TestStress runs (default 2s, with -short 300ms)")

const (
	nobody = -1 // owner of a connection that lies in the pool
	gone   = -2 // owner of a closed one
)

// owned is a connection that knows who owns it.
type owned struct {
	s     *stress
	owner atomic.Int64
	label string // not atomic: the race detector sees who reads it without being the owner
}

func (o *owned) Fits(label string) Fit {
	switch label {
	case o.label:
		return Exact
	case "":
		return Misfit
	}
	if o.label == "" {
		return LastResort
	}
	return Convertible
}

func (o *owned) Switch(ctx context.Context, label string) (kept bool, err error) {
	o.become(nobody, 0, "Switch")
	defer o.become(0, nobody, "Switch")
	switch {
	case o.s.oneIn(100):
		return true, errRefused
	case o.s.oneIn(100):
		return false, errFake
	}
	o.label = label
	return true, nil
}

// become asserts that from owned it, and that to does from now on.
func (o *owned) become(from, to int64, what string) {
	if !o.owner.CompareAndSwap(from, to) {
		o.s.Errorf("%s: owned by %d, not by %d", what, o.owner.Load(), from)
	}
}

func (o *owned) Check(ctx context.Context, _ time.Duration) error {
	o.become(nobody, 0, "Check")
	defer o.become(0, nobody, "Check")
	if o.s.oneIn(100) {
		time.Sleep(o.s.upTo(time.Millisecond))
	}
	if o.s.oneIn(200) {
		return errFake
	}
	return ctx.Err()
}

func (o *owned) Restore(context.Context) bool {
	o.become(nobody, 0, "Restore")
	if o.s.oneIn(5) {
		time.Sleep(o.s.upTo(time.Millisecond))
	}
	o.become(0, nobody, "Restore")
	return !o.s.oneIn(4)
}

func (o *owned) Close(Reason) {
	o.become(nobody, gone, "Close")
	if o.s.oneIn(10) {
		time.Sleep(o.s.upTo(time.Millisecond))
	}
	o.s.closed.Add(1)
}

var (
	errRefused    = errors.New("the label was refused")
	errServerFull = errors.New("the server is full")

	labels = []string{"a", "a", "a", "a", "b", "b", ""}
)

// stress is a pool in real time and what the test knows about it.
type stress struct {
	testing.TB
	p              *Pool[*owned]
	opened, closed atomic.Int64
	logins         atomic.Int64
	loginLimit     int64
	bound          int // guarded by p.mu: connections and logins may not be more

	night sync.RWMutex // locked while nobody wants a connection

	mu    sync.Mutex
	moves map[string]int
}

func (s *stress) oneIn(n int) bool                   { return rand.IntN(n) == 0 }
func (s *stress) upTo(d time.Duration) time.Duration { return rand.N(d) + 1 }

func (s *stress) login(ctx context.Context, label string) (*owned, time.Duration, error) {
	if n := s.logins.Add(1); n > s.loginLimit {
		s.Errorf("%d logins at once, LoginLimit is %d", n, s.loginLimit)
	}
	defer s.logins.Add(-1)
	s.p.mu.Lock()
	if n := len(s.p.all) + s.p.logins; n > s.bound {
		s.Errorf("%d open or logging in, at most %d may be", n, s.bound)
	}
	s.p.mu.Unlock()

	switch {
	case s.oneIn(200):
		<-ctx.Done() // LoginTimeout, or Dispose
		return nil, 0, ctx.Err()
	case s.oneIn(10):
		return nil, 0, errFake
	case s.oneIn(20):
		return nil, 0, errServerFull
	case s.oneIn(2):
		time.Sleep(s.upTo(2 * time.Millisecond))
	}
	o := &owned{s: s, label: label}
	o.owner.Store(nobody)
	s.opened.Add(1)
	return o, 5*time.Millisecond + s.upTo(50*time.Millisecond), nil
}

// context is that of a checkout: most have time enough.
func (s *stress) context() (context.Context, context.CancelFunc) {
	if s.oneIn(10) {
		return context.WithTimeout(context.Background(), s.upTo(2*time.Millisecond))
	}
	ctx, cancel := context.WithCancel(context.Background())
	switch {
	case s.oneIn(50):
		cancel()
	case s.oneIn(10):
		time.AfterFunc(s.upTo(time.Millisecond), cancel)
	}
	return ctx, cancel
}

// logical does at random what a logical connection may do, until stop.
func (s *stress) logical(me int64, stop <-chan struct{}) {
	moves := make(map[string]int)
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for what, n := range moves {
			s.moves[what] += n
		}
	}()
	for {
		select {
		case <-stop:
			return
		default:
		}
		s.night.RLock()
		ctx, cancel := s.context()
		label := labels[rand.IntN(len(labels))]
		c, err := s.p.CheckOut(ctx, label)
		cancel()
		switch {
		case err == nil:
			moves["CheckOut"]++
			if c.Value.label != label {
				s.Errorf("label: got %q, want %q", c.Value.label, label)
			}
		case errors.Is(err, errRefused):
			moves["CheckOut: refused label"]++
		case errors.Is(err, errFake):
			moves["CheckOut: failed login"]++
		case errors.Is(err, ErrTimeout):
			moves["CheckOut: timeout"]++
		case errors.Is(err, context.Canceled):
			moves["CheckOut: canceled"]++
		case errors.Is(err, context.DeadlineExceeded):
			moves["CheckOut: deadline"]++
		default:
			s.Error("CheckOut:", err)
		}
		if err == nil {
			s.use(me, c, moves)
		}
		s.night.RUnlock()
	}
}

// use works with a connection, releases it and reclaims it, until it is
// gone in one way or another.
func (s *stress) use(me int64, c *Conn[*owned], moves map[string]int) {
	own := func(what string) { c.Value.become(nobody, me, what) }
	disown := func(what string) { c.Value.become(me, nobody, what) }
	own("CheckOut")
	for {
		if s.oneIn(20) {
			time.Sleep(s.upTo(500 * time.Microsecond))
		}
		var name string
		var release func() Ticket
		switch n := rand.IntN(100); {
		case n < 10:
			moves["CheckIn"]++
			disown("CheckIn")
			c.CheckIn()
			return
		case n < 13:
			moves["CheckInDirty"]++
			disown("CheckInDirty")
			c.CheckInDirty()
			return
		case n < 14:
			moves["Discard"]++
			disown("Discard")
			c.Discard(Dirty)
			return
		case n < 80:
			name, release = "Offer", c.Offer
		case n < 90:
			name, release = "OfferUnused", c.OfferUnused
		default:
			name, release = "Pin", func() Ticket { return c.Pin(0) }
		}
		moves[name]++
		disown(name)
		ticket := release()
		if s.oneIn(20) {
			time.Sleep(s.upTo(3 * time.Millisecond)) // more than OfferFor
		}
		if !c.Reclaim(ticket) {
			moves["Reclaim: gone"]++
			if c.Reclaim(ticket) {
				s.Error("what was gone came back")
			}
			return
		}
		moves["Reclaim"]++
		own("Reclaim")
	}
}

// nights makes everybody pause at times, so that connections are idle.
func (s *stress) nights(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(30 * time.Millisecond):
		}
		s.night.Lock()
		time.Sleep(s.upTo(10 * time.Millisecond))
		s.night.Unlock()
	}
}

// audit changes the limit, and looks all the time whether the sums hold.
func (s *stress) audit(stop <-chan struct{}) {
	audits := 0
	for limit := s.p.cfg.Limit; ; audits++ {
		select {
		case <-stop:
			s.Logf("%8d audits", audits)
			return
		default:
		}
		if s.oneIn(20) {
			limit = 2 + rand.IntN(6)
			s.p.mu.Lock()
			s.bound = max(s.bound, limit)
			s.p.mu.Unlock()
			s.p.SetLimit(limit)
		}
		stats := s.p.Stats()
		for _, wrong := range audit(stats) {
			s.Errorf("%s: %+v", wrong, stats)
		}
		s.p.mu.Lock()
		for _, wrong := range s.p.inspectLocked() {
			s.Error(wrong)
		}
		n := len(s.p.all) + s.p.logins
		if n > s.bound {
			s.Errorf("%d open or logging in, at most %d may be", n, s.bound)
		}
		s.bound = max(n, limit) // what is too many may only become less
		s.p.mu.Unlock()
		time.Sleep(s.upTo(200 * time.Microsecond))
	}
}

func TestStress(t *testing.T) {
	d := *stressFor
	if d == 0 {
		d = 2 * time.Second
		if testing.Short() {
			d = 300 * time.Millisecond
		}
	}
	s := &stress{TB: t, loginLimit: 2, bound: 4, moves: make(map[string]int)}
	s.p = New(Config[*owned]{
		Login: s.login, LoginTimeout: 20 * time.Millisecond, LoginLimit: int(s.loginLimit),
		Size: 2, Limit: s.bound,
		IdleTimeout: 2 * time.Millisecond, Timeout: 10 * time.Millisecond, OfferFor: time.Millisecond,
		Full: func(err error) bool { return err == errServerFull },
	})

	const clients = 10
	var users, auditor sync.WaitGroup
	stop, stopAudit := make(chan struct{}), make(chan struct{})
	auditor.Go(func() { s.audit(stopAudit) })
	users.Go(func() { s.nights(stop) })
	for i := range clients {
		users.Go(func() { s.logical(int64(i+1), stop) })
	}
	time.Sleep(d)
	close(stop)
	users.Wait()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.p.Dispose(ctx); err != nil {
		t.Error(err)
	}
	close(stopAudit)
	auditor.Wait()

	stats := s.p.Stats()
	if n := s.opened.Load(); stats.Open != 0 || stats.Opened != n || s.closed.Load() != n {
		t.Errorf("opened %d, closed %d: %+v", n, s.closed.Load(), stats)
	}
	for why, n := range stats.Closed {
		s.moves[fmt.Sprintf("closed: %v", Reason(why))] = int(n)
	}
	for _, what := range []string{
		"CheckOut", "CheckOut: failed login", "CheckOut: refused label", "CheckOut: timeout", "CheckOut: canceled",
		"CheckIn", "CheckInDirty", "Discard", "Offer", "OfferUnused", "Pin", "Reclaim", "Reclaim: gone",
		"closed: recycled", "closed: idle", "closed: broken", "closed: dirty", "closed: overflow",
	} {
		t.Logf("%8d %s", s.moves[what], what)
		if s.moves[what] == 0 && d >= 2*time.Second {
			t.Errorf("%s never happened, so nothing was shown about it", what)
		}
	}
}
