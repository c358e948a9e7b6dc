package watch

import (
	"fmt"
	"strings"
)

// A state is what the page asks for every second.
type state struct {
	Server   status       `json:"server"`
	Load     Load         `json:"load"`
	Headline headline     `json:"headline"`
	Hosts    []lane       `json:"hosts"` // of several; empty for one
	Warnings []string     `json:"warnings"`
	Sides    [2]sideState `json:"sides"`
	Others   []conn       `json:"others"`
	Back     takenBack    `json:"takenBack"`
	Samples  []sample     `json:"samples"`
}

// status is that of the server; of several hosts, whether one answers.
type status struct {
	Name  string `json:"name"`
	Up    bool   `json:"up"`
	Since int64  `json:"since"` // Unix milliseconds
	Error string `json:"error,omitempty"`
}

// headline is the difference between the sides in a few numbers.
type headline struct {
	Logins [2]int64    `json:"logins"` // since the start
	Median [2]*float64 `json:"median"` // milliseconds of a request's database calls, in the last ten seconds
	Times  *float64    `json:"times"`  // as fast: the quotient of the medians; nil while there are few requests
}

// enough is how many requests on each side are worth a quotient.
const enough = 20

type sideState struct {
	Driver string `json:"driver"`
	counts
	Requests    []request `json:"requests"` // newest first
	Connections []conn    `json:"connections"`
}

// state returns what there is to show, with the samples taken after then (Unix
// milliseconds).
func (w *Watch) state(then int64) state {
	s := state{Server: w.status(), Samples: []sample{}, Others: []conn{}}
	s.Load, _ = w.load.get()
	s.Hosts, s.Warnings = w.lanes()
	for i, side := range w.sides {
		side.mu.Lock()
		s.Sides[i] = sideState{
			Driver: side.driver, counts: side.counts,
			Requests: append([]request{}, side.last...), Connections: []conn{},
		}
		side.mu.Unlock()
	}
	for _, h := range w.hosts {
		seen := h.read()
		sides, others := w.claims.bySide(seen.identity, seen.conns)
		for i := range sides {
			s.Sides[i].Connections = append(s.Sides[i].Connections, sides[i]...)
		}
		s.Others = append(s.Others, others...)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Sides[right].Logins = w.opened
	s.Headline = w.headline(s.Sides)
	s.Back = w.back
	for _, sample := range w.samples {
		if sample.Time > then {
			s.Samples = append(s.Samples, sample)
		}
	}
	return s
}

func (w *Watch) status() (s status) {
	var names, errs []string
	for i, h := range w.hosts {
		seen := h.read()
		names = append(names, h.server.Name)
		if seen.up || i == 0 || !s.Up && seen.since.UnixMilli() > s.Since {
			s.Since = seen.since.UnixMilli()
		}
		if s.Up = s.Up || seen.up; !seen.up {
			errs = append(errs, seen.err)
		}
	}
	s.Name = strings.Join(names, ", ")
	switch {
	case s.Up:
	case len(errs) == 1:
		s.Error = errs[0]
	default:
		s.Error = fmt.Sprintf("none of %d hosts answers", len(errs))
	}
	return s
}

func (w *Watch) headline(sides [2]sideState) (h headline) {
	few := false
	for i, side := range w.sides {
		h.Logins[i] = sides[i].Logins
		ms := side.latencies()
		few = few || len(ms) < enough
		h.Median[i] = percentile(ms, 50)
	}
	if !few && *h.Median[right] > 0 {
		times := *h.Median[left] / *h.Median[right]
		h.Times = &times
	}
	return h
}
