package main

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
)

// workload is something to do over and over, on either driver.
type workload struct {
	name    string
	about   string
	prepare func(ctx context.Context, e *env) (step, error)
}

type step func(ctx context.Context) error

func names(all []workload) (names []string) {
	for _, w := range all {
		names = append(names, w.name)
	}
	return names
}

// counter32 gives each row another key.
type counter32 struct{ n atomic.Int64 }

const (
	manyGoroutines = 32
	manyHandles    = 50
	onlyOne        = "pool_size=1&pool_max_overflow=0"
)

var workloads = []workload{
	{"login-per-query", "a query on a handle with SetMaxIdleConns(0)", onHandle(func(db *sql.DB) { db.SetMaxIdleConns(0) }, one)},
	{"open-query-close", "sql.Open, a query, Close", func(_ context.Context, e *env) (step, error) {
		return func(ctx context.Context) error {
			db, err := sql.Open(e.driver, e.dsn)
			if err != nil {
				return err
			}
			defer db.Close()
			return one(ctx, e, db)
		}, nil
	}},
	{"default-idle-32", "32 goroutines on a handle that keeps the default of 2 idle connections", onHandle(nil, in32(one))},
	{"many-handles", "32 goroutines, 50 handles, any of them for each query", func(ctx context.Context, e *env) (step, error) {
		return many(ctx, e, manyHandles, func(int) (*sql.DB, error) { return e.open() })
	}},
	{"many-schemas", "32 goroutines, a handle for each of 20 schemas, any of them for each query", func(ctx context.Context, e *env) (step, error) {
		if err := e.makeSchemas(ctx); err != nil {
			return nil, err
		}
		return many(ctx, e, benchSchemas, func(n int) (*sql.DB, error) { return e.openOn(e.schemas[n]) })
	}},
	{"pooled-query", "a query on a handle that keeps its connection", onHandle(nil, one)},
	{"pooled-query-32", "the same on 32 goroutines, with as many idle connections", onHandle(idle32, in32(one))},
	{"parameter", "a row by its key, as an argument", onHandle(nil, point)},
	{"parameter-32", "the same on 32 goroutines, with as many idle connections", onHandle(idle32, in32(point))},
	{"insert", "a row of three arguments", onHandle(nil, insert)},
	{"insert-32", "the same on 32 goroutines, with as many idle connections", onHandle(idle32, in32(insert))},
	{"parameter-interpolated", "a row by its key, on \"mysql\" with interpolateParams=true and on \"mysql_pool\" without", onInterpolated(nil, point)},
	{"parameter-interpolated-32", "the same on 32 goroutines, with as many idle connections", onInterpolated(idle32, in32(point))},
	{"insert-interpolated", "a row of three arguments, likewise", onInterpolated(nil, insert)},
	{"transaction", "a transaction of four statements with arguments", onHandle(nil, transaction)},
	{"state-undone", "SET time_zone, and the connection is given up", onOne("SET time_zone = '+00:00'", "")},
	{"state-reset", "PREPARE, and the connection is given up", onOne("PREPARE p FROM 'SELECT 1'", "")},
	{"reset-always", "a query with pool_reset=always, and the connection is given up", onOne("SELECT 1", "pool_reset=always")},
	{"reset-never", "a query with pool_reset=never, and the connection is given up", onOne("SELECT 1", "pool_reset=never")},
	{"reset-state", "the same with the default, pool_reset=state: nothing was left", onOne("SELECT 1", "")},
}

type doing func(ctx context.Context, e *env, db *sql.DB) error

// onHandle does something on one handle.
func onHandle(set func(*sql.DB), do doing) func(context.Context, *env) (step, error) {
	return func(_ context.Context, e *env) (step, error) { return on(e, set, do, "") }
}

// onInterpolated is onHandle, with interpolateParams for the stock driver.
func onInterpolated(set func(*sql.DB), do doing) func(context.Context, *env) (step, error) {
	return func(_ context.Context, e *env) (step, error) {
		if e.pooled() {
			return on(e, set, do, "")
		}
		return on(e, set, do, "interpolateParams=true")
	}
}

// onOne runs a statement and gives its connection up, each time. The pool has one
// connection, so that the next step waits until that is as good as new; the stock
// driver logs in again.
func onOne(query, option string) func(context.Context, *env) (step, error) {
	return func(_ context.Context, e *env) (step, error) {
		params := ""
		if e.pooled() {
			if params = onlyOne; option != "" {
				params += "&" + option
			}
		}
		return on(e, func(db *sql.DB) { db.SetMaxIdleConns(0) }, func(ctx context.Context, _ *env, db *sql.DB) error {
			_, err := db.ExecContext(ctx, query)
			return err
		}, params)
	}
}

func on(e *env, set func(*sql.DB), do doing, params string) (step, error) {
	db, err := e.open(params)
	if err != nil {
		return nil, err
	}
	if set != nil {
		set(db)
	}
	return func(ctx context.Context) error { return do(ctx, e, db) }, nil
}

func idle32(db *sql.DB) { db.SetMaxIdleConns(manyGoroutines) }

func one(ctx context.Context, _ *env, db *sql.DB) error {
	var n int
	return db.QueryRowContext(ctx, "SELECT 1").Scan(&n)
}

func point(ctx context.Context, e *env, db *sql.DB) error {
	want := e.counter.n.Add(1) % benchRows
	var id, amount int64
	var name string
	err := db.QueryRowContext(ctx, "SELECT id, name, amount FROM "+benchTable+" WHERE id = ?", want).Scan(&id, &name, &amount)
	if err == nil && id != want {
		err = fmt.Errorf("got row %d, want %d", id, want)
	}
	return err
}

func insert(ctx context.Context, e *env, db *sql.DB) error {
	id := e.counter.n.Add(1)
	_, err := db.ExecContext(ctx, "INSERT INTO "+benchTable+" (id, name, amount) VALUES (?, ?, ?)", id, "a name", id%7)
	return err
}

func transaction(ctx context.Context, e *env, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	id := e.counter.n.Add(1) % benchRows
	var amount int64
	if err := tx.QueryRowContext(ctx, "SELECT amount FROM "+benchTable+" WHERE id = ?", id).Scan(&amount); err != nil {
		return err
	}
	for _, add := range []int64{1, -1} {
		if _, err := tx.ExecContext(ctx, "UPDATE "+benchTable+" SET amount = amount + ? WHERE id = ?", add, id); err != nil {
			return err
		}
	}
	if err := tx.QueryRowContext(ctx, "SELECT amount FROM "+benchTable+" WHERE id = ?", id).Scan(&amount); err != nil {
		return err
	}
	return tx.Commit()
}

// in32 does something ten times on each of 32 goroutines.
func in32(do doing) doing {
	return func(ctx context.Context, e *env, db *sql.DB) error {
		return parallel(func(int) error {
			for range 10 {
				if err := do(ctx, e, db); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// parallel runs f on each of 32 goroutines, and returns the first one's error
// that has one.
func parallel(f func(goroutine int) error) error {
	var wg sync.WaitGroup
	var errs [manyGoroutines]error
	for g := range manyGoroutines {
		wg.Go(func() { errs[g] = f(g) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// many runs queries on many handles, each of which the stock driver gives two
// connections to keep.
func many(ctx context.Context, e *env, n int, open func(n int) (*sql.DB, error)) (step, error) {
	if most := 2*n + manyGoroutines; !e.pooled() { // which comes second, and needs less
		room, err := e.room(ctx)
		if err == nil && room < most {
			err = fmt.Errorf("the stock driver may open %d connections, and the server takes %d more: raise max_connections", most, room)
		}
		if err != nil {
			return nil, err
		}
	}
	handles := make([]*sql.DB, n)
	for i := range handles {
		var err error
		if handles[i], err = open(i); err != nil {
			return nil, err
		}
	}
	var next atomic.Int64
	return func(ctx context.Context) error {
		return parallel(func(int) error {
			for range 10 {
				// A step that shares no factor with the number of handles.
				if err := one(ctx, e, handles[int(next.Add(7))%n]); err != nil {
					return err
				}
			}
			return nil
		})
	}, nil
}
