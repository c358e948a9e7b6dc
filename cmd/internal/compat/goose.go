package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/mysqlpool/mysqlpool/cmd/internal/compat/migrations"
)

var gooseLibrary = library{
	name: "goose", module: "github.com/pressly/goose/v3",
	checked: "up, down, many statements, a failing one; two migrators at once with GET_LOCK on a sql.Conn, and with goose's table of locks",
	params:  "multiStatements=true",
	program: gooseProgram,
}

// gooseLock is a lock.SessionLocker: goose gives it the connection on which the
// migrations run, and takes that back when all is done.
type gooseLock struct{}

func (gooseLock) SessionLock(ctx context.Context, c *sql.Conn) error {
	var got sql.NullInt64
	if err := c.QueryRowContext(ctx, "SELECT GET_LOCK('compat.goose', 30)").Scan(&got); err != nil {
		return err
	}
	if got.Int64 != 1 {
		return errors.New("another migrator has the lock")
	}
	return nil
}

func (gooseLock) SessionUnlock(ctx context.Context, c *sql.Conn) error {
	var released sql.NullInt64
	if err := c.QueryRowContext(ctx, "SELECT RELEASE_LOCK('compat.goose')").Scan(&released); err != nil {
		return err
	}
	if released.Int64 != 1 {
		return fmt.Errorf("the lock was not ours: %v", released)
	}
	return nil
}

func gooseProgram(r *run) {
	files, err := fs.Sub(migrations.Files, "goose")
	r.must(err)
	handle := r.open()

	// One migrator is in the middle of a migration when another one comes.
	inside, goOn := make(chan struct{}), make(chan struct{})
	slow := goose.NewGoMigration(10, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		close(inside)
		<-goOn
		_, err := tx.ExecContext(ctx, "INSERT INTO log (line) VALUES (?)", "slow")
		return err
	}}, nil)
	type ran struct {
		results []*goose.MigrationResult
		err     error
	}
	up := func(db *sql.DB, options ...goose.ProviderOption) <-chan ran {
		options = append(options, goose.WithSessionLocker(gooseLock{}), goose.WithExcludeVersions([]int64{3}), goose.WithDisableGlobalRegistry(true))
		p, err := goose.NewProvider(goose.DialectMySQL, db, files, options...)
		r.must(err)
		done := make(chan ran, 1)
		go func() {
			results, err := p.Up(r.ctx)
			done <- ran{results, err}
		}()
		return done
	}
	first := up(handle, goose.WithGoMigrations(slow))
	select {
	case <-inside:
	case early := <-first:
		r.must(fmt.Errorf("the first migrator ended early: %w", early.err))
	}
	second := up(r.open(), goose.WithGoMigrations(goose.NewGoMigration(10, &goose.GoFunc{RunTx: func(context.Context, *sql.Tx) error {
		return errors.New("it is applied twice")
	}}, nil)))
	r.eventually("the second migrator waits for the lock", func() bool { return r.site.running(r, "GET_LOCK") == 1 })
	close(goOn)
	noteGoose := func(what string, results []*goose.MigrationResult, err error) {
		for _, m := range results {
			r.note(what, m.Source.Version, path.Base(m.Source.Path), m.Direction, m.Empty, m.Error)
		}
		r.note(what, len(results), err)
	}
	for i, done := range []<-chan ran{first, second} {
		got := <-done
		noteGoose(fmt.Sprintf("migrator %d", i+1), got.results, got.err)
	}
	var free, kept sql.NullInt64
	r.must(handle.QueryRowContext(r.ctx, "SELECT IS_FREE_LOCK('compat.goose')").Scan(&free))
	r.note("the lock is free", free)
	rows, err := handle.QueryContext(r.ctx, "SELECT line FROM log ORDER BY id")
	r.must(err)
	for rows.Next() {
		var line string
		r.must(rows.Scan(&line))
		r.note("log", line)
	}
	r.must(rows.Err())
	r.must(handle.QueryRowContext(r.ctx, "SELECT MAX(big) IS NOT NULL FROM people WHERE big = ?", hugest).Scan(&kept))
	r.note("the uint64 arrived", kept)

	// goose's own lock: a row with a lease, from whatever connection.
	locker, err := lock.NewMySQLTableLocker(lock.WithTableLockTimeout(10*time.Millisecond, 1000), lock.WithTableUnlockTimeout(10*time.Millisecond, 1000))
	r.must(err)
	p, err := goose.NewProvider(goose.DialectMySQL, handle, files, goose.WithLocker(locker), goose.WithGoMigrations(slow), goose.WithDisableGlobalRegistry(true), goose.WithAllowOutofOrder(true))
	r.must(err)
	results, err := p.Up(r.ctx)
	var partial *goose.PartialError
	r.note("a failing one", len(results), errors.As(err, &partial), err)
	var n int
	r.must(handle.QueryRowContext(r.ctx, "SELECT COUNT(*) FROM log WHERE line = 'rolled back'").Scan(&n))
	r.note("of the failing one there is left", n)
	version, err := p.GetDBVersion(r.ctx)
	r.note("version", version, err)
	results, err = p.DownTo(r.ctx, 1)
	noteGoose("down", results, err)
	status, err := p.Status(r.ctx)
	r.must(err)
	for _, s := range status {
		r.note("status", s.Source.Version, s.State)
	}
}
