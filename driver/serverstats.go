package mysqlpool

import (
	"slices"
	"strings"

	"github.com/mysqlpool/mysqlpool/internal/budget"
	"github.com/mysqlpool/mysqlpool/internal/registry"
)

// ServerStats is what this process has of one server, over all pools that log in
// there. Two addresses of one server count as two servers.
type ServerStats struct {
	Addr           string // net(addr), as in the DSN: tcp(db:3306)
	MaxConnections int    // of the server; 0 if it has no limit, or did not say
	Limit          int    // connections that this process may have: MaxConnections less 5 %, at least 3; 0 is no limit
	Taken          int    // connections, with logins under way
	WithoutHandle  int    // of these, those of pools without a handle: 16 at most, besides those in use
	Waiting        int    // pools that wait for another one's connection

	Accounts []AccountStats // in the order of User; those that have connections
}

// AccountStats is what this process has of one server with one account.
type AccountStats struct {
	User  string
	Limit int // the account's max_user_connections; 0 is no limit
	Taken int // connections, with logins under way
}

// Servers returns every server that a pool of the process logs in to, in the order
// of Addr. A connector with a DialFunc of its own has servers of its own.
func Servers() []ServerStats {
	var all []ServerStats
	for _, b := range registry.Servers() {
		all = append(all, serverStats(b))
	}
	slices.SortStableFunc(all, func(a, b ServerStats) int { return strings.Compare(a.Addr, b.Addr) })
	return all
}

func serverStats(b budget.Stats) ServerStats {
	s := ServerStats{Addr: b.Name, MaxConnections: b.MaxConnections, Limit: b.Limit, Taken: b.Taken, WithoutHandle: b.WithoutHandle, Waiting: b.Waiting}
	for _, a := range b.Accounts {
		s.Accounts = append(s.Accounts, AccountStats{User: a.User, Limit: a.Limit, Taken: a.Taken})
	}
	return s
}
