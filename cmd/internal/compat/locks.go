package main

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

var locksLibrary = library{
	name:    "database/sql, GET_LOCK",
	checked: "a named lock across calls, on one sql.Conn and on a bare sql.DB with SetMaxOpenConns(1); given back, kept, and left behind; others queue for the rest",
	params:  "@pool_max_overflow=0",
	program: func(r *run) {
		c, err := r.open().Conn(r.ctx)
		r.must(err)
		holdLock(r, "a sql.Conn", c)
		r.must(c.Close())

		db := r.open()
		db.SetMaxOpenConns(1)
		holdLock(r, "a bare sql.DB", db)
		leaveLock(r)
	},
}

type querier interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// holdLock takes a lock, works for a while, and gives it back, while others try.
func holdLock(r *run, what string, q querier) {
	other := r.open()
	ask := func(who string, q querier, query string, args ...any) {
		var answer sql.NullInt64
		err := q.QueryRowContext(r.ctx, query, args...).Scan(&answer)
		r.note(what+", "+who+" "+query, answer, err)
	}
	ask("owner", q, "SELECT GET_LOCK(?, 10)", "compat")
	_, err := q.ExecContext(r.ctx, "CREATE TABLE IF NOT EXISTS work (id INT AUTO_INCREMENT PRIMARY KEY, n INT)")
	r.must(err)
	for i := range 5 {
		crowd(r, other)
		res, err := q.ExecContext(r.ctx, "INSERT INTO work (n) VALUES (?)", i)
		r.note("work", res, err)
		ask("owner", q, "SELECT IS_USED_LOCK('compat') = CONNECTION_ID()")
		ask("other", other, "SELECT GET_LOCK('compat', 0)")
		ask("other", other, "SELECT IS_FREE_LOCK(?)", "compat")
	}
	ask("owner", q, "SELECT GET_LOCK('compat', 0)") // again: it is counted
	ask("owner", q, "SELECT RELEASE_LOCK('compat')")
	ask("other", other, "SELECT GET_LOCK('compat', 0)")
	ask("other", other, "SELECT RELEASE_LOCK('compat')")
	waiting := make(chan sql.NullInt64)
	go func() {
		var answer sql.NullInt64
		other.QueryRowContext(r.ctx, "SELECT GET_LOCK('compat', 20)").Scan(&answer)
		waiting <- answer
	}()
	r.eventually("another one waits for the lock", func() bool { return r.site.running(r, "GET_LOCK('compat', 20)") == 1 })
	ask("owner", q, "SELECT RELEASE_LOCK(?)", "compat")
	r.note("who waited has it", <-waiting)
	ask("owner", q, "SELECT IS_FREE_LOCK('compat')")
	other.Close() // with the lock
	ask("owner", q, "SELECT GET_LOCK('compat', 10)")
	ask("owner", q, "SELECT RELEASE_LOCK('compat')")
}

// crowd has more queries under way than the pool has connections left, so that
// it would take the owner's if it could.
func crowd(r *run, db *sql.DB) {
	var wg sync.WaitGroup
	errs := make([]error, 12)
	for i := range errs {
		wg.Go(func() { _, errs[i] = db.ExecContext(r.ctx, "DO SLEEP(0.005)") })
	}
	wg.Wait()
	r.must(errors.Join(errs...))
}

// leaveLock gives back a sql.Conn with a lock on it. The handle keeps the lock
// until it is closed, as its connection does.
func leaveLock(r *run) {
	db := r.open()
	c, err := db.Conn(r.ctx)
	r.must(err)
	var answer sql.NullInt64
	r.must(c.QueryRowContext(r.ctx, "SELECT GET_LOCK('compat', 0)").Scan(&answer))
	r.note("taken", answer)
	r.must(c.Close())
	other := r.open()
	r.must(other.QueryRowContext(r.ctx, "SELECT GET_LOCK('compat', 0)").Scan(&answer))
	r.note("another handle, while the first is open", answer)
	r.must(db.Close())
	r.must(other.QueryRowContext(r.ctx, "SELECT GET_LOCK('compat', 10)").Scan(&answer))
	r.note("when it is closed", answer)
	r.must(other.QueryRowContext(r.ctx, "SELECT RELEASE_LOCK('compat')").Scan(&answer))
	r.note("given back", answer)
}
