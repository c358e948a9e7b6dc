package chaos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// A request is one query, and what came of it.
type request struct {
	began, ended time.Time
	err          error
}

func (r request) took() time.Duration { return r.ended.Sub(r.began) }

// requests is all of a test, in the order in which they ended.
type requests struct {
	mu  sync.Mutex // guards all
	all []request
}

// make makes a request.
func (q *requests) make(ctx context.Context, db *sql.DB) error {
	r := request{began: time.Now()}
	var n int
	r.err = db.QueryRowContext(ctx, "SELECT ?", 7).Scan(&n)
	if r.err == nil && n != 7 {
		r.err = fmt.Errorf("got %d, want 7", n)
	}
	r.ended = time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all = append(q.all, r)
	return r.err
}

// failed returns those that failed of those that began after an instant.
func (q *requests) failed(after time.Time) (failed []request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.all {
		if r.err != nil && r.began.After(after) {
			failed = append(failed, r)
		}
	}
	return failed
}

// firstSuccess returns when the first request succeeded of those that began
// after an instant.
func (q *requests) firstSuccess(after time.Time) (time.Time, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.all {
		if r.err == nil && r.began.After(after) {
			return r.ended, nil
		}
	}
	return time.Time{}, errors.New("no request succeeded")
}

func (q *requests) longest() (longest time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.all {
		longest = max(longest, r.took())
	}
	return longest
}

// errors counts the failed requests by their text.
func errorTexts(failed []request) map[string]int {
	texts := map[string]int{}
	for _, r := range failed {
		texts[r.err.Error()]++
	}
	return texts
}

// warm opens connections until a handle has n idle ones, and leaves them.
func warm(t *testing.T, db *sql.DB, n int) {
	t.Helper()
	db.SetMaxIdleConns(n)
	var conns []*sql.Conn
	for range n {
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// It is used, as others are: only then is it put away for use.
		if err := c.PingContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	for _, c := range conns {
		c.Close()
	}
}
