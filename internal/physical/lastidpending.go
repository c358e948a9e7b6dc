package physical

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// LastID is LAST_INSERT_ID() of a logical connection.
type LastID struct {
	home       atomic.Uint64 // the serial of the physical connection that was used last
	userClosed atomic.Bool   // the logical connection is closed
	changes    atomic.Uint64 // statements that changed it or may have; the logical connection counts
	lostAt     atomic.Uint64 // 1 + changes as of the death that it was lost with; 0: none. See settleLoss

	// value is what it is if none of pending changed it. Whoever stores it while some
	// are pending has mu.
	value atomic.Uint64

	// Statements of which it is not known whether they changed it. The logical
	// connection adds them; reading the id where one ran resolves it.
	mu           sync.Mutex    // a leaf
	pending      []uncertainID // oldest first, each on another connection; guarded by mu
	pendingCount atomic.Int32  // len(pending), changed under mu
}

// uncertainID is where LAST_INSERT_ID() is uncertain.
type uncertainID struct {
	on    *pool.Conn[*Conn]
	guess uint64 // the id in the latest answer there; 0: none
}

// maxPending bounds on how many connections it is uncertain: a statement on one more
// has the others read first.
const maxPending = 4

// Set notes what it is for certain. Only the logical connection calls it.
func (l *LastID) Set(id uint64) {
	l.changes.Add(1)
	if l.pendingCount.Load() > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.keepLocked(nil)
	}
	l.value.Store(id)
}

// Now is the value unless some of pending changed it. Only the logical connection calls it.
func (l *LastID) Now() uint64 {
	l.settleLoss()
	return l.value.Load()
}

// newest is where the newest uncertain statement ran; nil if there is none.
func (l *LastID) newest() *pool.Conn[*Conn] {
	if l.pendingCount.Load() == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) == 0 {
		return nil
	}
	return l.pending[len(l.pending)-1].on
}

// mustResolve reports whether the pending ids must be read, and the result set in c's
// session, before the next statement there may change LAST_INSERT_ID(). unread: an
// uncertain statement ran on c and its id was not read since.
//
// One read resolves all uncertain statements on c, so none on another connection may lie
// between them, and none that no longer counts may come before.
func (l *LastID) mustResolve(c *pool.Conn[*Conn], unread bool) bool {
	if l.pendingCount.Load() == 0 {
		return unread
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	last := len(l.pending) - 1
	if last < 0 || l.pending[last].on == c {
		return last < 0 && unread
	}
	return unread || len(l.pending) >= maxPending
}

// lose notes that it was lost with a connection, unless a statement changed it since it had
// that many changes. Others may call it.
func (l *LastID) lose(changes uint64) { l.lostAt.Store(changes + 1) }

// settleLoss is called by the logical connection before it needs the value: others only note
// the loss, since it may be changing the value meanwhile.
func (l *LastID) settleLoss() {
	if l.lostAt.Load() != 0 && l.lostAt.Swap(0) == l.changes.Load()+1 {
		l.Set(0)
	}
}

// add notes an uncertain statement on c. told is the id in its answer, or 0.
func (l *LastID) add(c *pool.Conn[*Conn], told uint64) {
	l.changes.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	u := uncertainID{on: c}
	all := l.pending
	if i := l.indexLocked(c); i >= 0 {
		u = all[i]
		all = slices.Delete(all, i, i+1)
	}
	if told != 0 {
		u.guess = told
	}
	l.keepLocked(append(all, u))
}

// resolve ends the uncertainty on c. is returns the id in the session there, and whether a
// statement set it; then older pending statements do not count.
func (l *LastID) resolve(c *pool.Conn[*Conn], is func(guess uint64) (id uint64, made bool)) {
	if l.pendingCount.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.indexLocked(c)
	if i < 0 {
		return
	}
	if id, made := is(l.pending[i].guess); made {
		l.value.Store(id)
		l.keepLocked(slices.Delete(l.pending, 0, i+1))
		return
	}
	l.keepLocked(slices.Delete(l.pending, i, i+1))
}

// lost resolves c's by the likely value: the session is gone.
func (l *LastID) lost(c *pool.Conn[*Conn]) {
	l.resolve(c, func(guess uint64) (uint64, bool) { return guess, guess != 0 })
}

func (l *LastID) indexLocked(c *pool.Conn[*Conn]) int {
	return slices.IndexFunc(l.pending, func(u uncertainID) bool { return u.on == c })
}

func (l *LastID) keepLocked(all []uncertainID) {
	l.pending = all
	l.pendingCount.Store(int32(len(all)))
}
