package physical

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/pool"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// LAST_INSERT_ID() belongs to the logical connection. What its statements made of
// it is noted from the answers, and set in the session before a statement that
// reads it, where the session has another one's. The answer to an INSERT has
// an id that was generated, which LAST_INSERT_ID() is from then on, or one that
// the row was given, and then it is as before. Where it is not known which of the two it is
// the id is uncertain: it is read once, by the next user of the physical connection.

// sessionID is LAST_INSERT_ID() of a session on the server. Guarded by ownership.
type sessionID struct {
	value   uint64
	unknown bool

	// user is whose uncertain value the session has; nil: nobody's. Then value is
	// what it was before the statement.
	user   *Lease
	own    bool // value was user's
	leased *pool.Conn[*Conn]
}

// notesID notes what a statement did to LAST_INSERT_ID(), for which
// [session.Statement.ChangesID] is true. result is nil if its answer
// was rows.
func (l *Lease) notesID(p *Conn, st *session.Statement, args []driver.NamedValue, result driver.Result, err error) {
	if err == nil && result != nil && st.Inserts() {
		told, err := result.LastInsertId()
		id := uint64(told)
		if err != nil {
			return
		}
		what := uncertain
		if id != 0 {
			what = whatOf(st, id, args, result, p.Host.Cfg.ClientFoundRows)
		} else if st.Reads()&session.LastID == 0 {
			what = unchanged
		}
		switch what {
		case generated:
			l.LastID.Set(id)
			p.diagnostics.lastID = sessionID{value: id}
		case uncertain:
			l.uncertain(p, id)
		}
		return
	}
	told := int64(0)
	if err == nil && result != nil {
		told, _ = result.LastInsertId()
	}
	l.uncertain(p, uint64(told))
}

// idVerdict is what the answer to an INSERT means.
type idVerdict uint8

const (
	uncertain idVerdict = iota
	unchanged           // LAST_INSERT_ID() is what it was
	generated           // it is the id in the answer
)

// whatOf returns it for an answer that has an id.
func whatOf(st *session.Statement, id uint64, args []driver.NamedValue, result driver.Result, foundRows bool) idVerdict {
	rows := st.Rows(id)
	n, _ := result.RowsAffected()
	calls := st.Reads()&session.LastID != 0 // ... UPDATE id = LAST_INSERT_ID(id)
	if rows == session.OneOrUpdate && n != 1 && !calls {
		return unchanged // a row was updated, and the id is that row's
	}
	if mayBeLimit(id) {
		return uncertain
	}
	for i := range args {
		if mayBeID(args[i].Value, id) {
			return uncertain
		}
	}
	switch rows {
	case session.OneRow, session.ManyRows:
		return generated
	case session.AnyRows:
		return uncertain
	}
	if calls || rows == session.OneOrUpdate && n == 1 && !foundRows {
		return generated
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
func (l *Lease) uncertain(p *Conn, told uint64) {
	s, id := &p.diagnostics.lastID, &l.LastID
	id.settleLoss()
	if s.user != l || s.leased != l.leased {
		s.own = s.user == nil && !s.unknown && id.newest() == nil && s.value == id.Now()
		s.unknown = s.unknown || s.user != nil
		s.user, s.leased = l, l.leased
	}
	id.add(l.leased, told)
}

// lastIDPause is the interval at which a connection is polled while its new user reads the
// id.
const lastIDPause = time.Millisecond

// ownLastID returns what LAST_INSERT_ID() is to l, whose connection is p. Where that is
// uncertain it is read first. If its connection was closed it is lost, as the
// stock driver's with its connection.
func (l *Lease) ownLastID(ctx context.Context, p *Conn) (uint64, error) {
	id := &l.LastID
	id.settleLoss()
	for waited := time.Duration(0); ; {
		on := id.newest()
		switch {
		case on == nil:
			return id.Now(), nil
		case on == l.leased:
			if err := readLastID(ctx, p); err != nil {
				return 0, err
			}
			id.lost(on)
			continue
		case waited >= PingTimeout:
			id.lost(on)
			continue
		}
		var err error
		if on.Use(func(o *Conn) { err = resolveLastID(ctx, o) }) && err == nil {
			id.lost(on) // unless it was read: the session does not have it any more
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

// placeLastID makes the session's LAST_INSERT_ID() that of l, whose connection is p.
func (l *Lease) placeLastID(ctx context.Context, p *Conn) error {
	s := &p.diagnostics.lastID
	if s.user == l && s.own && l.LastID.newest() == l.leased {
		return nil
	}
	own, err := l.ownLastID(ctx, p)
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
	p.diagnostics.lastID = sessionID{value: own}
	if own != 0 || p.Host.lastIDStays.Load() != staysUnknown {
		return nil
	}
	if err := readLastID(ctx, p); err != nil {
		return err
	}
	if p.diagnostics.lastID.value == 0 {
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

// errForeignLastID means that a session has another user's LAST_INSERT_ID(), which cannot
// be set to 0.
var errForeignLastID = errors.New("mysqlpool: LAST_INSERT_ID() is 0 here, the session has another user's, and the server ignores LAST_INSERT_ID(0): " +
	"ask for it after an INSERT, or take it from the sql.Result")

// withoutLastID handles a session whose id cannot be set to 0. If the statement does not
// read the id (shown is false), nothing is done. Otherwise the session is reset if it has
// no other state, else the error is errForeignLastID.
func (l *Lease) withoutLastID(ctx context.Context, p *Conn, shown, mayReset bool) error {
	switch {
	case !shown:
		return nil
	case !mayReset || p.kinds() != 0 || p.Shared.Reset == dsn.ResetNever:
		return errForeignLastID
	}
	r := restorer{p}
	how, err := byReset, r.resetAndSet(ctx, 0)
	if err == nil && !r.isTested(byReset) {
		how, err = r.test(ctx, byReset)
	}
	switch {
	case err == nil && how == byReset:
		p.Shared.restored(byReset)
		return nil
	case errors.Is(err, errNoReset):
		return errForeignLastID
	}
	return err
}
