// Connections held too long. Dropped unclosed: conn.watch (driver/conn.go),
// physical.Lease.Dropped.

package mysqlpool

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"weak"
)

// Leak is a connection that is held for longer than pool_leak_after.
type Leak struct {
	Login string    // user@net(addr), as in PoolStats
	Name  string    // pool_name
	ID    uint64    // connection id on the server
	Since time.Time // when it was checked out
	Stack string    // who checked it out, as a panic shows it
}

// Leaks returns the connections that are held for longer than pool_leak_after,
// longest first. It has none while pool_leak_after is 0. A connection is out of it
// once it is checked in, or once the garbage collector finds that nobody can use it
// any more.
func Leaks() []Leak {
	return leaks.all()
}

// maxLeakFrames is how much of a stack is logged.
const maxLeakFrames = 32

// checkoutWatch is a checkout that pool_leak_after watches. A connection that its user
// never closes is [physical.Lease.Dropped]'s.
type checkoutWatch struct {
	since time.Time
	stack []uintptr
	timer *time.Timer

	mu       sync.Mutex
	reported bool // it was logged, and is in Leaks until it ends
	ended    bool
}

// watchCheckout begins to watch a checkout, by whoever calls now.
func (c *conn) watchCheckout() {
	l := c.holder.Current().Shared
	if l.LeakAfter <= 0 {
		return
	}
	const skip = 3 // runtime.Callers, this function, its caller
	stack := make([]uintptr, maxLeakFrames)
	w := &checkoutWatch{since: time.Now(), stack: stack[:runtime.Callers(skip, stack)]}
	id, holder := c.holder.Current().ID, weak.Make(c)
	w.timer = time.AfterFunc(l.LeakAfter, func() {
		if !w.report(watchedConn{Leak{Login: l.Name, Name: l.PoolName, ID: id, Since: w.since}, holder}) {
			return
		}
		l.Log().LogAttrs(context.Background(), slog.LevelWarn, "mysqlpool: a connection has been checked out for longer than pool_leak_after: close the Rows, end the Tx or close the Conn that holds it",
			slog.String("login", l.Name), slog.Uint64("id", id), slog.Duration("held", time.Since(w.since)), slog.String("stack", w.text()))
	})
	c.checkout = w
}

// endWatch is for a connection that comes back.
func (c *conn) endWatch() {
	w := c.checkout
	if w == nil {
		return
	}
	c.checkout = nil
	w.timer.Stop()
	if w.end() {
		l := c.holder.Current().Shared
		l.Log().LogAttrs(context.Background(), slog.LevelInfo, "mysqlpool: a connection that was checked out for longer than pool_leak_after came back",
			slog.String("login", l.Name), c.holder.Current().IDAttr(), slog.Duration("held", time.Since(w.since)))
	}
}

// report lists the checkout in Leaks, unless it has ended.
func (w *checkoutWatch) report(h watchedConn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return false
	}
	w.reported = true
	leaks.add(w, h)
	return true
}

// end takes the checkout out of Leaks, and reports whether it was logged.
func (w *checkoutWatch) end() (reported bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	if w.reported {
		leaks.remove(w)
	}
	return w.reported
}

// text is the stack as a panic shows it.
func (w *checkoutWatch) text() string {
	var b strings.Builder
	frames := runtime.CallersFrames(w.stack)
	for {
		f, more := frames.Next()
		fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		if !more {
			return b.String()
		}
	}
}

// leaks is what Leaks returns.
var leaks = leakList{held: map[*checkoutWatch]watchedConn{}}

type leakList struct {
	mu   sync.Mutex
	held map[*checkoutWatch]watchedConn // guarded by mu
}

type watchedConn struct {
	Leak                    // without its stack
	conn weak.Pointer[conn] // nil once it is garbage
}

// add lists a checkout, if its connection is still there.
func (l *leakList) add(w *checkoutWatch, h watchedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropGarbageLocked()
	l.held[w] = h
}

func (l *leakList) remove(w *checkoutWatch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, w)
}

func (l *leakList) dropGarbageLocked() {
	for w, h := range l.held {
		if h.conn.Value() == nil {
			delete(l.held, w)
		}
	}
}

func (l *leakList) all() []Leak {
	l.mu.Lock()
	l.dropGarbageLocked()
	all := make([]Leak, 0, len(l.held))
	for w, h := range l.held {
		h.Stack = w.text()
		all = append(all, h.Leak)
	}
	l.mu.Unlock()
	slices.SortFunc(all, func(a, b Leak) int { return a.Since.Compare(b.Since) })
	return all
}
