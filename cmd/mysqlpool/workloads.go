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
	prepare preparing

	// byHand is the same on the stock driver, by a program that does itself what
	// the pool would save it: one handle that keeps its connections, and
	// statements that are prepared once. That is one round trip for each and what
	// database/sql takes: no pool can do better. nil: there is no such program.
	byHand preparing
}

type preparing func(ctx context.Context, e *env) (step, error)

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
	{"login-per-query", "a query on a handle with SetMaxIdleConns(0)", onHandle(func(db *sql.DB) { db.SetMaxIdleConns(0) }, one), onHandle(nil, one)},
	{"open-query-close", "sql.Open, a query, Close", func(_ context.Context, e *env) (step, error) {
		return func(ctx context.Context) error {
			db, err := sql.Open(e.driver, e.dsn)
			if err != nil {
				return err
			}
			defer db.Close()
			return one(ctx, e, db)
		}, nil
	}, onHandle(nil, one)},
	{"default-idle-32", "32 goroutines on a handle that keeps the default of 2 idle connections", onHandle(nil, in32(one)), onHandle(idle32, in32(one))},
	{"many-handles", "32 goroutines, 50 handles, any of them for each query", func(ctx context.Context, e *env) (step, error) {
		return many(ctx, e, manyHandles, func(int) (*sql.DB, error) { return e.open() }, one)
	}, onHandle(idle32, in32(one))},
	{"many-schemas", "32 goroutines, a handle for each of 20 schemas, any of them for each query", onSchemas(one), nil},
	{"many-schemas-parameter", "the same with an argument", onSchemas(argument), nil},
	{"pooled-query", "a query on a handle that keeps its connection", onHandle(nil, one), nil},
	{"pooled-query-32", "the same on 32 goroutines, with as many idle connections", onHandle(idle32, in32(one)), nil},
	{"parameter", "a row by its key, as an argument", onHandle(nil, point), onHandle(nil, point)},
	{"parameter-32", "the same on 32 goroutines, with as many idle connections", onHandle(idle32, in32(point)), onHandle(idle32, in32(point))},
	{"insert", "a row of three arguments", onHandle(nil, insert), onHandle(nil, insert)},
	{"insert-32", "the same on 32 goroutines, with as many idle connections", onHandle(idle32, in32(insert)), onHandle(idle32, in32(insert))},
	{"parameter-interpolated", "a row by its key, on \"mysql\" with interpolateParams=true and on \"mysql_pool\" without", onInterpolated(nil, point), onHandle(nil, point)},
	{"parameter-interpolated-32", "the same on 32 goroutines, with as many idle connections", onInterpolated(idle32, in32(point)), onHandle(idle32, in32(point))},
	{"insert-interpolated", "a row of three arguments, likewise", onInterpolated(nil, insert), onHandle(nil, insert)},
	{"transaction", "a transaction of four statements with arguments", onHandle(nil, transaction), onHandle(nil, transaction)},
	{"state-undone", "SET time_zone, and the connection is checked in", onOne("SET time_zone = '+00:00'", ""), nil},
	{"state-reset", "PREPARE, and the connection is checked in", onOne("PREPARE p FROM 'SELECT 1'", ""), nil},
	{"reset-always", "a query with pool_reset=always, and the connection is checked in", onOne("SELECT 1", "pool_reset=always"), nil},
	{"reset-never", "a query with pool_reset=never, and the connection is checked in", onOne("SELECT 1", "pool_reset=never"), onHandle(nil, execOf("SELECT 1"))},
	{"reset-state", "the same with the default, pool_reset=state: nothing was left", onOne("SELECT 1", ""), onHandle(nil, execOf("SELECT 1"))},
}

type doing func(ctx context.Context, e *env, db *sql.DB) error

// onHandle does something on one handle.
func onHandle(set func(*sql.DB), do doing) preparing {
	return func(_ context.Context, e *env) (step, error) { return on(e, set, do, "") }
}

// onInterpolated is onHandle, with interpolateParams for the stock driver.
func onInterpolated(set func(*sql.DB), do doing) preparing {
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
func onOne(query, option string) preparing {
	return func(_ context.Context, e *env) (step, error) {
		params := ""
		if e.pooled() {
			if params = onlyOne; option != "" {
				params += "&" + option
			}
		}
		return on(e, func(db *sql.DB) { db.SetMaxIdleConns(0) }, execOf(query), params)
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

func argument(ctx context.Context, e *env, db *sql.DB) error {
	var n int
	return db.QueryRowContext(ctx, "SELECT ? + 1", 1).Scan(&n)
}

// onSchemas does something on a handle for each of some schemas.
func onSchemas(do doing) preparing {
	return func(ctx context.Context, e *env) (step, error) {
		if err := e.makeSchemas(ctx); err != nil {
			return nil, err
		}
		return many(ctx, e, benchSchemas, func(n int) (*sql.DB, error) { return e.openOn(e.schemas[n]) }, do)
	}
}

func execOf(query string) doing {
	return func(ctx context.Context, _ *env, db *sql.DB) error {
		_, err := db.ExecContext(ctx, query)
		return err
	}
}

func point(ctx context.Context, e *env, db *sql.DB) error {
	want := e.counter.n.Add(1) % benchRows
	var id, amount int64
	var name string
	err := e.over(db).QueryRowContext(ctx, "SELECT id, name, amount FROM "+benchTable+" WHERE id = ?", want).Scan(&id, &name, &amount)
	if err == nil && id != want {
		err = fmt.Errorf("got row %d, want %d", id, want)
	}
	return err
}

func insert(ctx context.Context, e *env, db *sql.DB) error {
	id := e.counter.n.Add(1)
	_, err := e.over(db).ExecContext(ctx, "INSERT INTO "+benchTable+" (id, name, amount) VALUES (?, ?, ?)", id, "a name", id%7)
	return err
}

func transaction(ctx context.Context, e *env, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	in := e.overTx(db, tx)
	id := e.counter.n.Add(1) % benchRows
	var amount int64
	if err := in.QueryRowContext(ctx, "SELECT amount FROM "+benchTable+" WHERE id = ?", id).Scan(&amount); err != nil {
		return err
	}
	for _, add := range []int64{1, -1} {
		if _, err := in.ExecContext(ctx, "UPDATE "+benchTable+" SET amount = amount + ? WHERE id = ?", add, id); err != nil {
			return err
		}
	}
	if err := in.QueryRowContext(ctx, "SELECT amount FROM "+benchTable+" WHERE id = ?", id).Scan(&amount); err != nil {
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
func many(ctx context.Context, e *env, n int, open func(n int) (*sql.DB, error), do doing) (step, error) {
	if most := 2*n + 2*manyGoroutines; !e.pooled() { // what comes after it needs less
		if err := e.waitForRoom(ctx, most); err != nil {
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
				if err := do(ctx, e, handles[int(next.Add(7))%n]); err != nil {
					return err
				}
			}
			return nil
		})
	}, nil
}
