package mysqlpool

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/pool"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// offerFor is how long a connection that its owner put away stays with it
// while nobody else waits.
const offerFor = time.Second

// loginTries is how often a login is tried that the server breaks off with
// driver.ErrBadConn: as often as database/sql would try.
const loginTries = 3

// login opens the physical connections of a pool.
type login struct {
	settings
	name     string // user@net(addr), for people
	server   string // net(addr)
	dial     dialFunc
	asks     string // wait_timeout as the DSN sets it, or ""
	setLimit func(int)

	multi        bool   // multiStatements
	interpolates bool   // interpolateParams
	setParams    string // the statement that sets the DSN's parameters, or ""

	learned  atomic.Pointer[serverFacts]      // nil until the first login
	baseline atomic.Pointer[session.Baseline] // of the latest login

	stmts        *stmtLimits
	tooManyStmts func() // has every pool of the server drop what statements it keeps, for a while

	noReset      atomic.Bool // the server does not know COM_RESET_CONNECTION
	noReleaseAll atomic.Bool // ... nor RELEASE_ALL_LOCKS

	undone, resets atomic.Int64 // connections of which state was taken back so
}

func newLogin(c *connector) *login {
	return &login{
		settings: c.settings,
		name:     fmt.Sprintf("%s@%s(%s)", c.cfg.User, c.cfg.Net, c.cfg.Addr),
		server:   fmt.Sprintf("%s(%s)", c.cfg.Net, c.cfg.Addr),
		dial:     c.dial,
		asks:     c.cfg.Params["wait_timeout"],

		multi:        c.cfg.MultiStatements,
		interpolates: c.cfg.InterpolateParams,
		setParams:    setParams(c.cfg.Params),
		stmts:        newStmtLimits(c.stmtCache),
	}
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
	loginTimeout := c.cfg.Timeout
	if loginTimeout <= 0 {
		loginTimeout = c.timeout
	}
	return pool.Config[*physical]{
		Login:        l.open,
		LoginTimeout: loginTimeout,
		LoginLimit:   c.dialLimit,
		Full:         isServerFull,
		MakeRoom:     makeRoom,
		Size:         c.size,
		Limit:        c.limit(),
		Warm:         c.warm,
		IdleTimeout:  c.idleTimeout,
		Timeout:      c.timeout,
		OfferFor:     min(offerFor, c.pingAfter),
		Emptied:      emptied,
		PinText:      pinText,
	}
}

// log returns the logger. It is not kept, since a program may set slog's
// default late.
func (l *login) log() *slog.Logger {
	if l.logger != nil {
		return l.logger
	}
	return slog.Default()
}

// open logs in and returns the connection and its greatest age.
func (l *login) open(ctx context.Context, schema string) (p *physical, life time.Duration, err error) {
	// The stock driver indexes the greeting without looking how long it is, and
	// the config may have functions. A panic would take the process down from
	// here, where the caller cannot recover.
	defer func() {
		if r := recover(); r != nil {
			l.log().LogAttrs(ctx, slog.LevelError, "mysqlpool: a login panicked",
				slog.String("login", l.name), slog.Any("panic", r), slog.String("stack", string(debug.Stack())))
			p, err = nil, fmt.Errorf("mysqlpool: login to %s: panic in the stock driver, or in a function of the config (the log has the stack): %v; is the server MySQL or MariaDB?", l.name, r)
		}
	}()
	start := time.Now()
	inner, err := l.connect(ctx, schema)
	if err != nil {
		return nil, 0, l.explain(ctx, start, err)
	}
	stock, ok := inner.(stockConn)
	if !ok {
		inner.Close()
		return nil, 0, fmt.Errorf("mysqlpool: login to %s: the stock driver's connection (%T) lacks an interface that mysqlpool forwards: update mysqlpool", l.name, inner)
	}
	p = &physical{stockConn: stock, stockFields: fieldsOf(stock), login: l, schema: schema}
	if err := l.ask(ctx, p); err != nil {
		stock.Close()
		return nil, 0, l.explain(ctx, start, err)
	}
	l.stmts.opened(p)
	life = l.life()
	l.log().LogAttrs(ctx, slog.LevelDebug, "mysqlpool: opened a connection",
		slog.String("login", l.name), slog.Uint64("id", p.id),
		slog.Duration("took", time.Since(start)), slog.Duration("life", life))
	return p, life, nil
}

// connect is the stock driver's login. The stock driver returns
// driver.ErrBadConn if the server breaks the login off, so that database/sql
// tries again.
func (l *login) connect(ctx context.Context, schema string) (c driver.Conn, err error) {
	for range loginTries {
		c, err = l.dial(ctx, schema)
		if !errors.Is(err, driver.ErrBadConn) {
			return c, err
		}
	}
	return nil, fmt.Errorf("mysqlpool: login to %s: the server broke it off %d times: %w", l.name, loginTries, mysql.ErrInvalidConn)
}

// explain says so if an error came from the login's own time limit.
func (l *login) explain(ctx context.Context, start time.Time, err error) error {
	if ctx.Err() == context.DeadlineExceeded {
		return fmt.Errorf("mysqlpool: login to %s: not done after %v (the DSN's timeout, else pool_timeout): %w",
			l.name, time.Since(start).Round(time.Millisecond), err)
	}
	return err
}

// life is the greatest age of a connection that is opened now, shortened by up
// to 2.5 % so that connections opened together do not expire together; 0 means
// that it has none.
func (l *login) life() time.Duration {
	life := l.recycle
	if life == auto {
		wait := defaultWaitTimeout
		if s := l.learned.Load(); s != nil {
			wait = s.waitTimeout
		}
		life = recycleAfter(wait)
	}
	if life <= 0 {
		return 0
	}
	return life - rand.N(life/40+1)
}

// recycleAfter is one second less than the server's wait_timeout. Of the
// shortest, which is one second, it leaves half.
func recycleAfter(waitTimeout time.Duration) time.Duration {
	return max(waitTimeout-time.Second, waitTimeout/2)
}

// waitTimeoutOf reads wait_timeout as a DSN has it. It may be any expression
// there; then the server's answer counts.
func waitTimeoutOf(param string) (time.Duration, bool) {
	seconds, err := strconv.ParseUint(param, 10, 31)
	return time.Duration(seconds) * time.Second, err == nil && seconds > 0
}
