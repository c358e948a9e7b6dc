package pool

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fake is a physical connection.
type fake struct {
	t        testing.TB
	id       int
	check    func(ctx context.Context, idle time.Duration) error // nil: it is fine
	closing  func()                                              // nil: Close takes no time
	closedAs atomic.Int32                                        // 0, or 1 + Reason

	label    atomic.Pointer[string]                    // what it was opened with or switched to; "" cannot be switched to
	switches func(label string) (kept bool, err error) // nil: it goes well
	restore  func(ctx context.Context) bool            // nil: it can be
}

func (f *fake) Fits(label string) Fit {
	switch label {
	case *f.label.Load():
		return Exact
	case "":
		return Misfit
	}
	if *f.label.Load() == "" {
		return LastResort
	}
	return Convertible
}

func (f *fake) Switch(_ context.Context, label string) (kept bool, err error) {
	if f.switches != nil {
		if kept, err = f.switches(label); err != nil {
			return kept, err
		}
	}
	f.label.Store(&label)
	return true, nil
}

func (f *fake) Check(ctx context.Context, idle time.Duration) error {
	if f.check == nil {
		return nil
	}
	return f.check(ctx, idle)
}

func (f *fake) Restore(ctx context.Context) bool { return f.restore == nil || f.restore(ctx) }

func (f *fake) Close(why Reason) {
	if !f.closedAs.CompareAndSwap(0, int32(why)+1) {
		f.t.Errorf("connection %d closed twice", f.id)
	}
	if f.closing != nil {
		f.closing()
	}
}

// fate says why the connection was closed, or that it is open.
func (f *fake) fate() string {
	if why := f.closedAs.Load(); why != 0 {
		return Reason(why - 1).String()
	}
	return "open"
}

type (
	config   = Config[*fake]
	fakeConn = Conn[*fake]
)

// bed is a test in a bubble of fake time, with a pool. Every step ends with
// settle, so that whatever it caused is over, and what must always hold holds.
type bed struct {
	*testing.T
	p     *Pool[*fake]
	epoch time.Time

	// How logins go from now on. Set it between steps.
	login func(ctx context.Context, n int) error // n counts from 1; nil: at once
	life  time.Duration
	check func(ctx context.Context, idle time.Duration) error // of what is opened

	switches func(label string) (kept bool, err error) // of what is opened
	restore  func(ctx context.Context) bool            // of what is opened

	mu     sync.Mutex
	logins int
	opened []*fake
}

// bubble runs test on a pool with defaults that change, if not nil, adapts.
func bubble(t *testing.T, change func(*config), test func(*bed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bed{T: t, epoch: time.Now()}
		cfg := config{
			Login: b.logIn, LoginTimeout: 10 * time.Second, LoginLimit: 8,
			Size: 5, Limit: 10,
			IdleTimeout: 10 * time.Minute, Timeout: 30 * time.Second, OfferFor: time.Second,
			PinText: func(why uint32) []string { return []string{"settings", "locks"}[:why] },
		}
		if change != nil {
			change(&cfg)
		}
		b.p = New(cfg)
		defer b.finish()
		test(b)
	})
}

func limit(n int) func(*config) { return func(cfg *config) { cfg.Limit = n } }

func (t *bed) logIn(ctx context.Context, label string) (*fake, time.Duration, error) {
	t.mu.Lock()
	t.logins++
	n, login, life := t.logins, t.login, t.life
	t.mu.Unlock()
	if login != nil {
		if err := login(ctx, n); err != nil {
			return nil, 0, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f := &fake{t: t, id: n, check: t.check, switches: t.switches, restore: t.restore}
	f.label.Store(&label)
	t.opened = append(t.opened, f)
	return f, life, nil
}

// slow is a login that takes that long, or until its context ends.
func slow(d time.Duration) func(context.Context, int) error {
	return func(ctx context.Context, _ int) error { return sleep(ctx, d) }
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// finish ends what still runs, and counts the connections a last time.
func (t *bed) finish() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	t.p.Dispose(ctx)
	if s := t.settle(); s.Open != s.InUse || s.LoggingIn != 0 || s.Waiting != 0 {
		t.Errorf("after Dispose more is left than what is in use: %+v", s)
	}
}

// settle waits until nothing moves any more, and audits the pool.
func (t *bed) settle() Stats {
	t.Helper()
	synctest.Wait()
	s := t.p.Stats()
	for _, wrong := range audit(s) {
		t.Errorf("%s: %+v", wrong, s)
	}
	t.mu.Lock()
	open := 0
	for _, f := range t.opened {
		if f.fate() == "open" {
			open++
		}
	}
	if int(s.Opened) != len(t.opened) || s.Open != open {
		t.Errorf("Stats say opened %d, open %d; the server says %d and %d", s.Opened, s.Open, len(t.opened), open)
	}
	t.mu.Unlock()

	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	for _, wrong := range t.p.inspectLocked() {
		t.Error(wrong)
	}
	return s
}

// audit returns which of the sums that Stats promises do not hold.
func audit(s Stats) (wrong []string) {
	sum := int64(s.Open)
	for _, n := range s.Closed {
		sum += n
	}
	if s.Opened != sum {
		wrong = append(wrong, "Opened is not Open and the sum of Closed")
	}
	if s.Open != s.InUse+s.Idle+s.Pinned {
		wrong = append(wrong, "Open is not InUse + Idle + Pinned")
	}
	return wrong
}

// inspectLocked returns what is wrong with the pool's own lists.
func (p *Pool[T]) inspectLocked() (wrong []string) {
	for i, c := range p.all {
		if c.pos != i || c.State() == Closed {
			wrong = append(wrong, "a connection is not where it says")
		}
	}
	for _, c := range p.idle {
		if c.State() != Idle || p.all[c.pos] != c {
			wrong = append(wrong, "the idle list has one that is "+c.State().String())
		}
	}
	for w := p.waiters.first(); w != nil; w = w.next {
		for _, c := range p.idle {
			if c.Value.Fits(w.label) != Misfit {
				wrong = append(wrong, "somebody waits while a connection is idle that fits")
			}
		}
	}
	waiting := p.waiters.len + int(p.outside.Load())
	if p.disposed {
		waiting++
	}
	if int(p.waiting.Load()) != waiting {
		wrong = append(wrong, "waiting is not the number of those who wait")
	}
	return wrong
}

// The steps.

func (t *bed) out() *fakeConn {
	t.Helper()
	c, err := t.p.CheckOut(context.Background(), "")
	if err != nil {
		t.Fatal("CheckOut:", err)
	}
	t.settle()
	return c
}

func (t *bed) outN(n int) (cs []*fakeConn) {
	t.Helper()
	for range n {
		cs = append(cs, t.out())
	}
	return cs
}

func (t *bed) in(cs ...*fakeConn) {
	t.Helper()
	for _, c := range cs {
		t.p.CheckIn(c)
		t.settle()
	}
}

func (t *bed) offer(c *fakeConn) Ticket {
	t.Helper()
	ticket := c.Offer()
	t.settle()
	return ticket
}

func (t *bed) unused(c *fakeConn) Ticket {
	t.Helper()
	ticket := c.OfferUnused()
	t.settle()
	return ticket
}

func (t *bed) pin(c *fakeConn) Ticket {
	t.Helper()
	ticket := c.Pin(1)
	t.settle()
	return ticket
}

// back asserts whether the ticket fits.
func (t *bed) back(c *fakeConn, ticket Ticket, want bool) {
	t.Helper()
	if got := c.Reclaim(ticket); got != want {
		t.Errorf("Reclaim = %v, want %v", got, want)
	}
	t.settle()
}

// asked is a CheckOut on a goroutine of its own.
type asked struct {
	done atomic.Bool // conn and err are set
	conn *fakeConn
	err  error
}

func (t *bed) ask(ctx context.Context) *asked {
	t.Helper()
	return t.askFor(ctx, "")
}

func (t *bed) askFor(ctx context.Context, label string) *asked {
	t.Helper()
	a := new(asked)
	go func() {
		a.conn, a.err = t.p.CheckOut(ctx, label)
		a.done.Store(true)
	}()
	t.settle()
	return a
}

func (t *bed) askN(n int) (as []*asked) {
	t.Helper()
	for range n {
		as = append(as, t.ask(context.Background()))
	}
	return as
}

func (t *bed) waits(as ...*asked) {
	t.Helper()
	for i, a := range as {
		if a.isDone() {
			t.Errorf("%d of %d waits no more: %v, %v", i+1, len(as), a.conn, a.err)
		}
	}
}

// got asserts that a was served with c, or with any connection if c is nil.
func (t *bed) got(a *asked, c *fakeConn) {
	t.Helper()
	if !a.isDone() || a.err != nil || c != nil && a.conn != c {
		t.Fatalf("done %v, connection %p, error %v; want connection %p", a.isDone(), a.conn, a.err, c)
	}
}

// failed asserts that a ended with exactly that error.
func (t *bed) failed(a *asked, err error) {
	t.Helper()
	if !a.isDone() || a.conn != nil || a.err != err {
		t.Fatalf("done %v, connection %p, error %v; want error %v", a.isDone(), a.conn, a.err, err)
	}
}

func (t *bed) state(c *fakeConn, want State) {
	t.Helper()
	if got := c.State(); got != want {
		t.Errorf("connection %d is %v, want %v", c.Value.id, got, want)
	}
}

// fate asserts that c was closed for that reason, or is "open".
func (t *bed) fate(c *fakeConn, want string) {
	t.Helper()
	if got := c.Value.fate(); got != want {
		t.Errorf("connection %d: %s, want %s", c.Value.id, got, want)
	}
}

// closed asserts the counter of one reason, and that no other counted.
func (t *bed) closed(why Reason, n int64) {
	t.Helper()
	var want [Reasons]int64
	want[why] = n
	if got := t.p.Stats().Closed; got != want {
		t.Errorf("Closed = %v, want %v", got, want)
	}
}

func (t *bed) sleep(d time.Duration) {
	t.Helper()
	time.Sleep(d)
	t.settle()
}

// edge asserts that something happens at that time since the bubble began,
// and not a nanosecond earlier.
func (t *bed) edge(at time.Duration, what string, happened func() bool) {
	t.Helper()
	t.sleep(time.Until(t.epoch.Add(at)) - 1)
	if happened() {
		t.Errorf("%s: too early, before %v", what, at)
	}
	t.sleep(1)
	if !happened() {
		t.Errorf("%s: did not happen at %v", what, at)
	}
}

func (a *asked) isDone() bool { return a.done.Load() }

func isClosed(c *fakeConn) func() bool { return func() bool { return c.Value.fate() != "open" } }

func is(c *fakeConn, s State) func() bool { return func() bool { return c.State() == s } }

var errFake = errors.New("fake error")

func broken(context.Context, time.Duration) error { return errFake }

func (t *bed) empty() bool {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	return t.p.emptyLocked()
}
