package watch

import (
	"sync"
	"time"
)

// claims tell whose a connection in the server's list is: it is claimed by the
// side that it last served.
type claims struct {
	mu   sync.Mutex
	byID map[int64]claim
}

type claim struct {
	side int
	at   time.Time
}

// claim reports whether the connection is new to the side.
func (c *claims) claim(id int64, side int) (isNew bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was, ok := c.byID[id]
	c.byID[id] = claim{side, time.Now()}
	return !ok || was.side != side
}

func (c *claims) sideOf(id int64) (side int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	claim, ok := c.byID[id]
	return claim.side, ok
}

// drop forgets the connections that were claimed before then and are not
// listed: the server gives their ids to others once it was started again.
func (c *claims) drop(then time.Time, listed []conn) {
	still := make(map[int64]bool, len(listed))
	for _, conn := range listed {
		still[conn.ID] = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, claim := range c.byID {
		if !still[id] && claim.at.Before(then) {
			delete(c.byID, id)
		}
	}
}
