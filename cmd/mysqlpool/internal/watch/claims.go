package watch

import (
	"sync"
	"time"
)

// connID is a connection. The host is as it calls itself, "" if there is one.
type connID struct {
	host string
	id   int64
}

// claims tell whose a connection in a server's list is: it is claimed by the
// side that it last served.
type claims struct {
	mu   sync.Mutex // guards what follows
	byID map[connID]claim
}

type claim struct {
	side int
	at   time.Time
}

// claim reports whether the connection is new to the side.
func (c *claims) claim(id connID, side int) (isNew bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was, ok := c.byID[id]
	c.byID[id] = claim{side, time.Now()}
	return !ok || was.side != side
}

func (c *claims) sideOf(id connID) (side int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	claim, ok := c.byID[id]
	return claim.side, ok
}

// drop forgets the connections to a host that were claimed before then and are
// not listed: the server gives their ids to others once it was started again.
func (c *claims) drop(host string, then time.Time, listed []conn) {
	still := make(map[int64]bool, len(listed))
	for _, conn := range listed {
		still[conn.ID] = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, claim := range c.byID {
		if id.host == host && !still[id.id] && claim.at.Before(then) {
			delete(c.byID, id)
		}
	}
}

// bySide deals the listed connections of a host out.
func (c *claims) bySide(host string, conns []conn) (sides [2][]conn, others []conn) {
	for _, conn := range conns {
		if side, ok := c.sideOf(connID{host, conn.ID}); ok {
			sides[side] = append(sides[side], conn)
		} else {
			others = append(others, conn)
		}
	}
	return sides, others
}
