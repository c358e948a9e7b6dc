package faults

import (
	"errors"
	"time"
)

// A Condition is what becomes of the answers of a server, on every connection of
// a Proxy. The zero value does nothing.
type Condition struct {
	Delay time.Duration // each comes so much later
	Stall bool          // none comes; connections that missed one are closed when the condition ends
	Reset bool          // each resets its connection instead
	Limit int           // a connection is closed after so many more bytes; 0 is no limit
	Slice int           // they come in pieces of so many bytes; 0 is as they are
}

// Set makes the condition of all connections another one, from now on.
func (p *Proxy) Set(c Condition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.condition = &c
	if c.Stall {
		return
	}
	for f := range p.flows {
		if f.lost {
			f.close()
		}
	}
}

// answers sends on what a server says on one connection.
type answers struct {
	proxy *Proxy
	flow  *flow

	condition *Condition
	sent      int // bytes, under this condition
}

var errLimit = errors.New("cut off")

func (a *answers) write(b []byte) error {
	a.proxy.mu.Lock()
	c := a.proxy.condition
	if c.Stall {
		a.flow.lost = true
	}
	a.proxy.mu.Unlock()
	if c != a.condition {
		a.condition, a.sent = c, 0
	}
	switch {
	case c.Stall:
		return nil
	case c.Reset:
		a.flow.resets()
		return errRejected
	}
	time.Sleep(c.Delay)
	cut := c.Limit > 0 && a.sent+len(b) > c.Limit
	if cut {
		b = b[:c.Limit-a.sent]
	}
	a.sent += len(b)
	if err := a.send(b, c.Slice); err != nil {
		return err
	}
	if cut {
		return errLimit
	}
	return nil
}

// between is how long it waits from one piece to the next.
const between = 100 * time.Microsecond

func (a *answers) send(b []byte, slice int) error {
	for slice > 0 && len(b) > slice {
		if _, err := a.flow.client.Write(b[:slice]); err != nil {
			return err
		}
		b = b[slice:]
		time.Sleep(between)
	}
	_, err := a.flow.client.Write(b)
	return err
}
