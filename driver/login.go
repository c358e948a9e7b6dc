package mysqlpool

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/histogram"
	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// offerFor is how long a connection that its owner put away stays with it
// while nobody else waits, at most.
const offerFor = time.Second

// offerTime is a quarter of pool_ping_after at most, so that idle times are known
// well enough. So short that the pool would do little else, it is none.
func offerTime(pingAfter time.Duration) time.Duration {
	if pingAfter < 20*time.Millisecond {
		return 0
	}
	return min(offerFor, pingAfter/4)
}

// loginTries is how often a login is tried that the server breaks off with
// driver.ErrBadConn: as often as database/sql would try.
const loginTries = 3

// login opens the physical connections of a pool.
type login struct {
	settings
	name    string // user@net(addr), for people
	dial    dialFunc
	resolve resolveFunc   // nil: names are not looked up
	timeout time.Duration // of a login
	hosts   *balancer

	// What it needs of its pool.
	setLimit   func(int)
	checkOut   func(ctx context.Context, schema string) (*pool.Conn[*physical], error)
	invalidate func(why pool.Reason, which func(p *physical, idle time.Duration) bool)
	eachUnused func(func(*physical))

	background *background // statements that are killed
	watch      *background // what looks after the hosts; ends when the pool is forgotten

	stmts        *stmtLimits
	tooManyStmts func() // has every pool of the server drop what statements it keeps, for a while

	useTimes       histogram.Histogram
	undone, resets atomic.Int64 // connections that were restored so
	killed         atomic.Int64 // statements
	killing        atomic.Int64 // under way
	rejected       atomic.Int64 // when becameReadOnly last closed all, in nanoseconds of the Unix time
}

func newLogin(c *connector) *login {
	timeout := c.cfg.Timeout
	if timeout <= 0 {
		timeout = c.timeout
	}
	l := &login{
		settings: c.settings,
		name:     fmt.Sprintf("%s@%s(%s)", c.cfg.User, c.cfg.Net, hostList(c.cfg)),
		dial:     c.dial,
		resolve:  c.resolve,
		timeout:  timeout,

		background: newBackground(),
		watch:      newBackground(),
		stmts:      newStmtLimits(c.stmtCache),
	}
	hosts, _ := c.hosts() // as newConnector had them
	for _, h := range hosts {
		h.server = servers.of(h.cfg)
		h.share = &share{budget: h.server.budget, login: l, host: h, user: h.cfg.User, size: c.size}
		h.account = accounts.of(h.cfg)
	}
	l.hosts = newBalancer(hosts, c.options)
	return l
}

// meets reports whether two logins are to the same server, or have one among
// their hosts.
func (l *login) meets(other *login) bool {
	return slices.ContainsFunc(l.hosts.hosts, func(h *host) bool {
		return slices.ContainsFunc(other.hosts.hosts, func(o *host) bool { return h.cfg.Net == o.cfg.Net && h.addr == o.addr })
	})
}

// setParams is what the stock driver sends after a login (handleParams there).
func setParams(params map[string]string) string {
	var sets []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		sets = append(sets, name+" = "+params[name])
	}
	if len(sets) == 0 {
		return ""
	}
	return "SET " + strings.Join(sets, ", ")
}

// poolConfig says how the pool of c behaves.
func poolConfig(c *connector, l *login, emptied func(), makeRoom func(n int)) pool.Config[*physical] {
	return pool.Config[*physical]{
		Login:        l.open,
		LoginTimeout: l.timeout,
		LoginLimit:   c.dialLimit,
		Full:         hasNoRoom,
		AuthFailed:   isRefused,
		MustRestore:  (*physical).mustRestore,
		Yield:        func(p *physical, needed bool) bool { return p.place.share.yields(p.place, needed) },
		MakeRoom:     makeRoom,
		Size:         c.size,
		Limit:        c.limit(),
		Warm:         c.warm,
		IdleTimeout:  c.idleTimeout,
		Timeout:      c.timeout,
		OfferFor:     offerTime(c.pingAfter),
		Keepalive:    c.keepalive,
		Ping:         l.keepalive,
		Emptied:      emptied,
		Name:         c.poolName,
		PinText:      pinText,
	}
}

// log returns the logger. It is not kept, since a program may set slog's
// default late.
func (l *login) log() *slog.Logger {
	log := l.logger
	if log == nil {
		log = slog.Default()
	}
	if l.poolName != "" {
		log = log.With(slog.String("pool_name", l.poolName))
	}
	return log
}

// joins takes a connection into the pool.
func (l *login) joins(p *physical) {
	p.host.open.Add(1)
	p.host.opened.Add(1)
	l.watchAddrs(p)
	l.stmts.opened(p)
}

// openOn logs in to one host. A dialer that does not heed its context is left
// behind when that ends, and what it brings is closed.
func (l *login) openOn(ctx context.Context, h *host, schema string) (*physical, error) {
	if err := h.panics.recent(); err != nil {
		return nil, err
	}
	end, err := l.begin(ctx, h)
	if err != nil {
		return nil, err
	}
	place, err := h.share.take(!pool.IsUnasked(ctx))
	if err != nil {
		end(err)
		return nil, err
	}
	return l.openIn(ctx, h, schema, place, end)
}

// openIn is openOn for a login that may start, with a place that was taken. end is
// called when it has ended.
func (l *login) openIn(ctx context.Context, h *host, schema string, place *place, end func(error)) (*physical, error) {
	type opened struct {
		p   *physical
		err error
	}
	done := make(chan opened, 1)
	go func() {
		p, err := l.attempt(ctx, h, schema, place)
		end(err)
		done <- opened{p, err}
	}()
	select {
	case o := <-done:
		return o.p, o.err
	case <-ctx.Done():
	}
	select {
	case o := <-done: // the stock driver heeds it
		return o.p, o.err
	case <-time.After(heedTime):
	}
	place.release() // or logins that never end would have them all
	go func() {
		if o := <-done; o.err == nil {
			o.p.stockConn.Close()
		}
	}()
	return nil, fmt.Errorf("mysqlpool: login to %s: given up, though the dialer goes on (it does not heed its context): %w", l.at(h), ctx.Err())
}

// heedTime is how long a login has to end after its context.
const heedTime = 500 * time.Millisecond

// attempt is openOn, for as long as it takes.
func (l *login) attempt(ctx context.Context, h *host, schema string, place *place) (p *physical, err error) {
	defer func() {
		if err != nil {
			place.release()
		}
	}()
	// The stock driver indexes the greeting without looking how long it is, and
	// the config may have functions. A panic would take the process down from
	// here, where the caller cannot recover.
	defer func() {
		if r := recover(); r != nil {
			l.log().LogAttrs(ctx, slog.LevelError, "mysqlpool: a login panicked",
				slog.String("login", l.name), slog.String("host", h.addr), slog.Any("panic", r), slog.String("stack", string(debug.Stack())))
			p, err = nil, fmt.Errorf("mysqlpool: login to %s: panic in the stock driver, or in a function of the config (the log has the stack): %v; is the server MySQL or MariaDB?", l.at(h), r)
			h.panics.add(err)
		}
	}()
	start := time.Now()
	doubts, kills, schemas := h.doubts.Load(), h.server.kills.Load(), h.server.schemas.Load()
	p, err = l.logIn(ctx, h, place, schema, false)
	if err != nil {
		return nil, l.explain(ctx, h, start, err)
	}
	p.proven, p.kills, p.schemas = doubts, kills, schemas
	h.panics.forget()
	p.life = l.life(p)
	l.log().LogAttrs(ctx, slog.LevelDebug, "mysqlpool: opened a connection",
		slog.String("login", l.name), slog.String("host", h.addr), slog.Uint64("id", p.id),
		slog.Duration("took", time.Since(start)), slog.Duration("life", p.life))
	return p, nil
}

// logIn logs in and asks what the pool wants to know; cautiously if the server may
// take small packets only.
func (l *login) logIn(ctx context.Context, h *host, place *place, schema string, cautious bool) (*physical, error) {
	inner, err := l.connect(ctx, h, schema)
	if err != nil {
		return nil, err
	}
	stock, ok := inner.(stockConn)
	if !ok {
		inner.Close()
		return nil, fmt.Errorf("mysqlpool: login to %s: the stock driver's connection (%T) lacks an interface that mysqlpool forwards: update mysqlpool", l.at(h), inner)
	}
	p := newPhysical(l, h, stock, schema)
	p.stockConn, p.place = placedConn{stock, place}, place
	p.cautious = cautious
	err = l.ask(ctx, p)
	if err == nil {
		err = h.share.askAtLogin(ctx, p)
	}
	if err == nil && !p.IsValid() {
		err = mysql.ErrInvalidConn // it broke, and what was asked last may be left out
	}
	if err == nil {
		return p, nil
	}
	tooLarge := p.mayBeTooLarge(ctx, err)
	stock.Close() // its place stays, for the next try
	if tooLarge {
		h.learned.Store(nil)
		return l.logIn(ctx, h, place, schema, true)
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
func (l *login) at(h *host) string {
	if !l.hosts.several() {
		return l.name
	}
	return fmt.Sprintf("%s (%s)", l.name, h.addr)
}

// connect is the stock driver's login. The stock driver returns
// driver.ErrBadConn if the server breaks the login off, so that database/sql
// tries again.
func (l *login) connect(ctx context.Context, h *host, schema string) (c driver.Conn, err error) {
	for range loginTries {
		c, err = l.dial(ctx, h, schema)
		if !errors.Is(err, driver.ErrBadConn) {
			return c, err
		}
	}
	return nil, fmt.Errorf("mysqlpool: login to %s: the server broke it off %d times: %w", l.at(h), loginTries, mysql.ErrInvalidConn)
}

// begin waits until the account may log in, and returns what is to be called with
// the login's end. Nobody waits here with a place on the server: see openOn.
func (l *login) begin(ctx context.Context, h *host) (end func(error), err error) {
	doubts := h.doubts.Load
	ended, err := h.account.begin(ctx, passwordHash(h.cfg), func() bool { return doubts() == h.loginDoubts.Load() })
	if err != nil {
		return nil, err
	}
	before := doubts()
	return func(err error) {
		if err == nil {
			h.loginDoubts.Store(before)
		}
		ended(err)
	}, nil
}

// explain says so if an error came from the login's own time limit.
func (l *login) explain(ctx context.Context, h *host, start time.Time, err error) error {
	if ctx.Err() == context.DeadlineExceeded {
		return fmt.Errorf("mysqlpool: login to %s: not done after %v (the DSN's timeout, else pool_timeout): %w",
			l.at(h), time.Since(start).Round(time.Millisecond), err)
	}
	return err
}
