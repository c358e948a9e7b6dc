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
	"testing/synctest"
	"time"
)

var (
	modelSeeds = flag.Int("pool.model", 0, "how many seeds TestModel runs (default 300, with -short 50)")
	modelFails = flag.Int("pool.model.fails", 10, "after how many seeds that fail TestModel stops")
	modelSeed  = flag.Uint64("pool.model.seed", 0, "the one seed that TestModel runs, with its steps in the log")
)

// TestModel runs random programs on a pool in fake time, against a server that
// is slow, full or down at times. It asserts
//
// Safety, whenever everything stands still:
//   - no connection has two owners, and none is used after its Close;
//   - opened = open + closed, as the pool counts and as the server does;
//   - open + being closed + logging in is not above the limit when a login starts;
//   - of those who wait for the same label, the first is served first.
//
// Liveness:
//   - whenever everything stands still and somebody waits, nothing is available
//     that fits, nothing lies idle that takes the room which a login needs,
//     and no login is missing that could start (see idleHands);
//   - from any state, once the server works and owners release what they have,
//     but for some that keep less than the limit for ever, all who wait are
//     served within a bound that is far below Config.Timeout (see calm), and
//     with no more logins than there are reasons for;
//   - every checkout ends at Config.Timeout, or at the end of its context, and a
//     check or a switch later at the most;
//   - Dispose returns once everybody checked in.
func TestModel(t *testing.T) {
	if *modelSeed != 0 {
		runModel(t, *modelSeed, true)
		return
	}
	n := *modelSeeds
	if n == 0 {
		n = 300
		if testing.Short() {
			n = 50
		}
	}
	failed := 0
	for seed := uint64(1); seed <= uint64(n) && failed < *modelFails; seed++ {
		if !runModel(t, seed, false) {
			failed++
		}
	}
}

func runModel(t *testing.T, seed uint64, verbose bool) bool {
	t.Helper()
	var m *model
	synctest.Test(t, func(t *testing.T) { // an error of its own t would end the outer one
		m = newModel(t, seed, verbose)
		m.run()
	})
	for i, wrong := range m.wrong {
		if i == 0 || verbose {
			t.Errorf("seed %d: %s", seed, wrong)
		}
	}
	return len(m.wrong) == 0
}

const (
	modelLabels       = 4
	modelLoginTimeout = 10 * time.Second
	modelSlow         = 50 * time.Millisecond // what a calm server takes at most for anything
)

var errDenied = errors.New("access denied")

// model is one random program and the server that it runs against.
type model struct {
	*testing.T
	rand     *rand.Rand // for the steps
	seed     uint64
	verbose  bool
	p        *Pool[*modelConn]
	cfg      Config[*modelConn]
	budgeted bool                          // it is refused a place with ErrNoPlace, and woken
	fit      [modelLabels][modelLabels]Fit // of a connection with the first label to the second

	mu      sync.Mutex // guards what follows; the login's, Check's and Close's side
	dice    *rand.Rand
	places  int           // that the server has for this pool; below 0: any number
	taken   int           // of them
	weather weather       // how the server does
	slow    time.Duration // the longest that anything takes
	tries   int           // logins begun
	opened  int
	closed  int
	broken  int  // checks and switches that failed, and labels that were refused
	wants   int  // connections that somebody outside the pool wants, each with an AddExternalWaiters
	claimed bool // a login had ErrNoPlace since the latest Wake
	wrong   []string

	// of the steps alone
	asks    []*modelAsk
	held    []*modelLease // owned
	tickets []*modelLease // released
}

// weather is how logins, checks, switches and restores go: each number is how
// many of a hundred fail.
type weather struct{ login, denied, hang, check, switched, refused, restore int }

var weathers = []weather{
	{},
	{},
	{login: 30},
	{denied: 100},
	{login: 100},
	{hang: 30},
	{hang: 100},
	{check: 40, switched: 20, refused: 20, restore: 50},
	{login: 10, denied: 5, hang: 5, check: 10, switched: 5, refused: 5, restore: 20},
}

type modelAsk struct {
	modelAsked[*modelConn]
	label  string
	turn   int
	start  time.Time
	until  time.Time // its context's deadline; zero: none
	cancel context.CancelFunc
	done   bool // seen by the steps
}

type modelAsked[T Resource] struct {
	ended atomic.Bool // conn and err are set
	conn  *Conn[T]
	err   error
	at    time.Time
}

// modelLease is a connection with a ticket, once it was released.
type modelLease struct {
	conn   *Conn[*modelConn]
	ticket Ticket
}

type modelConn struct {
	m     *model
	id    int
	label int          // guarded by ownership
	dirty bool         // likewise: MustRestore says so
	owner atomic.Int32 // 0: nobody; 1: somebody; 2: closed
}

func labelOf(s string) int { return int(s[0] - 'a') }

func (c *modelConn) become(from, to int32, what string) {
	if !c.owner.CompareAndSwap(from, to) {
		c.m.fault("%s of connection %d: owner is %d, want %d", what, c.id, c.owner.Load(), from)
	}
}

func (c *modelConn) Fits(label string) Fit { return c.m.fit[c.label][labelOf(label)] }

func (c *modelConn) Switch(_ context.Context, label string) (kept bool, err error) {
	c.become(0, 1, "Switch")
	defer c.become(1, 0, "Switch")
	w, d := c.m.draw()
	time.Sleep(d)
	switch {
	case c.m.chance(w.refused):
		c.m.count(&c.m.broken)
		return true, errRefused
	case c.m.chance(w.switched):
		c.m.count(&c.m.broken)
		return false, errFake
	}
	c.label = labelOf(label)
	return true, nil
}

func (c *modelConn) Check(ctx context.Context, idle time.Duration) error {
	c.become(0, 1, "Check")
	defer c.become(1, 0, "Check")
	w, d := c.m.draw()
	if d > 0 {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			c.m.count(&c.m.broken)
			return ctx.Err()
		}
	}
	if c.m.chance(w.check) {
		c.m.count(&c.m.broken)
		return errFake
	}
	c.dirty = false
	return nil
}

func (c *modelConn) Restore(context.Context) bool {
	c.become(0, 1, "Restore")
	defer c.become(1, 0, "Restore")
	w, d := c.m.draw()
	time.Sleep(d)
	if c.m.chance(w.restore) {
		return false
	}
	c.dirty = false
	return true
}

func (c *modelConn) Close(Reason) {
	c.become(0, 2, "Close")
	_, d := c.m.draw()
	time.Sleep(d)
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.m.closed++
	c.m.vacateLocked()
}

// vacateLocked is for a place that came free: whoever was refused one is told.
func (m *model) vacateLocked() {
	m.taken--
	m.wakeLocked()
}

func (m *model) wakeLocked() {
	if m.claimed {
		m.claimed = false
		go m.p.Wake()
	}
}

// yield is Config.Yield.
func (m *model) yield(*modelConn, bool) bool {
	if !m.chance(50) {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wants == 0 {
		return false
	}
	m.wants--
	m.p.AddExternalWaiters(-1)
	return true
}

// borrow is what a borrower does with a connection.
func (m *model) borrow(c *modelConn, giveBack func(sound bool)) {
	go func() {
		sound := c.Ping("borrowing") == nil
		giveBack(sound)
	}()
}

// Ping is a Check that leaves what must be restored.
func (c *modelConn) Ping(string) error {
	dirty := c.dirty
	err := c.Check(context.Background(), 0)
	c.dirty = dirty
	return err
}

func (m *model) fault(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faultLocked(format, args...)
}

func (m *model) faultLocked(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	m.wrong = append(m.wrong, text)
	m.logf("WRONG: %s", text)
}

func (m *model) count(n *int) {
	m.mu.Lock()
	*n++
	m.mu.Unlock()
}

func (m *model) chance(percent int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dice.IntN(100) < percent
}

// draw returns how the server does, and how long it takes now.
func (m *model) draw() (weather, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.slow == 0 || m.dice.IntN(3) == 0 {
		return m.weather, 0
	}
	return m.weather, time.Duration(m.dice.Int64N(int64(m.slow)))
}

func (m *model) login(ctx context.Context, label string) (*modelConn, time.Duration, error) {
	w, d := m.draw()
	m.p.mu.Lock()
	if p := m.p; p.limit > 0 && len(p.all)+p.closing+p.logins > p.limit {
		m.fault("a login starts: %d open, %d being closed, %d logging in, limit %d", len(p.all), p.closing, p.logins, p.limit)
	}
	if p := m.p; p.logins > p.cfg.LoginLimit {
		m.fault("%d logins at once, want %d at most", p.logins, p.cfg.LoginLimit)
	}
	m.p.mu.Unlock()
	m.mu.Lock()
	m.tries++
	if m.places >= 0 && m.taken >= m.places {
		defer m.mu.Unlock()
		if m.budgeted {
			m.claimed = true
			return nil, 0, fmt.Errorf("refused: %w", ErrNoPlace)
		}
		return nil, 0, errServerFull
	}
	m.taken++
	m.mu.Unlock()
	fail := func(err error) (*modelConn, time.Duration, error) {
		m.mu.Lock()
		m.vacateLocked()
		m.mu.Unlock()
		return nil, 0, err
	}
	if m.chance(w.hang) {
		<-ctx.Done()
		return fail(ctx.Err())
	}
	if d > 0 {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return fail(ctx.Err())
		}
	}
	switch {
	case m.chance(w.denied):
		return fail(errDenied)
	case m.chance(w.login):
		return fail(errFake)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opened++
	c := &modelConn{m: m, id: m.opened, label: labelOf(label)}
	life := time.Duration(0)
	if m.dice.IntN(3) == 0 {
		life = time.Second + time.Duration(m.dice.Int64N(int64(time.Minute)))
	}
	return c, life, nil
}

func newModel(t *testing.T, seed uint64, verbose bool) *model {
	m := &model{
		T: t, seed: seed, verbose: verbose, places: -1,
		rand: rand.New(rand.NewPCG(seed, 1)), dice: rand.New(rand.NewPCG(seed, 2)),
	}
	r := m.rand
	for a := range m.fit {
		for b := range m.fit[a] {
			m.fit[a][b] = []Fit{Misfit, Misfit, LastResort, Convertible, Exact}[r.IntN(5)]
		}
		m.fit[a][a] = Exact
	}
	m.cfg = Config[*modelConn]{
		Login: m.login, LoginTimeout: modelLoginTimeout, LoginLimit: 1 + r.IntN(8),
		Size: r.IntN(5), Limit: r.IntN(7),
		IdleTimeout: []time.Duration{0, time.Second, time.Minute}[r.IntN(3)],
		Timeout:     []time.Duration{time.Hour, time.Hour, 3 * time.Second}[r.IntN(3)],
		OfferFor:    []time.Duration{0, time.Second, time.Second}[r.IntN(3)],
		Full:        func(err error) bool { return err == errServerFull || errors.Is(err, ErrNoPlace) },
		AuthFailed:  func(err error) bool { return err == errDenied },
	}
	if r.IntN(3) == 0 {
		m.cfg.Keepalive = []time.Duration{200 * time.Millisecond, time.Second, 20 * time.Second}[r.IntN(3)]
		m.cfg.Ping = func(ctx context.Context, c *modelConn, quiet time.Duration) error {
			if quiet < m.cfg.Keepalive-m.cfg.Keepalive/5-1 {
				m.fault("connection %d is pinged after %v", c.id, quiet)
			}
			return c.Ping("keepalive")
		}
	}
	if r.IntN(3) == 0 {
		m.cfg.Warm = 1 + r.IntN(3)
	}
	m.budgeted = r.IntN(2) == 0
	if r.IntN(2) == 0 {
		m.cfg.Yield = m.yield
	}
	if r.IntN(2) == 0 {
		m.cfg.MustRestore = func(c *modelConn) bool { return c.dirty }
	}
	m.p = New(m.cfg)
	return m
}

func (m *model) logf(format string, args ...any) {
	if m.verbose {
		m.Logf("%v "+format, append([]any{time.Now().Format("05.000000")}, args...)...)
	}
}

func (m *model) run() {
	steps := 30 + m.rand.IntN(60)
	for i := 0; i < steps && len(m.wrong) == 0; i++ {
		before, start, noGood := m.queuedTurns(), time.Now(), m.noGood()
		burst := 1
		if m.rand.IntN(4) == 0 {
			burst = 2 + m.rand.IntN(4)
		}
		for range burst {
			m.step(burst == 1)
		}
		m.settle()
		m.inOrder(before, noGood, start)
		if m.rand.IntN(15) == 0 {
			m.calm()
		}
	}
	if len(m.wrong) == 0 {
		m.calm()
	}
	m.end()
}

// step does one thing; alone says that nothing else is done before everything
// stands still.
func (m *model) step(alone bool) {
	r := m.rand
	n := r.IntN(107)
	switch {
	case n >= 100:
		m.outsideStep(n)
	case n < 30:
		m.ask()
	case n < 60:
		m.putAwayOne()
	case n < 68:
		m.takeBackOne()
	case n < 78:
		d := []time.Duration{time.Millisecond, freshGrace, 100 * time.Millisecond, time.Second, 10 * time.Second, time.Minute}[r.IntN(6)]
		m.logf("sleep %v", d)
		time.Sleep(time.Duration(r.Int64N(int64(d))))
	case n < 82:
		m.mu.Lock()
		m.weather = weathers[r.IntN(len(weathers))]
		m.slow = []time.Duration{0, modelSlow, 5 * time.Second}[r.IntN(3)]
		m.logf("weather %+v, slow %v", m.weather, m.slow)
		m.mu.Unlock()
	case n < 85:
		m.mu.Lock()
		m.places = r.IntN(6) - 1
		m.logf("places %d", m.places)
		m.wakeLocked()
		m.mu.Unlock()
	case n < 88:
		if alone {
			limit := r.IntN(6)
			m.logf("limit %d", limit)
			m.p.SetLimit(limit)
		}
	case n < 90:
		m.logf("size")
		warm := 0
		if m.cfg.Warm > 0 {
			warm = r.IntN(3)
		}
		m.p.SetSize(r.IntN(5), warm)
	case n < 92:
		n := r.IntN(3)
		m.logf("close %d unused", n)
		m.p.CloseAvailable(n)
	case n < 94:
		odd := r.IntN(3)
		m.logf("invalidate")
		m.p.Invalidate(Broken, func(c *modelConn, _ time.Duration) bool { return c.id%3 == odd })
	case n < 95:
		m.p.UseEachAvailable(func(c *modelConn) {
			c.become(0, 1, "UseEachAvailable")
			c.become(1, 0, "UseEachAvailable")
		})
	case n < 98:
		for _, a := range m.asks {
			if !a.done && r.IntN(3) == 0 {
				m.logf("cancel %d", a.turn)
				a.until = time.Now()
				a.cancel()
				break
			}
		}
	}
}

// outsideStep does something for somebody outside the pool.
func (m *model) outsideStep(n int) {
	m.logf("outside %d", n)
	any := func(*modelConn) bool { return true }
	switch n {
	case 100:
		if m.cfg.Yield != nil {
			m.count(&m.wants)
			m.p.AddExternalWaiters(1)
		}
	case 101:
		m.p.BorrowAvailable(any, m.borrow)
	case 102:
		m.p.BorrowNext(any, m.borrow)
	case 103:
		m.p.Evict(m.rand.IntN(3), Overflow, m.rand.IntN(2) == 0, func(*modelConn, time.Duration) bool { return true })
	case 104:
		m.p.InvalidateAll()
	case 105:
		m.p.Wake()
	case 106:
		life := time.Duration(m.rand.Int64N(int64(time.Minute)))
		m.p.ShortenLives(func(*modelConn) time.Duration { return life })
	}
}

func (m *model) ask() {
	label := string(rune('a' + m.rand.IntN(modelLabels)))
	a := &modelAsk{label: label, turn: len(m.asks), start: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	if m.rand.IntN(5) == 0 {
		d := time.Duration(m.rand.Int64N(int64(2 * time.Second)))
		a.until = a.start.Add(d)
		ctx, cancel = context.WithTimeout(context.Background(), d)
	}
	a.cancel = cancel
	m.logf("ask %d for %s", a.turn, label)
	m.asks = append(m.asks, a)
	go func() {
		a.conn, a.err = m.p.CheckOut(ctx, label)
		a.at = time.Now()
		if a.conn != nil {
			a.conn.Value.become(0, 1, "CheckOut")
		}
		a.ended.Store(true)
	}()
}

// putAwayOne has an owner do with its connection what owners do.
func (m *model) putAwayOne() {
	if len(m.held) == 0 {
		return
	}
	i := m.rand.IntN(len(m.held))
	l := m.held[i]
	m.held = append(m.held[:i], m.held[i+1:]...)
	m.release(l, m.rand.IntN(10))
}

func (m *model) release(l *modelLease, how int) {
	c := l.conn
	c.Value.become(1, 0, "putting away")
	c.Value.dirty = false
	m.logf("connection %d is released: %d", c.Value.id, how)
	switch how {
	case 0:
		c.CheckInDirty()
	case 1:
		c.Discard(Broken)
	case 2:
		m.p.Replace(c, Dirty)
	case 3, 4:
		l.ticket = c.OfferUnused()
		m.tickets = append(m.tickets, l)
	case 5:
		l.ticket = c.Pin(0)
		m.tickets = append(m.tickets, l)
	case 6, 7:
		c.Value.dirty = m.cfg.MustRestore != nil && m.rand.IntN(2) == 0
		l.ticket = c.Offer()
		m.tickets = append(m.tickets, l)
	default:
		c.CheckIn()
	}
}

func (m *model) takeBackOne() {
	if len(m.tickets) == 0 {
		return
	}
	i := m.rand.IntN(len(m.tickets))
	l := m.tickets[i]
	m.tickets = append(m.tickets[:i], m.tickets[i+1:]...)
	if l.conn.Reclaim(l.ticket) {
		l.conn.Value.become(0, 1, "Reclaim")
		m.held = append(m.held, l)
	}
}

// settle waits until everything stands still, and asserts what must hold then.
func (m *model) settle() {
	synctest.Wait()
	now := time.Now()
	for _, a := range m.asks {
		if a.done {
			continue
		}
		if a.ended.Load() {
			a.done = true
			a.cancel()
			m.logf("ask %d ended: %v", a.turn, a.err)
			if a.conn != nil {
				m.held = append(m.held, &modelLease{conn: a.conn})
			}
			continue
		}
		// Two checks and a switch may be under way when time is up.
		end := a.start.Add(m.cfg.Timeout)
		if !a.until.IsZero() && a.until.Before(end) {
			end = a.until
		}
		if late := now.Sub(end); late > 15*time.Second {
			m.fault("checkout %d for %s goes on %v after its end", a.turn, a.label, late)
		}
	}
	s := m.p.Stats()
	for _, wrong := range audit(s) {
		m.fault("%s: %+v", wrong, s)
	}
	m.p.mu.Lock()
	defer m.p.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if int(s.Opened) != m.opened || s.Open+m.p.closing != m.opened-m.closed {
		m.faultLocked("the server opened %d and closed %d: %+v and %d being closed", m.opened, m.closed, s, m.p.closing)
	}
	for _, c := range m.p.idle {
		if c.Value.dirty {
			m.faultLocked("connection %d lies idle and must be restored", c.Value.id)
		}
	}
	for _, wrong := range m.p.inspectLocked() {
		m.faultLocked("%s", wrong)
	}
	for _, wrong := range m.p.idleHands() {
		m.faultLocked("%s: %+v", wrong, s)
	}
}

// idleHands returns what could serve those who wait and does not. It is for when
// everything stands still.
func (p *Pool[T]) idleHands() (wrong []string) {
	if p.waiters.len == 0 || p.disposed {
		return nil
	}
	if p.sweepAt == 0 {
		wrong = append(wrong, "somebody waits, and no timer is set")
	}
	now := clock()
	coming := p.logins + p.closing + p.pingServesLocked(now)
	if coming >= min(p.waiters.len, p.loginLimitLocked()) {
		return wrong
	}
	offered := 0
	for _, c := range p.all {
		if c.State() == Offered {
			offered++
		}
	}
	if offered > 0 {
		wrong = append(wrong, fmt.Sprintf("%d wait, %d comes, and %d lie offered", p.waiters.len, coming, offered))
	}
	room := p.roomLocked()
	if !room && len(p.idle) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d wait, %d comes, there is no room, and %d that do not fit lie idle", p.waiters.len, coming, len(p.idle)))
	}
	blocked := p.logins >= p.loginLimitLocked() || now < p.resume || now < p.waitUntilLocked()
	if room && !blocked {
		wrong = append(wrong, fmt.Sprintf("%d wait, %d comes, and there is room for a login", p.waiters.len, coming))
	}
	return wrong
}

// noGood counts what sends somebody who was served back to the queue.
func (m *model) noGood() int {
	closed := m.p.Stats().Closed
	recycled := closed[Recycled] + closed[Invalidated]
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.broken + int(recycled)
}

// queuedTurns returns who waits, by label, in order.
func (m *model) queuedTurns() map[string][]uint64 {
	m.p.mu.Lock()
	defer m.p.mu.Unlock()
	turns := map[string][]uint64{}
	for w := m.p.waiters.first(); w != nil; w = w.next {
		turns[w.label] = append(turns[w.label], w.arrival)
	}
	return turns
}

// inOrder asserts that of those who waited for the same label nobody was served
// before one who came earlier and waits still. Nobody can say so of a step in
// which a connection was no good, since whoever had it queues again, nor in which
// a login failed or a wait ended.
func (m *model) inOrder(before map[string][]uint64, noGood int, start time.Time) {
	if m.noGood() != noGood {
		return
	}
	for _, a := range m.asks {
		if a.done && a.err != nil && !a.at.Before(start) {
			return
		}
	}
	after := m.queuedTurns()
	for label, turns := range before {
		left := map[uint64]bool{}
		for _, turn := range after[label] {
			left[turn] = true
		}
		waits := false
		for _, turn := range turns {
			switch {
			case left[turn]:
				waits = true
			case waits:
				m.fault("of those who wait for %s turn %d was served before an earlier one: %v, then %v", label, turn, turns, after[label])
				return
			}
		}
	}
}

// calm asserts that from the present state all are served, and that nothing goes
// on after that.
func (m *model) calm() {
	m.mu.Lock()
	m.weather, m.slow, m.places = weather{}, modelSlow, -1
	m.p.AddExternalWaiters(-m.wants)
	m.wants = 0
	m.wakeLocked()
	m.mu.Unlock()
	m.p.mu.Lock()
	limit, size, warm := m.p.limit, m.p.size, m.p.warm
	m.p.mu.Unlock()

	// Some keep theirs, fewer than the limit.
	kept := 0
	keeps := func(l *modelLease) bool {
		if (limit == 0 || kept < limit-1) && m.rand.IntN(2) == 0 {
			kept++
			return true
		}
		return false
	}
	var held, pinned []*modelLease
	for _, l := range m.tickets {
		if l.conn.State() == Pinned && !keeps(l) && l.conn.Reclaim(l.ticket) {
			l.conn.Value.become(0, 1, "Reclaim")
			m.held = append(m.held, l)
		} else {
			pinned = append(pinned, l)
		}
	}
	m.tickets = pinned
	for _, l := range m.held {
		if keeps(l) {
			held = append(held, l)
		} else {
			m.release(l, []int{3, 6, 8}[m.rand.IntN(3)])
		}
	}
	m.held = held
	m.logf("calm: %d kept, limit %d", kept, limit)
	synctest.Wait()

	var waiting []*modelAsk
	for _, a := range m.asks {
		if !a.done {
			waiting = append(waiting, a)
		}
	}
	m.mu.Lock()
	tries, open := m.tries, m.opened-m.closed
	m.mu.Unlock()
	// What is under way now ends in modelLoginTimeout. Then each may need a
	// close and a login of its own, for which the pool has its patience, and a
	// check and a switch.
	bound := modelLoginTimeout + maxBackoff + time.Duration(len(waiting)+1)*(maxPatience+5*modelSlow)
	start := time.Now()
	keepers := len(m.held)
	for {
		m.settle()
		for _, l := range m.held[keepers:] {
			m.release(l, []int{3, 6, 8}[m.rand.IntN(3)])
		}
		m.held = m.held[:keepers]
		left := 0
		for _, a := range waiting {
			if !a.done {
				left++
			}
		}
		if left > 0 && time.Since(start) > bound {
			m.fault("%d of %d still wait after %v of calm with %d kept: %+v", left, len(waiting), bound, kept, m.p.Stats())
		}
		if len(m.wrong) > 0 {
			return
		}
		if left == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	m.settle()
	m.mu.Lock()
	made := m.tries - tries
	m.mu.Unlock()
	if most := 2*len(waiting) + open + size + warm + 2; made > most {
		m.fault("%d logins in a calm of %v, want %d at most: %d waited, %d were open, size %d, warm %d", made, time.Since(start), most, len(waiting), open, size, warm)
	}
	// What expires may be replaced, for size or warm.
	time.Sleep(modelLoginTimeout)
	m.settle()
	m.mu.Lock()
	tries, closed := m.tries, m.closed
	m.mu.Unlock()
	m.p.mu.Lock()
	replacements := m.p.pendingReplacementsLocked() // their turn may come late, if logins failed
	m.p.mu.Unlock()
	time.Sleep(30 * time.Second)
	m.settle()
	m.mu.Lock()
	made, closed = m.tries-tries, m.closed-closed
	m.mu.Unlock()
	if made > closed+warm+replacements {
		m.fault("%d logins in 30 s in which nobody wanted one and %d were closed", made, closed)
	}
}

// end disposes of the pool, and asserts that everything is closed then.
func (m *model) end() {
	for _, a := range m.asks {
		a.cancel()
	}
	done := make(chan error)
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	go func() { done <- m.p.Dispose(ctx) }()
	m.mu.Lock()
	m.slow = min(m.slow, time.Second)
	m.p.AddExternalWaiters(-m.wants)
	m.wants = 0
	m.mu.Unlock()
	for range 100 {
		time.Sleep(time.Second)
		synctest.Wait()
		for _, a := range m.asks {
			if !a.done && a.ended.Load() {
				a.done = true
				if a.conn != nil {
					m.held = append(m.held, &modelLease{conn: a.conn})
				}
			}
		}
		for _, l := range m.held {
			l.conn.Value.become(1, 0, "the last check-in")
			l.conn.CheckIn()
		}
		m.held = nil
	}
	select {
	case err := <-done:
		if err != nil {
			m.fault("Dispose: %v", err)
		}
	default:
		m.fault("Dispose goes on after everybody checked in")
		cancel()
		<-done
	}
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.opened != m.closed || m.taken != 0 {
		m.faultLocked("after Dispose %d were opened and %d closed, and %d places are taken", m.opened, m.closed, m.taken)
	}
}
