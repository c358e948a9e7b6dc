package failover

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// A model of a pool and its hosts, in fake time. What a host is in truth changes
// at random, with one primary at a time; the pool logs in, writes, and probes
// when the tracker says so.
type model struct {
	*Tracker
	rand    *rand.Rand
	now     time.Time
	truth   []Event     // what a login would report: Writable, TakesNoWrites, NotReady, NoRoom or Failed
	since   []time.Time // of truth
	probing []time.Time // when the probe under way ends; zero if none is
	asked   []time.Time // when it started
	vague   []bool      // the latest probe said nothing; the next one will
	conns   []int       // open connections, by host
	probes  int
	logins  int
}

const (
	tick      = 20 * time.Millisecond
	probeTime = 200 * time.Millisecond // the longest
)

func newModel(seed uint64, target Target, spread bool) *model {
	r := rand.New(rand.NewPCG(seed, 7))
	n := 1 + r.IntN(4)
	m := &model{
		Tracker: New(n, target, spread), rand: r, now: start,
		truth: make([]Event, n), since: make([]time.Time, n), probing: make([]time.Time, n), asked: make([]time.Time, n), conns: make([]int, n), vague: make([]bool, n),
	}
	m.jitter = func(most time.Duration) time.Duration { return time.Duration(r.Int64N(int64(most) + 1)) }
	for i := range n {
		m.becomes(i, TakesNoWrites)
	}
	m.becomes(r.IntN(n), Writable)
	return m
}

func (m *model) becomes(i int, e Event) {
	m.truth[i], m.since[i] = e, m.now
	if e == Failed || e == NoRoom {
		m.conns[i] = 0
	}
}

// happens changes what a host is.
func (m *model) happens() {
	i := m.rand.IntN(len(m.truth))
	e := []Event{Writable, TakesNoWrites, NotReady, NoRoom, Failed}[m.rand.IntN(5)]
	if e == Writable {
		for j := range m.truth {
			if m.truth[j] == Writable {
				m.becomes(j, TakesNoWrites) // the old primary is demoted first
			}
		}
	}
	m.becomes(i, e)
}

func (m *model) report(i int, e Event, began time.Time) {
	m.Report(i, e, began, m.now, "model")
	for j := range m.conns {
		if m.Leaves(j) {
			m.conns[j] = 0
		}
	}
}

// login is what the pool does to open one connection.
func (m *model) login() {
	m.logins++
	fallback := -1
	for _, i := range m.Candidates(m.now, func(i int) int64 { return int64(m.conns[i]) }) {
		if fallback >= 0 && m.Rating(i) >= m.Rating(fallback) {
			break
		}
		m.report(i, m.truth[i], m.now)
		switch {
		case m.truth[i] == Failed || m.truth[i] == NoRoom || m.Rating(i) == Never:
		case m.Rating(i) == Wanted:
			m.conns[i]++
			return
		case fallback < 0 || m.Rating(i) < m.Rating(fallback):
			fallback = i
		}
	}
	if fallback >= 0 {
		m.conns[fallback]++
	}
}

// write writes on some connection, or logs in if there is none. It returns the
// host that took it, or -1.
func (m *model) write() int {
	for i := range m.conns {
		if m.conns[i] == 0 {
			continue
		}
		switch m.truth[i] {
		case Writable:
			return i
		case TakesNoWrites:
			if m.target.Writes() {
				m.report(i, Refused, m.now)
				if m.Elsewhere(i) {
					m.conns[i] = 0
				}
			}
		case NotReady:
			m.report(i, NotReady, m.now)
			m.conns[i] = 0
		}
		return -1
	}
	m.login()
	return -1
}

func (m *model) step() {
	m.now = m.now.Add(tick)
	if m.rand.IntN(500) == 0 {
		m.happens()
	}
	for i := range m.truth {
		if ends := m.probing[i]; !ends.IsZero() {
			if !m.now.Before(ends) {
				m.probing[i] = time.Time{}
				if m.vague[i] = !m.vague[i] && m.rand.IntN(20) == 0; m.vague[i] {
					m.ProbeInconclusive(i, m.now)
				} else {
					m.report(i, m.truth[i], m.asked[i])
				}
			}
		} else if at, ok := m.NextProbe(i, m.now); ok && !m.now.Before(at) {
			m.probes++
			m.ProbeStarted(i, m.now)
			m.asked[i] = m.now
			m.probing[i] = m.now.Add(time.Duration(m.rand.Int64N(int64(probeTime))))
		}
	}
}

// suits reports whether a host in truth is what the target wants.
func (m *model) suits(i int) bool {
	switch m.truth[i] {
	case Writable:
		return m.target != Replica && m.target != PreferReplica
	case TakesNoWrites:
		return m.target != Primary && m.target != Auto
	}
	return false
}

func (m *model) String() (s string) {
	for i := range m.truth {
		s += fmt.Sprintf(" %d: in truth %d for %v, known %+v, %d connections;", i, m.truth[i], m.now.Sub(m.since[i]), m.Status(i), m.conns[i])
	}
	return s
}

func TestModel(t *testing.T) {
	seeds := 30
	if testing.Short() {
		seeds = 10
	}
	for seed := range uint64(seeds) {
		for target := range targets {
			runModel(t, seed, target, seed%3 == 0)
			if t.Failed() {
				t.Fatalf("seed %d, target %d", seed, target)
			}
		}
	}
}

func runModel(t *testing.T, seed uint64, target Target, spread bool) {
	t.Helper()
	m := newModel(seed, target, spread)
	// A probe that says nothing doubles the back-off once more.
	const worst = 2*MaxBackoff + 3*probeTime
	const steps = int(4 * time.Minute / tick)
	elected := m.now // the primary is the same since
	for range steps {
		m.step()
		if m.rand.IntN(5) == 0 {
			m.write()
		}
		if m.rand.IntN(100) == 0 {
			m.login()
		}
		first := m.Candidates(m.now, none)
		for i := range m.truth {
			// No host that is up and suitable stays unused for longer than its
			// back-off.
			if m.suits(i) && m.now.Sub(m.since[i]) > worst && m.Rating(i) != Wanted {
				t.Errorf("host %d is not wanted:%v", i, m)
				return
			}
			// Nor does a wrong one stay in use beside it, for who does not spread:
			// with one primary at a time no two hosts get writes.
			if !spread && target.Writes() && m.truth[i] == Writable && m.Status(i).State == Up {
				for j := range m.conns {
					if j != i && m.conns[j] > 0 && m.Status(j).State != Unknown && m.truth[j] != Writable && m.Status(j).State == ReadOnly {
						t.Errorf("host %d has connections beside the primary %d:%v", j, i, m)
						return
					}
				}
			}
		}
		if target == Auto && len(first) != len(m.truth) {
			t.Errorf("a host is no candidate:%v", m)
			return
		}
		// Writes wait for an election, and not for a back-off.
		if target == Auto && !spread {
			p := m.primary()
			if p < 0 || m.since[p].After(elected) {
				elected = m.now
			}
			if p >= 0 && m.now.Sub(m.since[p]) > 3*ElectionPace+4*probeTime && m.electing(m.now) && m.hosts[p].stateIgnoringProbe() == ReadOnly && m.now.Sub(m.hosts[p].refused) > 5*time.Second {
				t.Errorf("host %d takes writes, and is not found at the pace of an election:%v", p, m)
				return
			}
		}
	}
	minutes := float64(steps) * tick.Minutes()
	if perMinute := float64(m.probes) / minutes / float64(len(m.truth)); perMinute > 130 {
		t.Errorf("%.0f probes a minute for each host, want two a second at most", perMinute)
	}
}

func (m *model) primary() int {
	for i, e := range m.truth {
		if e == Writable {
			return i
		}
	}
	return -1
}
