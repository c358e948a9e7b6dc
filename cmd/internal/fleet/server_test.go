package fleet

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

var (
	errFull = errors.New("too many connections")
	errDown = errors.New("connection refused")
	errDead = errors.New("invalid connection")
)

const (
	roundTrip   = time.Millisecond
	loginCost   = 4 * time.Millisecond        // of a core
	refusalCost = 500 * time.Microsecond      // of a core: the server tells only after it took the socket
	queryCost   = 100 * time.Microsecond      // of a core
	cores       = 16                          // so 4,000 logins a second at most, if there is nothing else
	dialTimeout = 5 * time.Second             // of a login that gets no answer
	perSecond   = int(time.Second / interval) // buckets
	interval    = 100 * time.Millisecond
)

// server is what a fleet logs in to.
type server struct {
	places int

	mu     sync.Mutex // guards what follows
	state  state
	life   int // counts the restarts: a connection of an earlier life is dead
	taken  int
	free   [cores]time.Time // when each core is
	start  time.Time
	series map[string][]float64 // counts of each interval
}

type state int

const (
	up     state = iota
	down         // it refuses connections
	silent       // it does not answer
)

func newServer(places int) *server {
	return &server{places: places, start: time.Now(), series: map[string][]float64{}}
}

func (s *server) set(to state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to != up {
		s.life++
		s.taken = 0
	}
	s.state = to
}

func (s *server) countLocked(what string) {
	at := int(time.Since(s.start) / interval)
	for len(s.series[what]) <= at {
		s.series[what] = append(s.series[what], 0)
	}
	s.series[what][at]++
}

func (s *server) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.countLocked(what)
}

// workLocked is until when the server works at something that comes now.
func (s *server) workLocked(cost time.Duration) time.Time {
	first := 0
	for i := range s.free {
		if s.free[i].Before(s.free[first]) {
			first = i
		}
	}
	now := time.Now()
	if s.free[first].Before(now) {
		s.free[first] = now
	}
	s.free[first] = s.free[first].Add(cost)
	return s.free[first]
}

// session is a connection.
type session struct {
	s    *server
	life int
}

// login logs in: some round trips, and the server's work.
func (s *server) login(ctx context.Context) (*session, error) {
	s.mu.Lock()
	s.countLocked("logins")
	switch s.state {
	case down:
		s.mu.Unlock()
		time.Sleep(roundTrip)
		return nil, errDown
	case silent:
		s.mu.Unlock()
		select {
		case <-time.After(dialTimeout):
			return nil, context.DeadlineExceeded
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if s.taken >= s.places {
		s.countLocked("refused")
		done := s.workLocked(refusalCost)
		s.mu.Unlock()
		time.Sleep(time.Until(done) + roundTrip)
		return nil, errFull
	}
	s.taken++
	life := s.life
	done := s.workLocked(loginCost)
	s.mu.Unlock()
	time.Sleep(time.Until(done) + 3*roundTrip)
	if !(&session{s, life}).alive() {
		return nil, errDead
	}
	return &session{s, life}, nil
}

func (c *session) alive() bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.life == c.s.life
}

func (c *session) query() error {
	c.s.mu.Lock()
	done := c.s.workLocked(queryCost)
	c.s.mu.Unlock()
	time.Sleep(time.Until(done) + roundTrip + rand.N(roundTrip))
	if !c.alive() {
		return errDead
	}
	return nil
}

func (c *session) close() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.life == c.s.life {
		c.s.taken--
	}
}
