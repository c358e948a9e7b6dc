package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/go-sql-driver/mysql"
)

// A Proxy stands before a server, and does to the connections that go through it
// what networks do. It is our own because toxiproxy 2.12.0, which the rest of
// this package has, puts a toxic on every connection alike, and waits for ever,
// with everybody else behind it, when a toxic is added or removed while a client
// goes away with an answer under way.
type Proxy struct {
	DSN string // of the server, through the proxy

	addr, server string
	all          sync.WaitGroup

	mu        sync.Mutex // guards what follows, and each flow's fate and lost
	listener  net.Listener
	open      bool
	flows     map[*flow]struct{} // all that are not closed
	condition *Condition         // never nil
}

// flow is the two ends of a connection.
type flow struct {
	client, server net.Conn

	fate fate
	lost bool // an answer was dropped
}

// fate is what becomes of what arrives on a connection.
type fate int

const (
	passed fate = iota
	dropped
	rejected // when the client sends it is reset; what the server sends is dropped
)

// NewProxy returns one before the server of dsn, which is over TCP. When ctx ends
// it closes every connection; wait then with Wait.
func NewProxy(ctx context.Context, dsn string) (*Proxy, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New("proxy: not a DSN") // the error has the DSN in it
	}
	if cfg.Net != "tcp" {
		return nil, fmt.Errorf("proxy: got a DSN over %s, want tcp", cfg.Net)
	}
	p := &Proxy{addr: "127.0.0.1:0", server: cfg.Addr, flows: map[*flow]struct{}{}, condition: &Condition{}}
	if err := p.Open(); err != nil {
		return nil, err
	}
	cfg.Addr = p.addr
	p.DSN = cfg.FormatDSN()
	context.AfterFunc(ctx, p.Shut)
	return p, nil
}

// Shut closes every connection and refuses others, as a server does that stops.
func (p *Proxy) Shut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = false
	p.listener.Close()
	for f := range p.flows {
		f.close()
	}
}

// Open lets connections through again after Shut.
func (p *Proxy) Open() error {
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addr, p.listener, p.open = l.Addr().String(), l, true
	p.all.Go(func() { p.accept(l) })
	return nil
}

// Wait returns when everything is closed after the end.
func (p *Proxy) Wait() { p.all.Wait() }

// Forget drops from now on whatever arrives on the connections that there are,
// also that one end closes its own: they stay open at both ends, and new ones are
// fine. So does a firewall or a load balancer with those that were idle for too
// long. It returns how many these are.
func (p *Proxy) Forget() int { return p.decide(dropped) }

// Reject resets each of the connections that there are when the client sends
// something on it, and not before. So does a host that was switched off and on,
// and one that took over the address of another: neither says goodbye. It
// returns how many these are.
func (p *Proxy) Reject() int { return p.decide(rejected) }

func (p *Proxy) decide(fate fate) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for f := range p.flows {
		f.fate = fate
	}
	return len(p.flows)
}

func (p *Proxy) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return // it is shut; nothing else fails here for long
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			client.Close()
			continue
		}
		p.start(&flow{client: client, server: server})
	}
}

func (p *Proxy) start(f *flow) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.open {
		f.close()
		return
	}
	p.flows[f] = struct{}{}
	p.all.Go(func() { p.pass(f, f.client, func(b []byte) error { _, err := f.server.Write(b); return err }) })
	p.all.Go(func() { p.pass(f, f.server, (&answers{proxy: p, flow: f}).write) })
}

var errRejected = errors.New("rejected")

// pass reads until the end of the connection, and has write send on what it read.
func (p *Proxy) pass(f *flow, from net.Conn, write func([]byte) error) {
	b := make([]byte, 16<<10)
	for {
		size, err := from.Read(b)
		p.mu.Lock()
		fate := f.fate
		p.mu.Unlock()
		switch {
		case fate == rejected && from == f.client && err == nil:
			f.resets()
			err = errRejected
		case fate != passed:
			if err != nil {
				return // the other end does not learn of it
			}
			continue
		case err == nil:
			err = write(b[:size])
		}
		if err != nil {
			p.mu.Lock()
			delete(p.flows, f)
			p.mu.Unlock()
			f.close()
			return
		}
	}
}

func (f *flow) close() {
	f.client.Close()
	f.server.Close()
}

// resets has close send a reset to the client.
func (f *flow) resets() { f.client.(*net.TCPConn).SetLinger(0) }
