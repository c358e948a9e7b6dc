package pool

import (
	"context"
	"sync"
	"testing"
	"time"
)

// pings is what Config.Ping was called with.
type pings struct {
	mu    sync.Mutex
	at    []time.Time
	now   int
	most  int           // at once
	takes time.Duration // each
	err   error
}

func (p *pings) ping(_ context.Context, _ *fake, _ time.Duration) error {
	p.mu.Lock()
	p.at = append(p.at, time.Now())
	p.now++
	p.most = max(p.most, p.now)
	takes, err := p.takes, p.err
	p.mu.Unlock()
	time.Sleep(takes)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now--
	return err
}

func (p *pings) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.at)
}

func (p *pings) config(cfg *config) { cfg.Keepalive, cfg.Ping = time.Minute, p.ping }

func TestKeepalive(t *testing.T) {
	ps := &pings{takes: time.Millisecond}
	bubble(t, ps.config, func(t *bed) {
		t.in(t.outN(5)...)
		t.sleep(time.Hour)
		// Each every 48 s to 60 s.
		if n := len(ps.at); n < 5*59 || n > 5*75 {
			t.Errorf("5 connections, an hour: %d pings, want about 330", n)
		}
		if ps.most > 1 {
			t.Errorf("%d pings at once, want 1", ps.most)
		}
		same := 0
		for i := 1; i < len(ps.at); i++ {
			if ps.at[i].Sub(ps.at[i-1]) < 10*time.Millisecond {
				same++
			}
		}
		if same > len(ps.at)/4 {
			t.Errorf("%d of %d pings come right after another, want them spread out", same, len(ps.at))
		}
		if s := t.p.Stats(); int(s.Keepalives) != len(ps.at) || s.Opened != 5 {
			t.Errorf("%+v, want %d keepalives, 5 opened", s, len(ps.at))
		}
	})
}

func TestKeepaliveOfWhatIsUsedIsNone(t *testing.T) {
	ps := &pings{}
	bubble(t, ps.config, func(t *bed) {
		for range 100 {
			c := t.out()
			t.sleep(10 * time.Second)
			t.in(c)
			t.sleep(10 * time.Second)
		}
		if n := ps.count(); n > 0 {
			t.Errorf("%d pings of a connection that is used", n)
		}
	})
}

func TestKeepaliveClosesWhatIsDead(t *testing.T) {
	ps := &pings{err: errFake}
	bubble(t, ps.config, func(t *bed) {
		c := t.out()
		t.in(c)
		t.sleep(time.Minute)
		t.fate(c, "broken")
		t.sleep(time.Hour)
		if ps.count() != 1 || t.p.Stats().Opened != 1 {
			t.Errorf("%d pings, %d opened, want 1 and 1", ps.count(), t.p.Stats().Opened)
		}
	})
}

// Whoever comes while the only connection is pinged gets that, at its answer, and
// logs in without one.
func TestCheckoutDuringAKeepalive(t *testing.T) {
	for _, takes := range []time.Duration{20 * time.Millisecond, time.Hour} {
		ps := &pings{takes: takes}
		bubble(t, ps.config, func(t *bed) {
			c := t.out()
			t.in(c)
			for ps.count() == 0 {
				t.sleep(time.Millisecond)
			}
			if s := t.p.Stats(); s.Idle != 1 || s.InUse != 0 {
				t.Errorf("%+v: want the one that is pinged idle", s)
			}
			a := t.ask(context.Background())
			t.waits(a)
			if takes < pingGrace {
				t.sleep(takes)
				t.got(a, c)
				return
			}
			t.sleep(pingGrace)
			t.got(a, nil)
			if a.conn == c {
				t.Error("got the one that is pinged still")
			}
			t.sleep(takes)
		})
	}
}

// The longest idle one is pinged, and a checkout takes the one that was idle
// for the shortest time.
func TestKeepaliveDelaysNobodyBesideAnother(t *testing.T) {
	ps := &pings{takes: time.Hour}
	bubble(t, ps.config, func(t *bed) {
		cs := t.outN(2)
		t.in(cs...)
		t.sleep(2 * time.Minute)
		if ps.count() != 1 {
			t.Fatalf("%d pings, want 1", ps.count())
		}
		t.got(t.ask(context.Background()), nil)
		if s := t.p.Stats(); s.Opened != 2 {
			t.Errorf("%d opened, want 2", s.Opened)
		}
		ps.mu.Lock()
		ps.takes = 0 // of the next
		ps.mu.Unlock()
		t.sleep(time.Hour)
	})
}

func TestNoKeepalive(t *testing.T) {
	bubble(t, nil, func(t *bed) {
		t.in(t.out())
		t.sleep(24 * time.Hour)
		if s := t.p.Stats(); s.Keepalives != 0 {
			t.Errorf("%d keepalives, want none", s.Keepalives)
		}
	})
}
