package watch

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	atOnce  = 40              // requests under way on a side, those of buttons too
	shown   = 8               // requests that the page lists
	patient = 5 * time.Second // with one request

	// work is how long a request does other things on average, with its handle
	// open. Without it no connection of the left side would live for long
	// enough to be seen on the server.
	work = 100 * time.Millisecond

	latencyOf = 10 * time.Second // median and 99th percentile are of the last so many
)

// A side is one driver and the requests made with it.
type side struct {
	driver, dsn string
	several     bool // hosts
	claim       func(id connID) (isNew bool)
	slots       chan struct{}

	mu     sync.Mutex // guards what follows
	counts counts
	last   []request // newest first
	recent []latency // oldest first
}

// counts are since the start.
type counts struct {
	Served int64 `json:"served"`
	Failed int64 `json:"failed"`
	Logins int64 `json:"logins"` // connections not seen before among those that served; for the pool, as it counted them
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

// asking is what a request does.
type asking struct {
	arguments bool   // the query has one
	leave     string // what it runs at its end, if anything
}

// request makes one. The error is errBusy.
func (s *side) request(ctx context.Context, do asking) (request, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return request{}, errBusy
	}
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	id, isNew, took, err := s.ask(ctx, do)

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

func (s *side) ask(ctx context.Context, do asking) (id int64, isNew bool, took time.Duration, err error) {
	query, args := "SELECT CONNECTION_ID(), "+s.hostSQL(), []any(nil)
	if do.arguments {
		query, args = query+", ?", []any{1}
	} else {
		query += ", 1"
	}
	began := time.Now()
	db, err := sql.Open(s.driver, s.dsn)
	if err != nil {
		return 0, false, time.Since(began), err
	}
	var host string
	var page int
	err = db.QueryRowContext(ctx, query, args...).Scan(&id, &host, &page)
	if err == nil {
		isNew = s.claim(connID{host, id})
		if do.leave != "" {
			_, err = db.ExecContext(ctx, do.leave)
		}
	}
	took = time.Since(began)
	if err == nil {
		pause(ctx, work)
	}
	began = time.Now()
	db.Close()
	return id, isNew, took + time.Since(began), err
}

func (s *side) hostSQL() string {
	if s.several {
		return identitySQL
	}
	return "''"
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
