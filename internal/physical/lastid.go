package physical

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/pool"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// LAST_INSERT_ID() belongs to the logical connection. What its statements made of
// it is noted from the answers, and set in the session before a statement that
// asks for it, where the session has another one's. The answer to an INSERT tells
// an id that was generated, which LAST_INSERT_ID() is from then on, or one that
// the row was given, and then it is as before. Where the two cannot be told apart
// the id is uncertain: it is read once, by whoever gets the physical connection
// next.

// LastID is LAST_INSERT_ID() of a logical connection.
type LastID struct {
	home  atomic.Uint64 // the serial of the physical connection that was used last
	Value atomic.Uint64 // unless on is set
	gone  atomic.Bool   // the logical connection is closed

	// on is where it is uncertain; nil: nowhere. The logical connection sets it.
	// It is taken off under mu, by whoever read the value there.
	on    atomic.Pointer[pool.Conn[*Conn]]
	mu    sync.Mutex // a leaf
	guess uint64     // what the latest uncertain answer told; 0: nothing; guarded by mu
}

func (l *LastID) Set(id uint64) {
	if l.on.Load() != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.on.Store(nil)
	}
	l.Value.Store(id)
}

// sessionID is LAST_INSERT_ID() of a session on the server. Guarded by ownership.
type sessionID struct {
	value   uint64
	unknown bool

	// user is whose uncertain value the session has; nil: nobody's. Then value is
	// what it was before the statement.
	user *Lease
	own  bool // value was user's
	lent *pool.Conn[*Conn]
}

// notesID notes what a statement did to LAST_INSERT_ID(), for which
// [session.Statement.ChangesID] says that it may have. result is nil if its answer
// was rows.
func (h *Holder) notesID(p *Conn, st *session.Statement, args []driver.NamedValue, result driver.Result, err error) {
	if err == nil && result != nil && st.Inserts() {
		told, err := result.LastInsertId()
		id := uint64(told)
		if err != nil {
			return
		}
		what := uncertain
		if id != 0 {
			what = whatOf(st, id, args, result, p.Host.Cfg.ClientFoundRows)
		} else if st.Asks()&session.LastID == 0 {
			what = unchanged
		}
		switch what {
		case generated:
			h.LastID.Set(id)
			p.lastID = sessionID{value: id}
		case uncertain:
			h.uncertain(p, id)
		}
		return
	}
	told := int64(0)
	if err == nil && result != nil {
		told, _ = result.LastInsertId()
	}
	h.uncertain(p, uint64(told))
}

// idVerdict is what the answer to an INSERT means.
type idVerdict uint8

const (
	uncertain idVerdict = iota
	unchanged           // LAST_INSERT_ID() is what it was
	generated           // it is the id that the answer tells
)

// whatOf tells it of an answer that tells an id.
func whatOf(st *session.Statement, id uint64, args []driver.NamedValue, result driver.Result, foundRows bool) idVerdict {
	if mayBeLimit(id) {
		return uncertain
	}
	for i := range args {
		if mayBeID(args[i].Value, id) {
			return uncertain
		}
	}
	rows := st.Rows(id)
	switch rows {
	case session.OneRow, session.ManyRows:
		return generated
	case session.AnyRows:
		return uncertain
	}
	switch n, _ := result.RowsAffected(); {
	case st.Asks()&session.LastID != 0: // ... UPDATE id = LAST_INSERT_ID(id)
		return generated
	case rows == session.OneOrUpdate && n == 1 && !foundRows:
		return generated
	case rows == session.OneOrUpdate && n != 1:
		return unchanged // a row was updated
	}
	return uncertain
}

// mayBeLimit reports whether an id may be what the server made of a number that is
// beyond the limits of its column (without strict mode), or below 0: an answer has
// no sign.
func mayBeLimit(id uint64) bool {
	return id > math.MaxInt64 || id >= math.MaxInt8 && id&(id+1) == 0
}

// mayBeID reports whether an argument may be that id in a column of numbers.
func mayBeID(v driver.Value, id uint64) bool {
	switch v := v.(type) {
	case nil:
		return false
	case int64:
		return uint64(v) == id
	case uint64:
		return v == id
	case float64:
		return session.NearID(v, id)
	case bool:
		return id <= 1
	case string:
		return session.MayBeID(v, id)
	case []byte:
		return len(v) > 0 && session.MayBeID(string(v[:min(len(v), maxIDText)]), id)
	case json.RawMessage:
		return len(v) > 0 && session.MayBeID(string(v[:min(len(v), maxIDText)]), id)
	case time.Time:
		year := float64(v.Year())
		return session.NearID(year, id) || id >= 1e7 // 20060102150405
	}
	return true
}

// maxIDText is longer than any number is, in bytes.
const maxIDText = 64

// uncertain notes that the session may have another LAST_INSERT_ID() than before.
func (h *Holder) uncertain(p *Conn, told uint64) {
	s, l := &p.lastID, &h.LastID
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.user != h.Lease || s.lent != h.lent {
		s.own = s.user == nil && !s.unknown && l.on.Load() == nil && s.value == l.Value.Load()
		s.unknown = s.unknown || s.user != nil
		s.user, s.lent = h.Lease, h.lent
		l.guess = 0
	}
	if told != 0 {
		l.guess = told
	}
	l.on.Store(h.lent)
}

// lost ends the uncertainty: what is likely is all that will be known.
func (l *LastID) lost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on.Swap(nil) != nil && l.guess != 0 {
		l.Value.Store(l.guess)
	}
}

// lostOn is lost if that is where it is uncertain: the connection is closed.
func (l *LastID) lostOn(c *pool.Conn[*Conn]) {
	if l.on.Load() == c {
		l.lost()
	}
}

// saveLastID reads what is uncertain before the connection is closed though it is
// good, as for its age: it would be lost with it.
func (p *Conn) saveLastID() {
	var err error
	defer p.survive("the reading of LAST_INSERT_ID()", &err)
	err = p.settleLastID(context.Background())
}

// readLastID asks the session, and notes it for whose value it is.
func (p *Conn) readLastID(ctx context.Context) error {
	row, err := queryRow(ctx, p, "SELECT LAST_INSERT_ID()")
	if err != nil {
		return err
	}
	id, err := strconv.ParseUint(row[0], 10, 64)
	if err != nil {
		return err
	}
	s := p.lastID
	p.lastID = sessionID{value: id}
	if s.user == nil {
		return nil
	}
	l := &s.user.LastID
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on.Load() != s.lent {
		return nil
	}
	if s.own || !s.unknown && id != s.value || id != 0 && id == l.guess {
		l.Value.Store(id)
	}
	l.on.Store(nil)
	return nil
}

// settleLastID is settle for LAST_INSERT_ID(): what is uncertain is read, unless
// nobody can ask for it any more.
func (p *Conn) settleLastID(ctx context.Context) error {
	user := p.lastID.user
	if user == nil {
		return nil
	}
	if user.LastID.gone.Load() {
		p.lastID = sessionID{unknown: true}
		return nil
	}
	// Not until the next user's context ends: it would cost the former one the id.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), PingTimeout)
	defer cancel()
	err := p.readLastID(ctx)
	if mysqlerr.Number(err) != 0 && p.IsValid() {
		p.lastID = sessionID{unknown: true} // the server does not say
		p.forgetStatus()
		return nil
	}
	return err
}

// lastIDPause is between two looks at a connection on which somebody is just
// reading the id.
const lastIDPause = time.Millisecond

// ownLastID returns what LAST_INSERT_ID() is to h, which holds p. Where that is
// uncertain it is read first. If its connection was closed it is lost, as the
// stock driver's with its connection.
func (h *Holder) ownLastID(ctx context.Context, p *Conn) (uint64, error) {
	l := &h.LastID
	for waited := time.Duration(0); ; {
		on := l.on.Load()
		switch {
		case on == nil:
			return l.Value.Load(), nil
		case on == h.lent:
			if err := p.readLastID(ctx); err != nil {
				return 0, err
			}
			if l.on.Load() == on {
				l.lost()
			}
			continue
		case waited >= PingTimeout:
			l.lost()
			continue
		}
		var err error
		if on.Use(func(o *Conn) { err = o.settleLastID(ctx) }) && err == nil {
			if l.on.Load() == on {
				l.lost() // the session does not have it any more
			}
			continue
		}
		// Whoever has it reads the id before using it.
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(lastIDPause):
			waited += lastIDPause
		}
	}
}

// placeLastID makes the session's LAST_INSERT_ID() that of h, which holds it.
func (h *Holder) placeLastID(ctx context.Context, p *Conn) error {
	s := &p.lastID
	if s.user == h.Lease && s.own {
		return nil
	}
	own, err := h.ownLastID(ctx, p)
	if err != nil {
		return err
	}
	if s.user == nil && !s.unknown && s.value == own {
		return nil
	}
	if own == 0 && p.Host.lastIDStays.Load() == staysYes {
		return errForeignLastID
	}
	set := "LAST_INSERT_ID(" + strconv.FormatUint(own, 10) + ")"
	if _, err = p.ExecContext(ctx, "DO "+set, nil); mysqlerr.Number(err) != 0 { // go-mysql-server has no DO
		_, err = p.ExecContext(ctx, "SELECT "+set, nil)
	}
	if err != nil {
		return err
	}
	p.lastID = sessionID{value: own}
	if own != 0 || p.Host.lastIDStays.Load() != staysUnknown {
		return nil
	}
	if err := p.readLastID(ctx); err != nil {
		return err
	}
	if p.lastID.value == 0 {
		p.Host.lastIDStays.Store(staysNo)
		return nil
	}
	p.Host.lastIDStays.Store(staysYes)
	return errForeignLastID
}

// Whether LAST_INSERT_ID(0) leaves an id as it is, in Host.lastIDStays. TiDB does
// that.
const (
	staysUnknown int32 = iota
	staysNo
	staysYes
)

// errForeignLastID means that a session has another one's LAST_INSERT_ID(), and
// cannot be told 0.
var errForeignLastID = errors.New("mysqlpool: LAST_INSERT_ID() is 0 here, the session has another user's, and the server ignores LAST_INSERT_ID(0): " +
	"ask for it after an INSERT, or take it from the sql.Result")

// withoutLastID is for a session that cannot be told 0. shown is whether the
// statement shows the id, or only may change it: the latter is told from what it
// was. If nothing else is left on the session it is reset.
func (h *Holder) withoutLastID(ctx context.Context, p *Conn, shown, mayReset bool) error {
	switch {
	case !shown:
		return nil
	case !mayReset || p.kinds() != 0 || p.Login.Reset == dsn.ResetNever:
		return errForeignLastID
	}
	r := restorer{p}
	how, err := byReset, r.resetAndSet(ctx, 0)
	if err == nil && !r.proved(byReset) {
		how, err = r.prove(ctx, byReset)
	}
	switch {
	case err == nil && how == byReset:
		p.Login.restored(byReset)
		return nil
	case errors.Is(err, errNoReset):
		return errForeignLastID
	}
	return err
}
