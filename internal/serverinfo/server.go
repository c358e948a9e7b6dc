// Package serverinfo is what is known of a server: its
// limits and version, whether it takes writes, and how it restores a session. It has the
// queries and reads their results; it does not send them.
package serverinfo

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// Server is what this process knows of one server, for all its pools.
type Server struct {
	Proofs Proofs // how it restores a session

	// Schemas counts what this process ran that may have dropped, made or altered
	// a schema. See physical.Conn.Fits.
	Schemas atomic.Int64
	// Kills counts the KILLs that this process ran: which connections they were
	// for is not known. See physical.Conn.CheckAlive.
	Kills atomic.Int64

	small atomic.Pointer[time.Time] // when it was last found to take small packets only; nil: never

	looked  atomic.Pointer[lookup] // the latest answer for its name; nil: none yet
	looking atomic.Bool            // its name is being looked up
}

func NewServer() *Server { return &Server{Proofs: newProofs()} }

// SmallPacketsLife is for how long a server is believed to take small packets only: it
// may have hung up for another reason, and there may be another proxy by then.
const SmallPacketsLife = 10 * time.Minute

// NoteSmallPackets notes that a login which sent a long text was broken off, and that the
// next one, which sent short ones, succeeded.
func (s *Server) NoteSmallPackets() {
	now := time.Now()
	s.small.Store(&now)
}

// TakesSmallPackets reports whether the server takes small packets only, as far as is
// known.
func (s *Server) TakesSmallPackets() bool {
	at := s.small.Load()
	return at != nil && time.Since(*at) < SmallPacketsLife
}

// Address names a server for this process.
type Address struct{ Net, Addr string }

// ResolveFunc looks up the addresses behind a name.
type ResolveFunc func(ctx context.Context, name string) ([]netip.Addr, error)

func ResolveDNS(ctx context.Context, name string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
}

// LookupInterval is how often the name of a host is looked up while
// connections to it are open.
const LookupInterval = 30 * time.Second

// lookup is an answer for a name.
type lookup struct {
	at    time.Time
	addrs []netip.Addr
}

// LookUp looks the server's name up, for all pools together. It returns nothing if
// that fails, or another pool is at it.
func (s *Server) LookUp(ctx context.Context, resolve ResolveFunc, name string) []netip.Addr {
	if latest := s.looked.Load(); latest != nil && time.Since(latest.at) < LookupInterval/2 {
		return latest.addrs
	}
	if !s.looking.CompareAndSwap(false, true) {
		return nil
	}
	defer s.looking.Store(false)
	answer, err := resolve(ctx, name)
	if err != nil {
		return nil
	}
	s.looked.Store(&lookup{time.Now(), answer})
	return answer
}
