package mysqlpool

import (
	"cmp"
	"slices"
	"strings"
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
	seen := map[*server]bool{}
	var all []ServerStats
	for _, m := range allMembers() {
		for _, h := range m.login.hosts.hosts {
			if !seen[h.server] {
				seen[h.server] = true
				all = append(all, h.server.budget.stats())
			}
		}
	}
	slices.SortStableFunc(all, func(a, b ServerStats) int { return strings.Compare(a.Addr, b.Addr) })
	return all
}

func (b *budget) stats() ServerStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := ServerStats{Addr: b.name, MaxConnections: b.all.max, Taken: b.all.taken, WithoutHandle: b.orphans}
	if b.limits != nil {
		s.Limit = b.all.limit
	}
	for _, c := range b.claims {
		if c.pool.HasWaiters() {
			s.Waiting++
		}
	}
	for user, q := range b.accounts {
		if q.taken > 0 {
			s.Accounts = append(s.Accounts, AccountStats{User: user, Limit: q.limit, Taken: q.taken})
		}
	}
	slices.SortFunc(s.Accounts, func(x, y AccountStats) int { return cmp.Compare(x.User, y.User) })
	return s
}
