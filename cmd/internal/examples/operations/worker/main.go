// The command worker runs a job in one of several processes at a time, with a lock
// of the server.
//
//	DSN='user:password@tcp(127.0.0.1:3306)/' go run .
package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// lockTime is how long a worker waits for its turn.
const lockTime = 30 * time.Second

func main() {
	ctx := context.Background()
	if err := errors.Join(run(ctx, os.Getenv("DSN")), mysqlpool.Dispose(ctx)); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dsn string) error {
	db, err := sql.Open("mysql_pool", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	var workers sync.WaitGroup
	var mu sync.Mutex
	var working, most, done int
	var errs []error
	for range 4 {
		workers.Go(func() {
			err := withLock(ctx, db, "nightly report", func(*sql.Conn) error {
				mu.Lock()
				working, done = working+1, done+1
				most = max(most, working)
				mu.Unlock()
				defer func() { mu.Lock(); working--; mu.Unlock() }()
				var slept int // the job, on connections as it likes
				return db.QueryRowContext(ctx, "SELECT SLEEP(0.05)").Scan(&slept)
			})
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	workers.Wait()
	fmt.Printf("%d jobs, %d at a time\n", done, most)
	return errors.Join(errs...)
}

// withLock calls f while this process has the lock. The lock belongs to a session,
// so it needs a connection of its own from the first statement to the last: with
// sql.DB alone, RELEASE_LOCK may run on another connection than GET_LOCK.
//
// To close a sql.Conn gives the session back to its handle with the lock on it. So
// if the lock may not be released, the connection is discarded: then nobody else
// gets the session before the lock is free.
func withLock(ctx context.Context, db *sql.DB, name string, f func(*sql.Conn) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, ?)", name, lockTime.Seconds()).Scan(&got); err != nil {
		return err
	}
	if got.Int64 != 1 {
		return fmt.Errorf("the lock %q was not free within %v", name, lockTime)
	}
	released := false
	defer func() {
		if !released { // f panicked, or the server did not answer
			conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}()
	err = f(conn)
	var gave sql.NullInt64
	releaseErr := conn.QueryRowContext(context.WithoutCancel(ctx), "SELECT RELEASE_LOCK(?)", name).Scan(&gave)
	released = releaseErr == nil && gave.Int64 == 1
	if releaseErr == nil && !released {
		releaseErr = fmt.Errorf("the lock %q was lost while it was held", name)
	}
	return errors.Join(err, releaseErr)
}
