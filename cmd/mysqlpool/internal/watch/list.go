package watch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// The server counts as away when it has not answered for so long.
const listTimeout = 2 * time.Second

// A conn is a line of the server's connection list.
type conn struct {
	ID      int64  `json:"id"`
	User    string `json:"user"`
	DB      string `json:"db"`
	Command string `json:"command"`
	Time    int64  `json:"time"` // seconds
	Own     bool   `json:"own"`  // the one that asked
}

type status struct {
	Name  string `json:"name"`
	Up    bool   `json:"up"`
	Since int64  `json:"since"` // Unix milliseconds
	Error string `json:"error,omitempty"`
}

// list asks the server for its connections.
func list(ctx context.Context, db *sql.DB) (conns []conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	rows, err := db.QueryContext(ctx, `SELECT id, user, COALESCE(db, ''), command, COALESCE(time, 0), id = CONNECTION_ID()
		FROM information_schema.PROCESSLIST ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var c conn
		if err := rows.Scan(&c.ID, &c.User, &c.DB, &c.Command, &c.Time, &c.Own); err != nil {
			return nil, err
		}
		conns = append(conns, c)
	}
	return conns, rows.Err()
}

// look reads the list and notes whether the server is there.
func (w *Watch) look(ctx context.Context) {
	began := time.Now()
	conns, err := list(ctx, w.server.Monitor())
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		w.claims.drop(began, conns)
	} else {
		w.claims.drop(began.Add(-time.Minute), nil)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = conns
	was := w.status.Up
	w.status.Up = err == nil
	w.status.Error = ""
	if err != nil {
		w.status.Error = describe(err, listTimeout)
	}
	if was == w.status.Up {
		return
	}
	w.status.Since = time.Now().UnixMilli()
	if w.status.Up {
		w.logf("the server is back")
	} else {
		w.logf("the server is away: %s", w.status.Error)
	}
}

func describe(err error, waited time.Duration) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %v (%v)", waited, err)
	}
	return err.Error()
}

// bySide deals the listed connections out.
func (w *Watch) bySide(conns []conn) (sides [2][]conn, others []conn) {
	for _, c := range conns {
		if side, ok := w.claims.sideOf(c.ID); ok {
			sides[side] = append(sides[side], c)
		} else {
			others = append(others, c)
		}
	}
	return sides, others
}
