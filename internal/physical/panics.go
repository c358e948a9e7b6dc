package physical

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// survive is deferred where the stock driver runs on a goroutine of the pool: a panic there,
// as on a malformed answer, would end the process. The connection is not used again.
func (p *Conn) survive(doing string, err *error) {
	r := recover()
	if r == nil {
		return
	}
	p.live.worsens(broken)
	*err = fmt.Errorf("mysqlpool: %s on a connection of %s: panic in the stock driver: %v", doing, p.Shared.Name, r)
	p.Shared.Log().LogAttrs(context.Background(), slog.LevelError, "mysqlpool: the stock driver panicked, and the connection is closed; is the server, or what is between, MySQL or MariaDB?",
		slog.String("login", p.Shared.Name), p.IDAttr(), slog.String("doing", doing), slog.Any("panic", r), slog.String("stack", string(debug.Stack())))
}
