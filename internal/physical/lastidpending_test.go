package physical

import (
	"math/rand/v2"
	"testing"

	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// Whatever statements a logical connection runs on several connections, of which some
// surely change its last id, some surely do not, and of others only their session can
// tell, the id is in the end what the last one that changed it made it, in whatever
// order the sessions are read.
func TestPendingModel(t *testing.T) {
	const programs, steps, conns = 20_000, 20, 6
	for seed := range uint64(programs) {
		r := rand.New(rand.NewPCG(seed, 1))
		all := make([]*pool.Conn[*Conn], conns)
		for i := range all {
			all[i] = new(pool.Conn[*Conn])
		}
		var l LastID
		made := map[*pool.Conn[*Conn]]uint64{} // what uncertain statements did there: 0 is nothing
		unread := map[*pool.Conn[*Conn]]bool{}
		read := func(c *pool.Conn[*Conn]) {
			l.resolve(c, func(uint64) (uint64, bool) { return made[c], made[c] != 0 })
			delete(made, c)
			delete(unread, c)
		}
		var log []string
		want, id := uint64(0), uint64(100)
		for range steps {
			c := all[r.IntN(conns)]
			id++
			switch r.IntN(6) {
			case 0:
				log = append(log, "certain")
				l.Set(id)
				want = id
				delete(made, c)
				delete(unread, c)
			case 1:
				log = append(log, "read")
				read(c)
			default:
				log = append(log, "uncertain")
				if l.mustResolve(c, unread[c]) { // as placeLastID does, the newest first
					for on := l.newest(); on != nil; on = l.newest() {
						read(on)
					}
					delete(made, c)
				}
				unread[c] = true
				changed := r.IntN(2) == 0
				if changed {
					want, made[c] = id, id
				}
				l.add(c, id)
			}
			if n := len(l.pending); n > maxPending || n != int(l.pendingCount.Load()) {
				t.Fatalf("seed %d: %d are pending, and %d are said to be", seed, n, l.pendingCount.Load())
			}
		}
		for _, i := range r.Perm(conns) {
			read(all[i])
		}
		if got := l.Now(); got != want || l.newest() != nil {
			t.Fatalf("seed %d: got %d, want %d, after %q", seed, got, want, log)
		}
	}
}

// What cannot be read any more is what its answer told, if that told anything.
func TestPendingIsLost(t *testing.T) {
	a, b := new(pool.Conn[*Conn]), new(pool.Conn[*Conn])
	var l LastID
	l.Set(7)
	l.add(a, 8)
	l.add(b, 0)
	l.lost(b)
	if got := l.Now(); got != 7 || l.newest() != a {
		t.Errorf("an answer that told nothing: got %d, newest %p, want 7 and the older", got, l.newest())
	}
	l.lost(a)
	l.lost(a)
	if got := l.Now(); got != 8 || l.newest() != nil {
		t.Errorf("got %d, want 8, which the answer told", got)
	}
}
