package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

const (
	benchTable   = "mysqlpool_bench"
	benchRows    = 100
	benchSchemas = 20
)

// site is what the workloads find on the server.
type site struct {
	dsn     string
	db      *sql.DB // the stock driver's
	schemas []string
	counter counter32
}

// newSite logs in and makes the table. It calls answered after each answer.
func newSite(ctx context.Context, dsn string, answered func()) (*site, error) {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return nil, fmt.Errorf(`sql.Open("mysql", dsn): %w`, err)
	}
	s := &site{dsn: dsn, db: db}
	s.counter.n.Store(1 << 20)
	for _, query := range []string{
		"DROP TABLE IF EXISTS " + benchTable,
		"CREATE TABLE " + benchTable + " (id BIGINT PRIMARY KEY, name VARCHAR(40), amount BIGINT)",
	} {
		if _, err := db.ExecContext(ctx, query); err != nil {
			s.close(inHurry)
			return nil, fmt.Errorf("the table to measure with: %s: %w", query, err)
		}
		answered()
	}
	for id := range benchRows {
		if _, err := db.ExecContext(ctx, "INSERT INTO "+benchTable+" VALUES (?, ?, ?)", id, fmt.Sprint("name ", id), id); err != nil {
			s.close(inHurry)
			return nil, fmt.Errorf("the table to measure with: %w", err)
		}
		answered()
	}
	return s, nil
}

// inHurry is the limit of close when the program is interrupted, or the server has
// not answered.
const inHurry = 700 * time.Millisecond

// close drops what was made, also when the program is interrupted.
func (s *site) close(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	s.db.ExecContext(ctx, "DROP TABLE IF EXISTS "+benchTable)
	for _, schema := range s.schemas {
		s.db.ExecContext(ctx, "DROP DATABASE IF EXISTS "+schema)
	}
	s.db.Close()
}

// makeSchemas makes schemas for the workload that needs some.
func (s *site) makeSchemas(ctx context.Context) error {
	for n := len(s.schemas); n < benchSchemas; n++ {
		schema := fmt.Sprintf("mysqlpool_bench_%d", n)
		s.schemas = append(s.schemas, schema)
		for _, query := range []string{"DROP DATABASE IF EXISTS " + schema, "CREATE DATABASE " + schema} {
			if _, err := s.db.ExecContext(ctx, query); err != nil {
				return fmt.Errorf("it needs %d schemas: %w", benchSchemas, err)
			}
		}
	}
	return nil
}

// waitForRoom returns once the server takes that many more connections, or an error
// if it does not soon: those of the round before may still be closing there.
func (s *site) waitForRoom(ctx context.Context, want int) error {
	for deadline := time.Now().Add(time.Second); ; {
		room, err := s.room(ctx)
		if err != nil || room >= want {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("this may open %d connections, and the server takes %d more: raise max_connections", want, room)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// room returns how many more connections the server says that it takes.
func (s *site) room(ctx context.Context) (int, error) {
	var name string
	var limit, used int
	if err := s.db.QueryRowContext(ctx, "SELECT @@max_connections").Scan(&limit); err != nil {
		return 0, err
	}
	if err := s.db.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Threads_connected'").Scan(&name, &used); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	return limit - used, nil
}

// roundTrip is the median of what a ping takes, without database/sql: nothing
// can be faster.
func (s *site) roundTrip(ctx context.Context, answered func()) (time.Duration, error) {
	c, err := s.db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	took := make([]time.Duration, 500)
	err = c.Raw(func(dc any) error {
		pinger := dc.(driver.Pinger)
		for i := range took {
			start := time.Now()
			if err := pinger.Ping(ctx); err != nil {
				return err
			}
			took[i] = time.Since(start)
			answered()
		}
		return nil
	})
	slices.Sort(took)
	return took[len(took)/2], err
}

// env is where a workload runs.
type env struct {
	*site
	driver string
	byHand bool // statements with arguments are prepared once
	opened []*sql.DB

	mu    sync.Mutex // guards what follows
	stmts map[string]*sql.Stmt
}

// pooled reports whether it runs on "mysql_pool".
func (e *env) pooled() bool { return e.driver == drivers[1] }

// open opens a handle, with more parameters in its DSN.
func (e *env) open(params ...string) (*sql.DB, error) {
	dsn := e.dsn
	for _, p := range params {
		if p == "" {
			continue
		}
		sep := "?"
		if strings.Contains(dsn[strings.LastIndexByte(dsn, '/'):], "?") {
			sep = "&"
		}
		dsn += sep + p
	}
	return e.openDSN(dsn)
}

// openOn opens a handle on another schema.
func (e *env) openOn(schema string) (*sql.DB, error) {
	cfg, err := mysql.ParseDSN(e.dsn)
	if err != nil {
		return nil, errors.New("not a DSN")
	}
	cfg.DBName = schema
	return e.openDSN(cfg.FormatDSN())
}

func (e *env) openDSN(dsn string) (*sql.DB, error) {
	db, err := sql.Open(e.driver, dsn)
	if err == nil {
		e.opened = append(e.opened, db)
	}
	return db, err
}

// runner runs statements.
type runner interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// over is what runs statements with arguments on a handle, and overTx in a
// transaction of it.
func (e *env) over(db *sql.DB) runner {
	if e.byHand {
		return preparedRunner{e, db, func(_ context.Context, s *sql.Stmt) *sql.Stmt { return s }}
	}
	return db
}

func (e *env) overTx(db *sql.DB, tx *sql.Tx) runner {
	if e.byHand {
		return preparedRunner{e, db, tx.StmtContext}
	}
	return tx
}

// preparedRunner prepares each text once.
type preparedRunner struct {
	*env
	db *sql.DB
	in func(context.Context, *sql.Stmt) *sql.Stmt
}

func (r preparedRunner) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := r.stmt(ctx, query)
	if err != nil {
		return r.db.QueryRowContext(ctx, query, args...) // which says why
	}
	return r.in(ctx, stmt).QueryRowContext(ctx, args...)
}

func (r preparedRunner) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := r.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return r.in(ctx, stmt).ExecContext(ctx, args...)
}

func (r preparedRunner) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	r.mu.Lock()
	stmt := r.stmts[query]
	r.mu.Unlock()
	if stmt != nil {
		return stmt, nil
	}
	stmt, err := r.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if was := r.stmts[query]; was != nil { // of another goroutine
		defer stmt.Close()
		return was, nil
	}
	if r.stmts == nil {
		r.stmts = map[string]*sql.Stmt{}
	}
	r.stmts[query] = stmt
	return stmt, nil
}

func (e *env) close() {
	for _, stmt := range e.stmts {
		stmt.Close()
	}
	for _, db := range e.opened {
		db.Close()
	}
}
