package watch

// A state is what the page asks for every second.
type state struct {
	Server  status       `json:"server"`
	Rate    int          `json:"rate"`
	Sides   [2]sideState `json:"sides"`
	Others  []conn       `json:"others"`
	Pool    poolState    `json:"pool"`
	Samples []sample     `json:"samples"`
}

type sideState struct {
	Driver string `json:"driver"`
	Load   bool   `json:"load"`
	counts
	Requests    []request `json:"requests"` // newest first
	Connections []conn    `json:"connections"`
}

type poolState struct {
	Undone int64 `json:"undone"`
	Reset  int64 `json:"reset"`
	Closed int64 `json:"closed"`
}

// state returns what there is to show, with the samples taken after then (Unix
// milliseconds).
func (w *Watch) state(then int64) state {
	p := totals()
	s := state{
		Rate: w.rate, Pool: poolState{Undone: p.Undone, Reset: p.Reset, Closed: p.Dirty},
		Samples: []sample{},
	}
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
	s.Server = w.status
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
