package failover

import (
	"slices"
	"testing"
	"time"
)

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func none(int) int64 { return 0 }

// exact returns a tracker without jitter.
func exact(n int, target Target) *Tracker {
	t := New(n, target, false)
	t.jitter = func(time.Duration) time.Duration { return 0 }
	return t
}

// probeFails has the next probe of host 0 end with event, and returns how long
// after now that was, and when.
func probeFails(t *testing.T, tr *Tracker, now time.Time, event Event) (wait time.Duration, at time.Time) {
	t.Helper()
	at, ok := tr.NextProbe(0, now)
	if !ok {
		t.Fatal("no probe is due")
	}
	tr.ProbeStarted(0, at)
	tr.Report(0, event, at, at, "x")
	return at.Sub(now), at
}

func TestBackoffDoubles(t *testing.T) {
	tr := exact(2, Auto)
	tr.Report(0, Failed, start, start, "refused")
	now := start
	var waits []time.Duration
	for range 8 {
		var wait time.Duration
		wait, now = probeFails(t, tr, now, Failed)
		waits = append(waits, wait)
	}
	const s = time.Second
	if want := []time.Duration{s / 2, s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s}; !slices.Equal(waits, want) {
		t.Errorf("got %v, want %v", waits, want)
	}
	// The same failure, met by a request, changes nothing.
	before := tr.Status(0).Next
	tr.Report(0, Failed, now.Add(time.Second), now.Add(time.Second), "refused")
	if after := tr.Status(0).Next; after != before {
		t.Errorf("the next probe moved from %v to %v", before, after)
	}
	// It answers, though it is not ready: it may be soon.
	_, now = probeFails(t, tr, now, NotReady)
	if wait := tr.Status(0).Next.Sub(now); wait != 30*s/4 {
		t.Errorf("down, and now unready: the back-off is %v, want 7.5s", wait)
	}
}

func TestFlappingHostIsLeftForLonger(t *testing.T) {
	tr := exact(2, Auto)
	now := start
	var waits []time.Duration
	for range 9 {
		tr.Report(0, Failed, now, now, "x")
		var wait time.Duration
		wait, now = probeFails(t, tr, now, Writable)
		waits = append(waits, wait)
		now = now.Add(2 * time.Second)
	}
	const s = time.Second
	if want := []time.Duration{s / 2, s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s, 30 * s}; !slices.Equal(waits, want) {
		t.Errorf("got %v, want %v", waits, want)
	}
	now = now.Add(forgiveAfter)
	tr.Report(0, Failed, now, now, "x")
	if wait := tr.Status(0).Next.Sub(now); wait != MinBackoff {
		t.Errorf("after a minute that was good: got %v, want %v", wait, MinBackoff)
	}
}

// A login that began before the write was refused says nothing new.
func TestOldAnswers(t *testing.T) {
	tr := exact(2, Auto)
	tr.Report(0, Writable, start, start, "")
	tr.Report(0, Refused, start.Add(2*time.Second), start.Add(2*time.Second), "Error 1290")
	tr.Report(0, Writable, start.Add(time.Second), start.Add(3*time.Second), "")
	if got := tr.Status(0); got.State != ReadOnly || got.Reason != "Error 1290" {
		t.Errorf("got %+v, want read-only", got)
	}
	tr.Report(0, Writable, start.Add(4*time.Second), start.Add(4*time.Second), "")
	if got := tr.Status(0).State; got != Up {
		t.Errorf("a later answer: got %v, want up", got)
	}
	tr.Report(0, Failed, start.Add(time.Second), start.Add(5*time.Second), "timed out")
	if got := tr.Status(0).State; got != Up {
		t.Errorf("a login that began before a good one: got %v, want up", got)
	}
}

// A refused write has the others probed at once, and at a steady pace while none
// takes writes.
func TestElection(t *testing.T) {
	tr := exact(3, Auto)
	tr.Report(0, Writable, start, start, "")
	tr.Report(1, TakesNoWrites, start, start, "")
	now := start.Add(time.Hour)
	tr.Report(0, Failed, now, now, "refused") // the primary is lost
	for range 20 {
		if at, ok := tr.NextProbe(1, now); !ok || at.After(now.Add(ElectionPace)) {
			t.Fatalf("the second: got %v, %v, want a probe in %v", at.Sub(now), ok, ElectionPace)
		}
		tr.ProbeStarted(1, now)
		tr.Report(1, TakesNoWrites, now, now, "")
		if tr.Status(1).State != ReadOnly {
			t.Fatal(tr.Status(1))
		}
		tr.Report(1, Refused, now, now, "Error 1290")
		now = now.Add(ElectionPace)
	}
	if _, ok := tr.NextProbe(2, now); !ok {
		t.Error("the third, that nobody asked yet: want a probe")
	}
	tr.ProbeStarted(2, now)
	tr.Report(2, Writable, now, now, "")
	if !tr.Leaves(1) || !tr.Leaves(0) || tr.Leaves(2) {
		t.Error("want the connections to the third only")
	}
	if at, _ := tr.NextProbe(1, now); !at.After(now.Add(ElectionPace)) {
		t.Error("there is a primary: want the back-off")
	}
}

// However the primary is lost, another is looked for at the pace of an election.
func TestLossOfThePrimary(t *testing.T) {
	for name, events := range map[string][]Event{
		"down": {Failed}, "silent and down": {Silent, Failed}, "unready": {NotReady}, "silent and unready": {Silent, NotReady}, "refuses": {Refused},
	} {
		tr := exact(2, Auto)
		tr.Report(0, Writable, start, start, "")
		now := start
		for range 10 { // its back-off is long by now
			tr.Report(1, TakesNoWrites, now, now, "")
			if at, ok := tr.NextProbe(1, now); ok {
				now = at
				tr.ProbeStarted(1, now)
			}
		}
		tr.Report(1, TakesNoWrites, now, now, "")
		if at, ok := tr.NextProbe(1, now); !ok || at.Sub(now) < MaxBackoff {
			t.Fatalf("%s: got %v, want the longest back-off: the test does not test", name, at.Sub(now))
		}
		for _, e := range events {
			tr.Report(0, e, now, now, "x")
		}
		if at, ok := tr.NextProbe(1, now); !ok || at.Sub(now) > ElectionPace {
			t.Errorf("%s: the next probe is in %v, want %v at most", name, at.Sub(now), ElectionPace)
		}
	}
}

// Nobody uses the pool: the next login finds out, and the back-off goes on.
func TestUnwatch(t *testing.T) {
	tr := exact(1, Primary)
	now := start
	for i := range 4 {
		tr.Report(0, TakesNoWrites, now, now, "read_only is ON")
		if got := len(tr.Candidates(now, none)); got != 0 {
			t.Fatalf("got %d candidates, want none", got)
		}
		at, ok := tr.NextProbe(0, now)
		if want := MinBackoff << i; !ok || at.Sub(now) != want {
			t.Fatalf("got %v, want %v", at.Sub(now), want)
		}
		now = at
		tr.Unwatch(0, now)
		if got := len(tr.Candidates(now, none)); got != 1 {
			t.Fatalf("got %d candidates, want 1", got)
		}
	}
}

func TestCandidates(t *testing.T) {
	for _, c := range []struct {
		target Target
		events []Event
		want   []int
	}{
		{Auto, []Event{TakesNoWrites, Writable, Failed}, []int{1, 0, 2}},
		{Auto, []Event{Failed, NotReady, TakesNoWrites}, []int{2, 1, 0}},
		{Primary, []Event{TakesNoWrites, Failed, Writable}, []int{2}},
		{Primary, []Event{Failed, Failed, Failed}, []int{0, 1, 2}},
		{Primary, []Event{Failed, NoRoom, Failed}, []int{1, 0, 2}},
		{Primary, []Event{NoRoom, TakesNoWrites, Failed}, []int{0}},
		{Auto, []Event{NoRoom, TakesNoWrites, Failed}, []int{1, 0, 2}},
		{Replica, []Event{Writable, TakesNoWrites, TakesNoWrites}, []int{1, 2}},
		{Replica, []Event{Writable, NotReady, Failed}, []int{}},
		{PreferReplica, []Event{Writable, NotReady, TakesNoWrites}, []int{2, 0, 1}},
		{Any, []Event{TakesNoWrites, Writable, NotReady}, []int{0, 1, 2}},
	} {
		tr := exact(len(c.events), c.target)
		for i, e := range c.events {
			tr.Report(i, e, start, start, "")
		}
		if got := tr.Candidates(start, none); !slices.Equal(got, c.want) {
			t.Errorf("target %d, %v: got %v, want %v", c.target, c.events, got, c.want)
		}
	}
}

func TestSpread(t *testing.T) {
	tr := New(3, Auto, true)
	var first []int
	for range 6 {
		first = append(first, tr.Candidates(start, none)[0])
	}
	if want := []int{0, 1, 2, 0, 1, 2}; !slices.Equal(first, want) {
		t.Errorf("got %v, want %v", first, want)
	}
	if got := tr.Candidates(start, func(i int) int64 { return int64(3 - i) })[0]; got != 2 {
		t.Errorf("got host %d, want the one with fewest connections", got)
	}
}

// A connection that fell silent condemns nobody, and a probe follows at once.
func TestSilence(t *testing.T) {
	tr := exact(2, Auto)
	tr.Report(0, Writable, start, start, "")
	tr.Report(1, Writable, start, start, "")
	tr.Report(0, Silent, start, start, "no answer")
	if at, ok := tr.NextProbe(0, start); !ok || at.After(start) {
		t.Errorf("got %v, %v, want a probe now", at, ok)
	}
	if got := tr.Candidates(start, none)[0]; got != 0 || tr.Leaves(0) {
		t.Errorf("got host %d, and the first is left: %v; want it used until the probe fails", got, tr.Leaves(0))
	}
	tr.ProbeStarted(0, start)
	tr.Report(0, Failed, start, start, "timed out")
	if got := tr.Candidates(start, none)[0]; got != 1 || !tr.Leaves(0) {
		t.Errorf("got host %d, want the second", got)
	}
}

// A host that refuses the password is none to go to for writes until it takes a
// login, and is asked only when a write was refused.
func TestRefusedLogin(t *testing.T) {
	tr := exact(2, Auto)
	tr.Report(0, Failed, start, start, "refused")
	tr.Report(1, TakesNoWrites, start, start, "read_only is on")
	if !tr.RefusedLogin(0, start) || tr.RefusedLogin(0, start) {
		t.Error("want the first refusal told from the next")
	}
	if _, ok := tr.NextProbe(0, start); ok || tr.Elsewhere(1) {
		t.Errorf("a probe is due: %v; writes may go elsewhere: %v; want neither", ok, tr.Elsewhere(1))
	}
	tr.Report(1, Refused, start, start, "Error 1290")
	if _, ok := tr.NextProbe(0, start); !ok || tr.Elsewhere(1) {
		t.Error("after a refused write: want a probe, and connections kept")
	}
	tr.Report(0, Writable, start, start, "")
	if !tr.Elsewhere(1) || !tr.Leaves(1) {
		t.Error("it takes logins: want it used")
	}
}
