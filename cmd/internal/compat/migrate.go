package main

import (
	"errors"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	migratemysql "github.com/golang-migrate/migrate/v4/database/mysql"
	"github.com/golang-migrate/migrate/v4/source/iofs"

	"github.com/mysqlpool/mysqlpool/cmd/internal/compat/migrations"
)

var migrateLibrary = library{
	name: "golang-migrate", module: "github.com/golang-migrate/migrate/v4",
	checked: "multi-statement up and down, a failing one, dirty; GET_LOCK across calls, two migrators at once, one that dies with the lock",
	params:  "multiStatements=true",
	program: migrateProgram,
}

func migrateProgram(r *run) {
	open := func() database.Driver {
		db := r.open()
		d, err := migratemysql.WithInstance(db, &migratemysql.Config{})
		r.must(err)
		r.later(func() { d.Close() })
		return d
	}
	files, err := iofs.New(migrations.Files, "migrate")
	r.must(err)

	holder, worker := open(), open() // each takes the lock for a moment
	r.must(holder.Lock())
	r.note("locked twice", holder.Lock())
	m, err := migrate.NewWithInstance("iofs", files, stock, worker)
	r.must(err)
	done := make(chan error)
	go func() { done <- m.Migrate(2) }()
	r.eventually("the second migrator waits for the lock", func() bool { return r.site.running(r, "GET_LOCK") == 1 })
	version, _, err := holder.Version()
	r.note("while the lock is held", version, err)
	r.must(holder.Unlock())
	r.note("second migrator", <-done)
	version, dirty, err := worker.Version()
	r.note("version", version, dirty, err)

	db := r.open()
	notePeople := func() {
		rows, err := db.QueryContext(r.ctx, "SELECT id, name, big FROM people ORDER BY id")
		r.must(err)
		for rows.Next() {
			var id uint64
			var name string
			var big *uint64
			r.must(rows.Scan(&id, &name, &big))
			r.note("person", id, name, big != nil && *big == hugest)
		}
		r.must(rows.Err())
	}
	notePeople()
	r.note("up to the failing one", m.Up())
	version, dirty, err = worker.Version()
	r.note("version", version, dirty, err)
	r.note("dirty", m.Up())
	notePeople()
	r.must(m.Force(2))
	r.note("a step down", m.Steps(-1))
	r.note("down", m.Down())
	r.note("nothing to do", errors.Is(m.Down(), migrate.ErrNoChange))

	// One goes away with the lock: its session ends, and the lock with it.
	gone := open()
	r.must(gone.Lock())
	r.must(gone.Close())
	next := open()
	r.note("the next one locks", next.Lock())
	r.note("and unlocks", next.Unlock())
}
