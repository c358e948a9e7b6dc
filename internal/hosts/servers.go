package hosts

import (
	"fmt"
	"runtime"
	"sync"
	"weak"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/budget"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// serverEntry is one server, for all pools that log in to its network address.
type serverEntry struct {
	*serverinfo.Server
	budget *budget.Budget // immutable
}

func newServerEntry(a serverinfo.Address) *serverEntry {
	return &serverEntry{Server: serverinfo.NewServer(), budget: budget.New(fmt.Sprintf("%s(%s)", a.Net, a.Addr))}
}

// servers is the servers that some host refers to. It holds none of them alive.
var servers = serverTable{byAddress: map[serverinfo.Address]weak.Pointer[serverEntry]{}}

type serverTable struct {
	mu        sync.Mutex // guards what follows; a leaf: no other lock is taken under it
	byAddress map[serverinfo.Address]weak.Pointer[serverEntry]
}

// of returns the server that a host's config logs in to. Where the config dials by
// a function of its own, only that knows what the address means: then the
// server is the host's alone.
func (t *serverTable) of(cfg *mysql.Config) *serverEntry {
	address := serverinfo.Address{Net: cfg.Net, Addr: cfg.Addr}
	if cfg.DialFunc != nil {
		return newServerEntry(address)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.byAddress[address].Value(); s != nil {
		return s
	}
	s := newServerEntry(address)
	t.byAddress[address] = weak.Make(s)
	runtime.AddCleanup(s, t.forget, address)
	return s
}

// forget takes a server off the table once no host refers to it, unless another
// one has its address by now.
func (t *serverTable) forget(address serverinfo.Address) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p, ok := t.byAddress[address]; ok && p.Value() == nil {
		delete(t.byAddress, address)
	}
}

// Budgets returns those of the servers that some host refers to. It is for tests.
func Budgets() (all []*budget.Budget) {
	servers.mu.Lock()
	defer servers.mu.Unlock()
	for _, p := range servers.byAddress {
		if s := p.Value(); s != nil {
			all = append(all, s.budget)
		}
	}
	return all
}

// ForgetServers has every server be another one from now on. It is for tests on fake time,
// where what was learned before is of another clock.
func ForgetServers() {
	servers.mu.Lock()
	defer servers.mu.Unlock()
	clear(servers.byAddress)
}
