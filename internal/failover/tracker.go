package failover

import (
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// MinBackoff is how long a host that failed is in back-off at first. The
	// back-off doubles with each probe that fails.
	MinBackoff = 500 * time.Millisecond
	// MaxBackoff is the longest back-off.
	MaxBackoff = 30 * time.Second
	// ElectionPace is how often hosts that are read-only or unready are probed
	// while the program wants writes and no host takes them.
	ElectionPace = 500 * time.Millisecond
	// MonitorInterval is how often hosts in use are probed, for targets that
	// monitor them.
	MonitorInterval = 5 * time.Second

	// wantFor is how long after a refused write, or the loss of the primary, a
	// host that takes writes is looked for at ElectionPace.
	wantFor = time.Minute
	// forgiveAfter is how long a host must be up for its next failure to
	// count as its first.
	forgiveAfter = time.Minute
)

// Tracker is what is known of the hosts of a pool. It is not safe for concurrent
// use.
type Tracker struct {
	hosts    []host
	target   Target
	spread   bool
	rotation int                                    // of spread
	jitter   func(most time.Duration) time.Duration // replaced by tests

	wantsWrites time.Time // the latest refused write, or loss of the primary
}

// host is one of them. Its times say when, not how long.
type host struct {
	state    State
	before   State     // what a Probing one was
	since    time.Time // when it got its state; Probing does not count
	reason   string
	backoff  time.Duration // the latest one, before jitter
	next     time.Time     // no probe before that
	probed   time.Time     // when the latest probe started
	refused  time.Time     // when it last refused a write
	answered time.Time     // when the latest login or probe started that was answered
	recovers time.Time     // when it was last wanted again after a failure
	flaps    int           // recoveries in a row that did not last
	lapsed   bool          // unwatched: the next failure goes on with the back-off
	look     bool          // Unknown, and to be probed
	refuses  bool          // Unknown: it refused the latest login because of the account
}

// New returns a tracker of n hosts, in the order of preference. With spread the
// wanted ones are used in turn, else the first of them.
func New(n int, target Target, spread bool) *Tracker {
	return &Tracker{
		hosts: make([]host, n), target: target, spread: spread,
		jitter: func(most time.Duration) time.Duration { return rand.N(most + 1) },
	}
}

// Status is what is known of a host.
type Status struct {
	State  State
	Since  time.Time // zero if nothing has happened yet
	Reason string    // why, in words; "" for one that is up
	Next   time.Time // when its back-off ends; zero if it is in none
}

// Status returns what is known of host i.
func (t *Tracker) Status(i int) Status {
	h := &t.hosts[i]
	s := Status{State: h.state, Since: h.since, Reason: h.reason}
	if t.rating(i) != Wanted {
		s.Next = h.next
	}
	return s
}

// AnyUnusable reports whether some host is not what the target wants, or refused its
// latest login because of the account.
func (t *Tracker) AnyUnusable() bool {
	for i := range t.hosts {
		if t.hosts[i].refuses || t.rating(i) != Wanted {
			return true
		}
	}
	return false
}

// IsReadOnly reports whether host i is known to take no writes.
func (t *Tracker) IsReadOnly(i int) bool { return t.hosts[i].stateIgnoringProbe() == ReadOnly }

// stateIgnoringProbe is the state from before the probe, if one is under way.
func (h *host) stateIgnoringProbe() State {
	if h.state == Probing {
		return h.before
	}
	return h.state
}

func (t *Tracker) rating(i int) Rating { return ratings[t.target][t.hosts[i].stateIgnoringProbe()] }

// Rating says how much host i is wanted.
func (t *Tracker) Rating(i int) Rating { return t.rating(i) }

// Change is what a report changed.
type Change struct {
	From, To State // equal if nothing changed
}

// Report says that something happened to host i: a login or a probe that started
// at began ended with event, or a connection that was in use fell silent or
// refused a write at began. Reason says why in words.
func (t *Tracker) Report(i int, event Event, began, now time.Time, reason string) Change {
	h := &t.hosts[i]
	was := h.stateIgnoringProbe()
	switch event {
	case Writable, TakesNoWrites, NotReady:
		if event == Writable && began.Before(h.refused) {
			return Change{was, was} // the answer may be older than the refusal
		}
		if began.After(h.answered) {
			h.answered = began
		}
	case NoRoom, Failed:
		if began.Before(h.answered) {
			return Change{was, was} // a later one was answered
		}
	}
	probe := h.state == Probing || h.lapsed
	wasPrimary := was == Up || was == Suspect
	wasWanted := t.rating(i) == Wanted
	to := transitions[h.state][event]
	h.state = to
	if event == Refused {
		h.refused = began
		t.wantsWrites = now
		for j := range t.hosts {
			t.hosts[j].look = t.hosts[j].look || j != i && t.hosts[j].state == Unknown
		}
	}
	if to != Unknown {
		h.look, h.lapsed, h.refuses = false, false, false
	}
	if to != was {
		h.since, h.reason = now, ""
	}
	if to != Up {
		h.reason = reason
	}
	switch {
	case to == Suspect:
		h.next = now
	case t.rating(i) == Wanted:
		if !wasWanted || probe {
			h.recovers = now
		}
		if event == Silent { // a replica in use
			h.probed, h.next = time.Time{}, now
		}
	case to != was || probe:
		t.backOff(h, was, to, wasWanted && !probe, now)
	}
	if wasPrimary && event != TakesNoWrites && t.target.Writes() && !t.hasPrimary() { // lost it
		t.wantsWrites = now
	}
	return Change{was, to}
}

// backOff sets when a host that is not wanted is probed again.
func (t *Tracker) backOff(h *host, was, to State, first bool, now time.Time) {
	switch {
	case first:
		if !h.recovers.IsZero() && now.Sub(h.recovers) < forgiveAfter {
			h.flaps = min(h.flaps+1, 10)
		} else {
			h.flaps = 0
		}
		h.backoff = min(MinBackoff<<h.flaps, MaxBackoff)
	case was == Down && to != Down: // it answers, and may be fit soon
		h.backoff = max(h.backoff/4, min(MinBackoff<<h.flaps, MaxBackoff))
	default:
		h.backoff = min(2*h.backoff, MaxBackoff)
	}
	h.backoff = max(h.backoff, MinBackoff)
	h.next = now.Add(h.backoff - t.jitter(h.backoff/4))
}

// hasPrimary reports whether a host is known to take writes.
func (t *Tracker) hasPrimary() bool {
	return slices.ContainsFunc(t.hosts, func(h host) bool { return h.state == Up || h.state == Suspect })
}

// Elsewhere reports whether a host other than i takes writes, or may take them
// and was not asked yet.
func (t *Tracker) Elsewhere(i int) bool {
	for j := range t.hosts {
		h := &t.hosts[j]
		if s := h.state; j != i && (s == Up || s == Suspect || s == Unknown && !h.refuses) {
			return true
		}
	}
	return false
}

// NextProbe returns when host i is to be probed; false if it is not to be.
func (t *Tracker) NextProbe(i int, now time.Time) (at time.Time, ok bool) {
	h := &t.hosts[i]
	switch state := h.stateIgnoringProbe(); {
	case state == Unknown:
		return now, h.look
	case state == Suspect:
		return h.next, true
	case t.rating(i) == Wanted:
		if !t.target.Monitors() {
			return time.Time{}, false
		}
		if h.probed.IsZero() {
			return h.next, true
		}
		return h.probed.Add(MonitorInterval), true
	case state != Down && t.electing(now):
		last := h.probed
		if h.refused.After(last) {
			last = h.refused
		}
		if at := last.Add(ElectionPace); at.Before(h.next) {
			return at, true
		}
	}
	return h.next, true
}

// electing reports whether the program wants writes, and no host takes them.
func (t *Tracker) electing(now time.Time) bool {
	return t.target.Writes() && !t.wantsWrites.IsZero() && now.Sub(t.wantsWrites) < wantFor && !t.hasPrimary()
}

// ProbeStarted notes that a probe of host i starts.
func (t *Tracker) ProbeStarted(i int, now time.Time) {
	h := &t.hosts[i]
	h.probed, h.look = now, false
	if t.rating(i) == Wanted || h.state == Probing {
		return
	}
	if to := transitions[h.state][probeStarted]; to == Probing {
		h.before, h.state = h.state, to
	}
}

// ProbeInconclusive notes that the probe of host i ended for a reason that says nothing
// about the host, such as a cancelled context. A back-off goes on.
func (t *Tracker) ProbeInconclusive(i int, now time.Time) {
	h := &t.hosts[i]
	was := h.state
	if h.state = transitions[was][noAnswer]; h.state == asBefore {
		h.state = h.before
		t.backOff(h, h.state, h.state, false, now)
	} else if was == Suspect {
		h.next = now.Add(MinBackoff)
	}
}

// Unwatch notes that nobody watches host i any more, since nobody uses the
// pool. The next login finds out what it is.
func (t *Tracker) Unwatch(i int, now time.Time) {
	h := &t.hosts[i]
	was := h.stateIgnoringProbe()
	h.state = transitions[h.state][unwatched]
	h.look = false
	if h.state != was {
		h.since, h.reason, h.lapsed = now, "", true
	}
}

// RefusedLogin notes that host i refused a login because of the account. Until it
// takes one, nothing logs in to it that no request asked for. first is true if the previous
// login was not refused.
func (t *Tracker) RefusedLogin(i int, now time.Time) (first bool) {
	t.Unwatch(i, now)
	h := &t.hosts[i]
	first = !h.refuses
	h.refuses = true
	return first
}
