package mysqlpool

import "github.com/mysqlpool/mysqlpool/internal/registry"

// Invalidate has the connections of some pools replaced, as after a password was
// rotated, or between tests: those that are idle are closed now; each of the others,
// with session state on it, in use, or about to log in, when it is next checked in.
// No statement fails for it, and the pools stay as they are: the next checkouts log
// in. Compare HikariCP's softEvictConnections and pgxpool's Reset.
//
// which chooses the pools by what Stats says of them; nil chooses all:
//
//	mysqlpool.Invalidate(func(p mysqlpool.PoolStats) bool { return p.Name == "orders" })
//
// It returns how many connections there were. They count as PoolStats.Invalidated
// once they are closed, unless they end for another reason before.
func Invalidate(which func(PoolStats) bool) (connections int) {
	for _, m := range registry.All() {
		if which == nil || which(statsOf(m.Stats())) {
			connections += m.InvalidateAll()
		}
	}
	return connections
}
