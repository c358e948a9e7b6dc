package watch

// A state is what the page asks for every second.
type state struct {
	Server  status       `json:"server"`
	Rate    int          `json:"rate"`
	Sides   [2]sideState `json:"sides"`
	Others  []conn       `json:"others"`
	Back    takenBack    `json:"takenBack"`
	Samples []sample     `json:"samples"`
}

type sideState struct {
	Driver string `json:"driver"`
	Load   bool   `json:"load"`
	counts
	Requests    []request `json:"requests"` // newest first
	Connections []conn    `json:"connections"`
}

// state returns what there is to show, with the samples taken after then (Unix
// milliseconds).
func (w *Watch) state(then int64) state {
	s := state{Rate: w.rate, Samples: []sample{}}
	for i, side := range w.sides {
		side.mu.Lock()
		s.Sides[i] = sideState{
			Driver: side.driver, Load: side.loading.Load(), counts: side.counts,
			Requests: append([]request{}, side.last...),
		}
		side.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Server, s.Back = w.status, w.back
	conns, others := w.bySide(w.conns)
	for i := range conns {
		s.Sides[i].Connections = append([]conn{}, conns[i]...)
	}
	s.Others = append([]conn{}, others...)
	for _, sample := range w.samples {
		if sample.Time > then {
			s.Samples = append(s.Samples, sample)
		}
	}
	return s
}
