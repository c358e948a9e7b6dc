package budget

import (
	"cmp"
	"fmt"
	"slices"
)

// Stats is what this process has of one server.
type Stats struct {
	Name           string // net(addr)
	MaxConnections int    // of the server; 0: no limit, or unknown
	Limit          int    // connections that this process may have; 0: no limit
	Taken          int    // connections, with logins under way
	WithoutHandle  int    // of these, those of pools without a handle
	Waiting        int    // pools that wait for another one's connection
	Accounts       []AccountStats
}

// AccountStats is what this process has of one server with one account.
type AccountStats struct {
	User         string
	Limit, Taken int
}

// Stats returns what the budget counts, at one instant.
func (b *Budget) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Stats{Name: b.Name, MaxConnections: b.all.max, Taken: b.all.taken, WithoutHandle: b.orphans}
	if b.limits != nil {
		s.Limit = b.all.limit
	}
	for _, c := range b.requests {
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

// Check returns an error if what is counted does not add up while nothing is under
// way. It is for tests.
func (b *Budget) Check() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	of := 0
	for _, q := range b.accounts {
		of += q.taken
	}
	shares, orphans := 0, 0
	for s := range b.shares {
		shares += s.taken
		if s.orphan.Load() {
			orphans += s.taken
		}
	}
	if of != b.all.taken || shares != b.all.taken || orphans != b.orphans || b.all.granted != 0 || b.all.leaving != 0 || b.orphansLeaving != 0 {
		return fmt.Errorf("%s: %+v, accounts have %d, pools %d, those without handles %d, noted are %d", b.Name, b.all, of, shares, orphans, b.orphans)
	}
	return nil
}
