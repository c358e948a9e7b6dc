package mysqlpool

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// maxLeakFrames is how much of a stack is logged.
const maxLeakFrames = 32

// loan is a checkout that pool_leak_after watches.
type loan struct {
	since time.Time
	stack []uintptr
	timer *time.Timer
	told  atomic.Bool // it was logged
}

// watchLoan begins to watch a checkout, by whoever calls now.
func (c *conn) watchLoan() {
	l := c.holder.Current().Login
	if l.LeakAfter <= 0 {
		return
	}
	const skip = 3 // runtime.Callers, this function, its caller
	stack := make([]uintptr, maxLeakFrames)
	loan := &loan{since: c.since, stack: stack[:runtime.Callers(skip, stack)]}
	id := c.holder.Current().ID
	loan.timer = time.AfterFunc(l.LeakAfter, func() {
		loan.told.Store(true)
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
	if loan.told.Load() {
		l := c.holder.Current().Login
		l.Log().LogAttrs(context.Background(), slog.LevelInfo, "mysqlpool: a connection that was checked out for longer than pool_leak_after came back",
			slog.String("login", l.Name), slog.Uint64("id", c.holder.Current().ID), slog.Duration("held", time.Since(loan.since)))
	}
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
