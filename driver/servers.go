package mysqlpool

import (
	"runtime"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/go-sql-driver/mysql"
)

// server is what this process knows of one server, whichever pool found it out.
// Every host of every pool that logs in to the same network address has the same
// one.
type server struct {
	address serverAddress // immutable
	proofs  proofs        // how it restores a session
	budget  *budget       // immutable

	// schemas counts what this process ran that may have dropped, made or altered
	// a schema. See physical.Fits.
	schemas atomic.Int64
	// kills counts the KILLs that this process ran: which connections they were
	// for is not known. See physical.checkAlive.
	kills atomic.Int64

	looked  atomic.Pointer[lookup] // the latest answer for its name; nil: none yet
	looking atomic.Bool            // its name is being looked up
}

func newServer(a serverAddress) *server {
	return &server{address: a, proofs: newProofs(), budget: newBudget(a)}
}

// serverAddress names a server for this process.
type serverAddress struct{ net, addr string }

// servers is the servers that some host refers to. It holds none of them alive.
var servers = serverTable{byAddress: map[serverAddress]weak.Pointer[server]{}}

type serverTable struct {
	mu        sync.Mutex // guards what follows; a leaf: no other lock is taken under it
	byAddress map[serverAddress]weak.Pointer[server]
}

// of returns the server that a host's config logs in to. Where the config dials by
// a function of its own, only that knows what the address means: then the
// server is the host's alone.
func (t *serverTable) of(cfg *mysql.Config) *server {
	address := serverAddress{cfg.Net, cfg.Addr}
	if cfg.DialFunc != nil {
		return newServer(address)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.byAddress[address].Value(); s != nil {
		return s
	}
	s := newServer(address)
	t.byAddress[address] = weak.Make(s)
	runtime.AddCleanup(s, t.forget, address)
	return s
}

// forget takes a server off the table once no host refers to it, unless another
// one has its address by now.
func (t *serverTable) forget(address serverAddress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p, ok := t.byAddress[address]; ok && p.Value() == nil {
		delete(t.byAddress, address)
	}
}
