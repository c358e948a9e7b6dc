// Package hosts opens the physical connections of a pool: it chooses the host to log in
// to, probes hosts that failed, closes connections to hosts that are not wanted any
// more, and goes by what the servers say of their limits. Package failover decides; this
// one does what is decided.
package hosts

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/budget"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/pool"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// OfferFor is how long a connection that its owner released stays with it
// while nobody else waits, at most.
const OfferFor = time.Second

// OfferTime is a quarter of pool_ping_after at most, so that idle times are known
// well enough. So short that the pool would do little else, it is none.
func OfferTime(pingAfter time.Duration) time.Duration {
	if pingAfter < 20*time.Millisecond {
		return 0
	}
	return min(OfferFor, pingAfter/4)
}

// LoginTries is how often a login is tried that the server breaks off with
// driver.ErrBadConn: as often as database/sql would try.
const LoginTries = 3

// Dialer opens the physical connections of a pool.
type Dialer struct {
	*physical.Shared
	dial    DialFunc
	resolve serverinfo.ResolveFunc // nil: names are not looked up
	timeout time.Duration          // of a login
	hosts   *hostSet

	// What it needs of its pool.
	setLimit         func(int)
	checkOut         func(ctx context.Context, schema string) (*pool.Conn[*physical.Conn], error)
	invalidate       func(why pool.Reason, match func(p *physical.Conn, idle time.Duration) bool)
	useEachAvailable func(func(*physical.Conn))
	shortenLives     func(func(*physical.Conn) time.Duration)
	tooManyStmts     func() // has every pool of the server drop what statements it keeps, for a while

	afterPanics panics // of Shared.AfterLogin

	background *background // KILLs, and queries for the server's limits; ends with the pool
	watch      *background // what looks after the hosts; ends when the pool is forgotten

	killed   atomic.Int64 // statements
	killing  atomic.Int64 // under way
	rejected atomic.Int64 // when BecameReadOnly last closed all, in nanoseconds of the Unix time
}

// New returns a dialer that was not told yet of its pool: see SetPool.
func New(c Config) *Dialer {
	timeout := c.Cfg.Timeout
	if timeout <= 0 {
		timeout = c.Timeout
	}
	l := &Dialer{
		dial:    c.Dial,
		resolve: c.Resolve,
		timeout: timeout,

		background: newBackground(),
		watch:      newBackground(),
	}
	configs, _ := c.Hosts() // which were read when the handle was opened
	hosts := make([]*dialTarget, len(configs))
	known := make([]*physical.Host, len(configs))
	for i, cfg := range configs {
		hosts[i] = newDialTarget(cfg, i, c.Size)
		known[i] = hosts[i].Host
	}
	l.hosts = newHostSet(hosts, c.Options)
	name := fmt.Sprintf("%s@%s(%s)", c.Cfg.User, c.Cfg.Net, dsn.Address(c.Cfg))
	l.Shared = physical.NewShared(name, c.Options, c.Logger, known, c.Cfg.RejectReadOnly, events{l})
	l.AfterLogin = c.AfterLogin
	l.Tracer = c.Tracer
	return l
}

// SetPool tells the dialer of its pool, before it is used. checkOut checks a connection
// out; tooManyStmts has every pool of the server drop what statements it keeps, for a
// while.
func (l *Dialer) SetPool(p *pool.Pool[*physical.Conn], checkOut func(ctx context.Context, schema string) (*pool.Conn[*physical.Conn], error), tooManyStmts func()) {
	l.setLimit, l.invalidate, l.useEachAvailable, l.shortenLives = p.SetLimit, p.Invalidate, p.UseEachAvailable, p.ShortenLives
	l.checkOut, l.tooManyStmts = checkOut, tooManyStmts
	for _, h := range l.hosts.hosts {
		h.share.Join(pooled{p, l})
	}
}

// Meets reports whether two logins are to the same server, or have one among
// their hosts.
func (l *Dialer) Meets(other *Dialer) bool {
	return slices.ContainsFunc(l.hosts.hosts, func(h *dialTarget) bool {
		return slices.ContainsFunc(other.hosts.hosts, func(o *dialTarget) bool { return h.Cfg.Net == o.Cfg.Net && h.Addr == o.Addr })
	})
}

// PoolConfig says how the pool behaves.
func (l *Dialer) PoolConfig(c *Config, emptied func(), makeRoom func(n int)) pool.Config[*physical.Conn] {
	return pool.Config[*physical.Conn]{
		Login:        l.open,
		LoginTimeout: l.timeout,
		LoginLimit:   c.DialLimit,
		Full:         hasNoRoom,
		AuthFailed:   refusesAll,
		MustRestore:  (*physical.Conn).MustRestore,
		Yield:        func(p *physical.Conn, needed bool) bool { return p.Place.Share.Yields(p.Place, needed) },
		MakeRoom:     makeRoom,
		Size:         c.Size,
		Limit:        c.Limit(),
		Warm:         c.Warm,
		IdleTimeout:  c.IdleTimeout,
		Timeout:      c.Timeout,
		OfferFor:     OfferTime(c.PingAfter),
		Keepalive:    c.Keepalive,
		Ping:         func(ctx context.Context, p *physical.Conn, quiet time.Duration) error { return p.Keepalive(ctx, quiet) },
		Emptied:      emptied,
		Waited:       l.Waited,
		Name:         c.PoolName,
		PinText:      physical.PinText,
	}
}

// hostOf is the host that a connection is to.
func (l *Dialer) hostOf(p *physical.Conn) *dialTarget { return l.hosts.hosts[p.Host.Index] }

// joins takes a connection into the pool.
func (l *Dialer) joins(p *physical.Conn) {
	h := l.hostOf(p)
	h.Open.Add(1)
	h.opened.Add(1)
	l.watchAddrs(h, p)
	l.Stmts.Opened(p)
}

// openOn logs in to one host. A DialFunc that ignores its context is abandoned when ctx
// ends; if it connects later, that connection is closed.
func (l *Dialer) openOn(ctx context.Context, h *dialTarget, schema string) (*physical.Conn, error) {
	if err := h.panics.recent(); err != nil {
		return nil, err
	}
	end, err := l.begin(ctx, h)
	if err != nil {
		return nil, err
	}
	place, err := h.share.Take(!pool.IsBackgroundLogin(ctx))
	if err != nil {
		end(err)
		return nil, err
	}
	return l.openIn(ctx, h, schema, place, end)
}

// openIn is openOn for a login that may start, with a place that was taken. end is
// called when it has ended.
func (l *Dialer) openIn(ctx context.Context, h *dialTarget, schema string, place *budget.Place, end func(error)) (p *physical.Conn, err error) {
	start := l.TraceStart()
	defer func() { l.Traced(ctx, start, physical.TraceEvent{Op: physical.TraceLogin, Host: h.Addr, Err: err}) }()
	type opened struct {
		p   *physical.Conn
		err error
	}
	done := make(chan opened, 1)
	go func() {
		p, err := l.attempt(ctx, h, schema, place, end)
		end(err)
		done <- opened{p, err}
	}()
	select {
	case o := <-done:
		return o.p, o.err
	case <-ctx.Done():
	}
	select {
	case o := <-done: // the stock driver does not ignore it
		return o.p, o.err
	case <-time.After(CancelGrace):
	}
	place.Release() // or logins that never end would have them all
	go func() {
		if o := <-done; o.err == nil {
			o.p.Abandon()
		}
	}()
	return nil, fmt.Errorf("mysqlpool: login to %s: abandoned while the dial function still runs (it ignores its context): %w", l.at(h), ctx.Err())
}

// CancelGrace is how long a login has to end after its context.
const CancelGrace = 500 * time.Millisecond

// attempt is openOn, for as long as it takes. end is called as soon as the account has
// logged in; a second call does nothing.
func (l *Dialer) attempt(ctx context.Context, h *dialTarget, schema string, place *budget.Place, end func(error)) (p *physical.Conn, err error) {
	defer func() {
		if err != nil {
			place.Release()
		}
	}()
	// The stock driver indexes the greeting without looking how long it is, and
	// the config may have functions. A panic would take the process down from
	// here, where the caller cannot recover.
	defer func() {
		if r := recover(); r != nil {
			l.Log().LogAttrs(ctx, slog.LevelError, "mysqlpool: a login panicked",
				slog.String("login", l.Name), slog.String("host", h.Addr), slog.Any("panic", r), slog.String("stack", string(debug.Stack())))
			p, err = nil, fmt.Errorf("mysqlpool: login to %s: panic in the stock driver, or in a function of the config (the log has the stack): %v; is the server MySQL or MariaDB?", l.at(h), r)
			h.panics.add(err)
		}
	}()
	start := time.Now()
	began := h.Now()
	p, err = l.logIn(ctx, h, place, schema, h.Server.TakesSmallPackets(), end)
	if err != nil {
		return nil, l.explain(ctx, h, start, err)
	}
	p.LoggedIn(began)
	h.panics.forget()
	l.Log().LogAttrs(ctx, slog.LevelDebug, "mysqlpool: opened a connection",
		slog.String("login", l.Name), slog.String("host", h.Addr), p.IDAttr(),
		slog.Duration("took", time.Since(start)), slog.Duration("life", p.Life))
	return p, nil
}

// logIn logs in and asks what the pool wants to know; cautiously if the server may
// take small packets only.
func (l *Dialer) logIn(ctx context.Context, h *dialTarget, place *budget.Place, schema string, cautious bool, end func(error)) (*physical.Conn, error) {
	inner, err := l.connect(ctx, h, schema)
	if err != nil {
		return nil, err
	}
	end(nil)
	stock, ok := inner.(physical.StockConn)
	if !ok {
		inner.Close()
		return nil, fmt.Errorf("mysqlpool: login to %s: the stock driver's connection (%T) lacks an interface that mysqlpool forwards: update mysqlpool", l.at(h), inner)
	}
	p := physical.New(l.Shared, h.Host, stock, place, schema, cautious)
	err = p.Inspect(ctx)
	if err == nil {
		err = learner{l}.relearnAtLogin(ctx, h, p)
	}
	if err == nil && !p.IsValid() {
		err = mysql.ErrInvalidConn // it broke, and what was asked last may be left out
	}
	if err == nil {
		return p, nil
	}
	tooLarge := p.MayBeTooLarge(ctx, err)
	stock.Close() // its place stays, for the next try
	if tooLarge {
		h.Learned.Store(nil)
		p, err = l.logIn(ctx, h, place, schema, true, end)
		if err == nil {
			h.Server.NoteSmallPackets()
		}
		return p, err
	}
	return nil, notBadConn(err)
}

// notBadConn hides driver.ErrBadConn, which database/sql must not have from a
// login: it would try again.
func notBadConn(err error) error {
	if err == driver.ErrBadConn {
		return mysql.ErrInvalidConn
	}
	return err
}

// at names a host of the login, for people.
func (l *Dialer) at(h *dialTarget) string {
	if !l.hosts.several() {
		return l.Name
	}
	return fmt.Sprintf("%s (%s)", l.Name, h.Addr)
}

// connect is the stock driver's login. The stock driver returns
// driver.ErrBadConn if the server breaks the login off, so that database/sql
// tries again.
func (l *Dialer) connect(ctx context.Context, h *dialTarget, schema string) (c driver.Conn, err error) {
	for range LoginTries {
		c, err = l.dial(ctx, h.Host, schema)
		if !errors.Is(err, driver.ErrBadConn) {
			return c, err
		}
	}
	return nil, fmt.Errorf("mysqlpool: login to %s: the server broke it off %d times: %w", l.at(h), LoginTries, mysql.ErrInvalidConn)
}

// begin waits until the account may log in, and returns what is to be called with
// the login's end, of which the first call counts. Nobody waits here with a place on the server: see openOn.
func (l *Dialer) begin(ctx context.Context, h *dialTarget) (end func(error), err error) {
	deadFound := h.DeadFound.Load
	ended, err := h.account.Begin(ctx, dsn.PasswordHash(h.Cfg), !pool.IsBackgroundLogin(ctx), func() bool { return deadFound() == h.deadFoundAtLogin.Load() })
	if err != nil {
		return nil, err
	}
	before := deadFound()
	var once sync.Once
	return func(err error) {
		once.Do(func() {
			if err == nil {
				h.deadFoundAtLogin.Store(before)
			}
			ended(err)
		})
	}, nil
}

// explain says so if an error came from the login's own time limit.
func (l *Dialer) explain(ctx context.Context, h *dialTarget, start time.Time, err error) error {
	if ctx.Err() == context.DeadlineExceeded {
		return fmt.Errorf("mysqlpool: login to %s: not done after %v (the DSN's timeout, else pool_timeout): %w",
			l.at(h), time.Since(start).Round(time.Millisecond), err)
	}
	return err
}
