package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/go-sql-driver/mysql"
)

// A NAT stands before a server and can forget the connections that go through
// it, as a firewall or a load balancer does with those that were idle for too
// long: they stay open at both ends, nothing arrives any more, and new ones are
// fine. Or it rejects what comes on them. (Toxiproxy's toxics are on every
// connection alike.)
type NAT struct {
	DSN string // of the server, through the NAT

	server   string
	listener net.Listener
	all      sync.WaitGroup

	mu    sync.Mutex
	flows map[*flow]fate // all until the end; nil once it is over
}

// fate is what becomes of what arrives on a connection.
type fate int

const (
	passed fate = iota
	dropped
	rejected // when the client sends it is reset; what the server sends is dropped
)

// flow is the two ends of a connection.
type flow struct{ client, server net.Conn }

// NewNAT returns one before the server of dsn, which is over TCP. When ctx ends
// it closes every connection; wait then with Wait.
func NewNAT(ctx context.Context, dsn string) (*NAT, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New("NAT: not a DSN") // the error has the DSN in it
	}
	if cfg.Net != "tcp" {
		return nil, fmt.Errorf("NAT: got a DSN over %s, want tcp", cfg.Net)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("NAT: %w", err)
	}
	n := &NAT{server: cfg.Addr, listener: l, flows: map[*flow]fate{}}
	cfg.Addr = l.Addr().String()
	n.DSN = cfg.FormatDSN()
	n.all.Go(n.accept)
	context.AfterFunc(ctx, n.end)
	return n, nil
}

// Forget drops from now on whatever arrives on the connections that there are,
// also that one end closes its own. It returns how many these are.
func (n *NAT) Forget() int { return n.decide(dropped) }

// Reject resets each of the connections that there are when the client sends
// something on it, and not before. So does a host that was switched off and on,
// and one that took over the address of another: neither says goodbye. It
// returns how many these are.
func (n *NAT) Reject() int { return n.decide(rejected) }

func (n *NAT) decide(f fate) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	for flow := range n.flows {
		n.flows[flow] = f
	}
	return len(n.flows)
}

// Wait returns when everything is closed after the end.
func (n *NAT) Wait() { n.all.Wait() }

func (n *NAT) accept() {
	for {
		client, err := n.listener.Accept()
		if err != nil {
			return // it is over; nothing else fails here for long
		}
		server, err := net.Dial("tcp", n.server)
		if err != nil {
			client.Close()
			continue
		}
		f := &flow{client, server}
		n.mu.Lock()
		if n.flows == nil {
			n.mu.Unlock()
			f.close()
			return
		}
		n.flows[f] = passed
		n.all.Go(func() { n.pass(f, server, client) })
		n.all.Go(func() { n.pass(f, client, server) })
		n.mu.Unlock()
	}
}

func (n *NAT) pass(f *flow, to, from net.Conn) {
	b := make([]byte, 16<<10)
	for {
		size, err := from.Read(b)
		switch fate := n.fate(f); {
		case fate == rejected && from == f.client && err == nil:
			f.client.(*net.TCPConn).SetLinger(0) // Close sends a reset
			err = net.ErrClosed
		case fate != passed:
			if err != nil {
				return // the other end does not learn of it
			}
			continue
		case err == nil:
			_, err = to.Write(b[:size])
		}
		if err != nil {
			n.mu.Lock()
			delete(n.flows, f)
			n.mu.Unlock()
			f.close()
			return
		}
	}
}

func (n *NAT) fate(f *flow) fate {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.flows[f]
}

func (n *NAT) end() {
	n.listener.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	for f := range n.flows {
		f.close()
	}
	n.flows = nil
}

func (f *flow) close() {
	f.client.Close()
	f.server.Close()
}
