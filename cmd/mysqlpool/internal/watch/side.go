package watch

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	atOnce  = 32              // requests under way on a side
	shown   = 8               // requests that the page lists
	patient = 5 * time.Second // with one request

	// work is what a request does besides asking the database, with its handle
	// open. Without it no connection of the left side would live for long
	// enough to be seen on the server.
	work = 100 * time.Millisecond

	latencyOf = 10 * time.Second // median and 99th percentile are of the last so many
)

// A side is one driver and the requests made with it.
type side struct {
	driver, dsn string
	claim       func(id int64) (isNew bool)
	slots       chan struct{}
	loading     atomic.Bool

	mu     sync.Mutex
	counts counts
	last   []request // newest first
	recent []latency // oldest first
}

// counts are since the start.
type counts struct {
	Served int64 `json:"served"`
	Failed int64 `json:"failed"`
	Logins int64 `json:"logins"` // connections not seen before among those that served
}

// A request is what a program does that opens a handle for each.
type request struct {
	N     int64   `json:"n"`
	ID    int64   `json:"id"` // of the connection that served it
	MS    float64 `json:"ms"` // in database calls
	New   bool    `json:"new"`
	Error string  `json:"error,omitempty"`
}

type latency struct {
	at time.Time // when it ended
	ms float64
}

var errBusy = errors.New("too many requests are under way on this side")

// request makes one, which ends by running leave, if any.
func (s *side) request(ctx context.Context, leave string) (request, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return request{}, errBusy
	}
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	id, isNew, took, err := s.ask(ctx, leave)

	s.mu.Lock()
	defer s.mu.Unlock()
	r := request{ID: id, MS: float64(took.Microseconds()) / 1000, New: isNew}
	if err != nil {
		s.counts.Failed++
		r.Error = describe(err, patient)
	} else {
		s.counts.Served++
		s.recent = append(s.recent, latency{time.Now(), r.MS})
	}
	if isNew {
		s.counts.Logins++
	}
	r.N = s.counts.Served + s.counts.Failed
	s.last = slices.Insert(s.last, 0, r)
	s.last = s.last[:min(len(s.last), shown)]
	return r, nil
}

func (s *side) ask(ctx context.Context, leave string) (id int64, isNew bool, took time.Duration, err error) {
	began := time.Now()
	db, err := sql.Open(s.driver, s.dsn)
	if err != nil {
		return 0, false, time.Since(began), err
	}
	var page int
	err = db.QueryRowContext(ctx, "SELECT CONNECTION_ID(), ?", 1).Scan(&id, &page)
	if err == nil {
		isNew = s.claim(id)
		if leave != "" {
			_, err = db.ExecContext(ctx, leave)
		}
	}
	took = time.Since(began)
	if err == nil {
		select {
		case <-time.After(work):
		case <-ctx.Done():
		}
	}
	began = time.Now()
	db.Close()
	return id, isNew, took + time.Since(began), err
}

// latencies returns those of the last ten seconds, and forgets older ones.
func (s *side) latencies() []float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := time.Now().Add(-latencyOf)
	s.recent = slices.DeleteFunc(s.recent, func(l latency) bool { return l.at.Before(old) })
	ms := make([]float64, len(s.recent))
	for i, l := range s.recent {
		ms[i] = l.ms
	}
	return ms
}

func (s *side) count() counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}
