package mysqlpool

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"
	"weak"
)

// maxLeakFrames is how much of a stack is logged.
const maxLeakFrames = 32

// loan is a checkout that pool_leak_after watches. A connection that is dropped and
// never closed is [physical.Lease.Dropped]'s.
type loan struct {
	since time.Time
	stack []uintptr
	timer *time.Timer

	mu    sync.Mutex
	told  bool // it was logged, and is in Leaks until it ends
	ended bool
}

// watchLoan begins to watch a checkout, by whoever calls now.
func (c *conn) watchLoan() {
	l := c.holder.Current().Shared
	if l.LeakAfter <= 0 {
		return
	}
	const skip = 3 // runtime.Callers, this function, its caller
	stack := make([]uintptr, maxLeakFrames)
	loan := &loan{since: time.Now(), stack: stack[:runtime.Callers(skip, stack)]}
	id, holder := c.holder.Current().ID, weak.Make(c)
	loan.timer = time.AfterFunc(l.LeakAfter, func() {
		if !loan.tell(leakHolder{Leak{Login: l.Name, Name: l.PoolName, ID: id, Since: loan.since}, holder}) {
			return
		}
		l.Log().LogAttrs(context.Background(), slog.LevelWarn, "mysqlpool: a connection has been checked out for longer than pool_leak_after: close the Rows, end the Tx or close the Conn that holds it",
			slog.String("login", l.Name), slog.Uint64("id", id), slog.Duration("held", time.Since(loan.since)), slog.String("stack", loan.text()))
	})
	c.loan = loan
}

// endLoan is for a connection that comes back.
func (c *conn) endLoan() {
	loan := c.loan
	if loan == nil {
		return
	}
	c.loan = nil
	loan.timer.Stop()
	if loan.end() {
		l := c.holder.Current().Shared
		l.Log().LogAttrs(context.Background(), slog.LevelInfo, "mysqlpool: a connection that was checked out for longer than pool_leak_after came back",
			slog.String("login", l.Name), c.holder.Current().IDAttr(), slog.Duration("held", time.Since(loan.since)))
	}
}

// tell lists the loan in Leaks, unless it has ended.
func (l *loan) tell(h leakHolder) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.told = true
	leaks.add(l, h)
	return true
}

// end takes the loan out of Leaks, and reports whether it was logged.
func (l *loan) end() (told bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.told {
		leaks.remove(l)
	}
	return l.told
}

// text is the stack as a panic shows it.
func (l *loan) text() string {
	var b strings.Builder
	frames := runtime.CallersFrames(l.stack)
	for {
		f, more := frames.Next()
		fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		if !more {
			return b.String()
		}
	}
}
