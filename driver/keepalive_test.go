package mysqlpool

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pinged is how many pings a connection was sent.
func (s *fakeServer) pinged(i int) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range s.conns[i].log {
		if text == "ping" {
			n++
		}
	}
	return n
}

func TestIdleConnectionsAreKeptAlive(t *testing.T) {
	for params, want := range map[string][2]int{
		"":                   {29, 38}, // two minutes, less up to a fifth
		"pool_keepalive=30s": {118, 152},
		"pool_keepalive=0":   {0, 0},
	} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			ask(t, handle(t, s, strings.TrimPrefix(params+"&pool_recycle=0", "&")))
			time.Sleep(time.Hour)
			synctest.Wait()
			if n := s.pinged(0); n < want[0] || n > want[1] {
				t.Errorf("%q: %d pings in an hour, want %d to %d", params, n, want[0], want[1])
			}
			if p := onePool(t); int(p.Keepalives) != s.pinged(0) || p.Open != 1 || p.Opened != 1 || p.InUse != 0 {
				t.Errorf("%q: %+v, want %d keepalives", params, p, s.pinged(0))
			}
		})
	}
}

// A router dropped it: nobody's request finds that out.
func TestKeepaliveFindsWhatARouterDropped(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		ask(t, db)
		s.mu.Lock()
		s.conns[0].dead = true
		s.mu.Unlock()
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if p := onePool(t); p.Open != 0 || p.Broken != 1 {
			t.Errorf("%+v, want it closed as broken", p)
		}
		ask(t, db)
	})
}

// A connection that was pinged in the background is not pinged again for a request.
func TestKeepaliveCountsAsALivenessCheck(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "pool_keepalive=20s&pool_ping_after=30s")
		db.SetMaxIdleConns(-1)
		ask(t, db)
		time.Sleep(time.Hour)
		synctest.Wait()
		before := s.pinged(0)
		ask(t, db)
		if n := s.pinged(0) - before; n != 0 {
			t.Errorf("%d pings for a request, want none", n)
		}
	})
}
