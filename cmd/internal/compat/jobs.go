package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

var jobsLibrary = library{
	name:    "jobs, a handle each",
	checked: "a queue with SKIP LOCKED; 4 workers open a handle per job, some leave a transaction, a lock and variables behind",
	most:    50,
	program: jobsProgram,
}

const jobs = 40

func jobsProgram(r *run) {
	db := r.open()
	for _, query := range []string{
		"CREATE TABLE jobs (id INT AUTO_INCREMENT PRIMARY KEY, args JSON NOT NULL, state VARCHAR(10) NOT NULL DEFAULT 'ready', attempts INT NOT NULL DEFAULT 0)",
		"CREATE TABLE results (job INT NOT NULL UNIQUE, value BIGINT UNSIGNED NOT NULL, zone VARCHAR(10), mine VARCHAR(10))",
	} {
		_, err := db.ExecContext(r.ctx, query)
		r.must(err)
	}
	for i := range jobs {
		res, err := db.ExecContext(r.ctx, "INSERT INTO jobs (args) VALUES (?)", fmt.Sprintf(`{"add": %d}`, i))
		r.note("enqueued", res, err)
	}
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for more := true; more && errs[i] == nil; {
				more, errs[i] = oneJob(r.ctx, r.driver, r.dsn)
			}
		})
	}
	wg.Wait()
	r.must(errors.Join(errs...))
	rows, err := db.QueryContext(r.ctx, "SELECT id, state, attempts, value, zone, mine FROM jobs LEFT JOIN results ON job = id ORDER BY id")
	r.must(err)
	for rows.Next() {
		var id, attempts int
		var state string
		var value uint64
		var zone, mine sql.NullString
		r.must(rows.Scan(&id, &state, &attempts, &value, &zone, &mine))
		r.note("job", id, state, attempts, value, zone, mine)
	}
	r.must(rows.Err())
	var left int
	r.must(db.QueryRowContext(r.ctx, "SELECT COUNT(*) FROM results WHERE job < 0").Scan(&left))
	r.note("results of failed jobs", left)
}

// oneJob works one job on a handle of its own. Every fourth job fails at first,
// and then leaves without tidying up.
func oneJob(ctx context.Context, driver, dsn string) (more bool, err error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return false, err
	}
	defer db.Close()
	c, err := db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer c.Close()
	var zone, mine sql.NullString
	if err := c.QueryRowContext(ctx, "SELECT @@time_zone, @compat").Scan(&zone, &mine); err != nil {
		return false, err
	}
	// The count outlives the transaction of a job that fails.
	var id, attempts int
	var args []byte
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	err = tx.QueryRowContext(ctx, "SELECT id, args, attempts FROM jobs WHERE state = ? ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED", "ready").Scan(&id, &args, &attempts)
	if errors.Is(err, sql.ErrNoRows) {
		return false, tx.Rollback()
	}
	if err != nil {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE jobs SET attempts = ?, state = 'running' WHERE id = ?", attempts+1, id); err != nil {
		return false, err
	}
	if err := tx.Commit(); err != nil {
		return false, err
	}
	if id%4 == 0 && attempts == 0 {
		return true, failJob(ctx, c, id)
	}
	var job struct{ Add uint64 }
	if err := json.Unmarshal(args, &job); err != nil {
		return false, err
	}
	if tx, err = c.BeginTx(ctx, nil); err != nil {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO results VALUES (?, ?, ?, ?)", id, hugest-job.Add, zone, mine); err != nil {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE jobs SET state = 'done' WHERE id = ?", id); err != nil {
		return false, err
	}
	return true, tx.Commit()
}

// failJob puts the job back, and leaves its session in the middle of things.
func failJob(ctx context.Context, c *sql.Conn, id int) error {
	for _, query := range []string{
		"UPDATE jobs SET state = 'ready' WHERE id = ?",
		"SET time_zone = '+11:00', @compat = 'left'",
		"DO GET_LOCK(CONCAT('job', ?), 0)",
		"START TRANSACTION",
		"INSERT INTO results VALUES (-?, 0, 'left', 'left')",
	} {
		var args []any
		for _, b := range query {
			if b == '?' {
				args = append(args, id)
			}
		}
		if _, err := c.ExecContext(ctx, query, args...); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
	}
	return nil // and the handle is closed
}
