package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"sync/atomic"
)

// readiness answers whether this process can serve requests now. It does what a
// request does: it checks out a connection, and has the server answer on it. An
// open connection alone proves nothing, and sql.Open dials nothing.
//
// A full pool makes it wait, and then say no: that is true, a request would wait as
// well. Give it a handle of its own with another pool_name if a busy process is to
// stay in rotation.
type readiness struct {
	db       *sql.DB
	stopping atomic.Bool
}

func (r *readiness) stop() { r.stopping.Store(true) }

func (r *readiness) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if r.stopping.Load() {
		http.Error(w, "stopping", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(request.Context(), readyTimeout)
	defer cancel()
	if err := r.db.PingContext(ctx); err != nil {
		http.Error(w, "no connection", http.StatusServiceUnavailable) // the error is for the log, not for the world
		return
	}
	fmt.Fprintln(w, "ready")
}
