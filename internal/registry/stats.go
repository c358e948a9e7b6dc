package registry

import (
	"cmp"
	"slices"

	"github.com/mysqlpool/mysqlpool/internal/budget"
	"github.com/mysqlpool/mysqlpool/internal/histogram"
	"github.com/mysqlpool/mysqlpool/internal/hosts"
	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// Stats is what a pool counts.
type Stats struct {
	Login   string // user@net(addr)
	Name    string // pool_name
	Number  int64  // counts the pools of the process
	Handles int
	Pool    pool.Stats
	hosts.Stats
	CreateTimes, WaitTimes *histogram.Histogram
}

// All returns every pool, in the order of logins and, where that is the same, of
// age.
func All() []*Member {
	pools.mu.Lock()
	defer pools.mu.Unlock()
	all := pools.membersLocked()
	slices.SortFunc(all, func(a, b *Member) int {
		return cmp.Or(cmp.Compare(a.dialer.Name, b.dialer.Name), cmp.Compare(a.number, b.number))
	})
	return all
}

// handlesNow is how many handles use the pool.
func (m *Member) handlesNow() int {
	pools.mu.Lock()
	defer pools.mu.Unlock()
	if m.ended {
		return 0
	}
	return m.handles
}

// Stats returns what the pool counts.
func (m *Member) Stats() Stats {
	return Stats{
		Login: m.dialer.Name, Name: m.dialer.PoolName, Number: m.number, Handles: m.handlesNow(),
		Pool: m.pool.Stats(), Stats: m.dialer.Stats(),
		CreateTimes: &m.pool.CreateTimes, WaitTimes: &m.pool.WaitTimes,
	}
}

// InvalidateAll has the connections of the pool replaced. It returns how many there are.
func (m *Member) InvalidateAll() int { return m.pool.InvalidateAll() }

// Servers returns every server that a pool logs in to.
func Servers() []budget.Stats {
	var dialers []*hosts.Dialer
	for _, m := range All() {
		dialers = append(dialers, m.dialer)
	}
	return hosts.BudgetsOf(dialers)
}
