package watch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
)

func TestPercentile(t *testing.T) {
	if percentile(nil, 50) != nil {
		t.Error("there is one of none")
	}
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, tt := range []struct {
		all  []float64
		p    int
		want float64
	}{
		{[]float64{7}, 50, 7}, {[]float64{7}, 99, 7}, {[]float64{3, 1, 2}, 50, 2}, {[]float64{3, 1, 2}, 99, 3},
		{[]float64{4, 3, 2, 1}, 50, 2}, {hundred, 50, 50}, {hundred, 99, 99},
	} {
		if got := percentile(tt.all, tt.p); got == nil || *got != tt.want {
			t.Errorf("percentile %d of %v: got %v, want %v", tt.p, tt.all, got, tt.want)
		}
	}
}

func TestSince(t *testing.T) {
	for _, tt := range []struct{ last, now, want int64 }{{5, 5, 0}, {5, 9, 4}, {5, 2, 2}} {
		if got := since(tt.last, tt.now); got != tt.want {
			t.Errorf("from %d to %d: got %d, want %d", tt.last, tt.now, got, tt.want)
		}
	}
}

func TestClaims(t *testing.T) {
	c := claims{byID: map[connID]claim{}}
	one, two, three, elsewhere := connID{"a", 1}, connID{"a", 2}, connID{"a", 3}, connID{"b", 1}
	if !c.claim(one, left) || c.claim(one, left) {
		t.Error("a connection is new once")
	}
	if !c.claim(one, right) { // the server was started again
		t.Error("an id that serves the other side is another connection")
	}
	if !c.claim(elsewhere, right) {
		t.Error("an id of another host is another connection")
	}
	c.claim(two, left)
	c.claim(three, left)
	before := c.byID[three].at
	c.byID[three] = claim{left, before.Add(time.Hour)} // claimed after the list was made
	c.drop("a", before.Add(time.Minute), []conn{{ID: 2}})
	for id, want := range map[connID]bool{one: false, two: true, three: true, elsewhere: true} {
		if _, ok := c.sideOf(id); ok != want {
			t.Errorf("connection %v: known %v, want %v", id, ok, want)
		}
	}
}

func side10(ms ...float64) *side {
	s := &side{}
	for _, v := range ms {
		s.recent = append(s.recent, latency{time.Now(), v})
	}
	return s
}

func many(n int, ms float64) []float64 { return slices.Repeat([]float64{ms}, n) }

// The quotient is of the medians, and there is none of a few requests.
func TestHeadline(t *testing.T) {
	var counted [2]sideState
	counted[left].Logins, counted[right].Logins = 1104, 3
	for _, tt := range []struct {
		left, right []float64
		want        float64 // 0 for none
	}{
		{nil, nil, 0}, {many(enough, 4), many(enough-1, 2), 0}, {many(enough-1, 4), many(enough, 2), 0},
		{append(many(enough, 4), 1000), append(many(enough, 2), 1000), 2},
	} {
		w := &Watch{sides: [2]*side{side10(tt.left...), side10(tt.right...)}}
		h := w.headline(counted)
		got := 0.0
		if h.Times != nil {
			got = *h.Times
		}
		if got != tt.want || h.Logins != [2]int64{1104, 3} {
			t.Errorf("%d and %d requests: got %v times as fast, logins %d, want %v, [1104 3]", len(tt.left), len(tt.right), got, h.Logins, tt.want)
		}
	}
}

// Which host is the primary, and what is to be warned of.
func TestLanes(t *testing.T) {
	up := func(identity string, r role) seen { return seen{up: true, identity: identity, role: r} }
	galera, readOnly := role{cluster: true}, role{readOnly: true}
	for name, tt := range map[string]struct {
		hosts    []seen
		roles    string
		warned   []int // how many warnings each host has
		warnings int
	}{
		"one takes writes":        {[]seen{up("a", role{}), up("b", readOnly)}, "primary read-only", []int{0, 1}, 0},
		"one is unreachable":      {[]seen{{err: "refused"}, up("b", role{})}, "unreachable primary", []int{1, 0}, 0},
		"all are unreachable":     {[]seen{{err: "refused"}, {err: "refused"}}, "unreachable unreachable", []int{1, 1}, 1},
		"none takes writes":       {[]seen{up("a", readOnly), up("b", readOnly)}, "read-only read-only", []int{1, 1}, 1},
		"two that know no other":  {[]seen{up("a", role{}), up("b", role{})}, "takes writes takes writes", []int{0, 0}, 1},
		"two nodes of a cluster":  {[]seen{up("a", galera), up("b", galera)}, "takes writes takes writes", []int{0, 0}, 0},
		"one server by two names": {[]seen{up("a", role{}), up("a", role{})}, "primary primary", []int{0, 0}, 0},
		"a member in recovery":    {[]seen{up("a", galera), up("b", role{cluster: true, unready: "RECOVERING"})}, "primary not ready", []int{0, 1}, 0},
	} {
		w := &Watch{claims: claims{byID: map[connID]claim{{"a", 7}: {side: right}}}}
		for i, s := range tt.hosts {
			if s.up {
				s.conns = []conn{{ID: 7}, {ID: 8}}
			}
			w.hosts = append(w.hosts, &host{several: true, server: &target.Server{Addr: fmt.Sprint("host", i)}, seen: s})
		}
		lanes, warnings := w.lanes()
		var roles []string
		for i, l := range lanes {
			roles = append(roles, l.Role)
			if len(l.Warnings) != tt.warned[i] {
				t.Errorf("%s: warnings of %s: got %q, want %d", name, l.Addr, l.Warnings, tt.warned[i])
			}
			if want := tt.hosts[i]; want.identity == "a" && (l.Connections != [2]int{0, 1} || l.Others != 1) {
				t.Errorf("%s: %s: connections %d, others %d, want [0 1], 1", name, l.Addr, l.Connections, l.Others)
			}
		}
		if got := strings.Join(roles, " "); got != tt.roles || len(warnings) != tt.warnings {
			t.Errorf("%s: got %s, %q, want %s and %d warnings", name, got, warnings, tt.roles, tt.warnings)
		}
	}
}
