package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
)

// wrappedRounds is how often a handle is opened for one query, in each run.
const wrappedRounds = 50

// wrappedMost leaves room for the connections that are killed and cancelled, and
// for those that give session state up in the background.
const wrappedMost = 30

const wrappedChecked = "50 handles for one query each, transactions, savepoints, statements, cancelling, a killed connection, state left behind"

// sleeps numbers the statements that are cancelled: they run on in the server.
var sleeps atomic.Int64

// wrappedProgram does what an interceptor between database/sql and the driver
// might get wrong.
func wrappedProgram(r *run, open func() (*sql.DB, error)) {
	openOne := func() *sql.DB {
		db, err := open()
		r.must(err)
		r.later(func() { db.Close() })
		return db
	}
	for i := range wrappedRounds {
		db, err := open()
		r.must(err)
		var n int
		r.must(db.QueryRowContext(r.ctx, "SELECT ? + 1", i).Scan(&n))
		r.must(db.Close())
		r.note("round", n)
	}

	db := openOne()
	_, err := db.ExecContext(r.ctx, "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, big BIGINT UNSIGNED, made DATETIME(6), doc JSON, name VARCHAR(10))")
	r.must(err)
	res, err := db.ExecContext(r.ctx, "INSERT INTO t (big, made, doc) VALUES (?, ?, ?), (?, ?, ?)", hugest, moment, document, nil, nil, nil)
	r.note("insert", res, err)
	rows, err := db.QueryContext(r.ctx, "SELECT * FROM t ORDER BY id")
	r.must(err)
	types, err := rows.ColumnTypes()
	r.must(err)
	for _, c := range types {
		length, hasLength := c.Length()
		nullable, hasNullable := c.Nullable()
		precision, scale, hasScale := c.DecimalSize()
		r.note("column", c.Name(), c.DatabaseTypeName(), fmt.Sprint(c.ScanType()), length, hasLength, nullable, hasNullable, precision, scale, hasScale)
	}
	for rows.Next() {
		into := make([]any, len(types))
		for i := range into {
			into[i] = new(any)
		}
		r.must(rows.Scan(into...))
		for _, v := range into {
			r.note("value", *v.(*any))
		}
	}
	r.must(rows.Err())

	tx, err := db.BeginTx(r.ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	r.must(err)
	_, err = tx.ExecContext(r.ctx, "DELETE FROM t")
	r.note("write in a read-only transaction", err)
	r.must(tx.Rollback())
	tx, err = db.BeginTx(r.ctx, nil)
	r.must(err)
	stmt, err := tx.PrepareContext(r.ctx, "INSERT INTO t (name) VALUES (?)")
	r.must(err)
	for _, name := range []string{"a", "b", "much too long a name"} {
		res, err := stmt.ExecContext(r.ctx, name)
		if err != nil {
			r.note("in tx", err)
			continue
		}
		r.note("in tx", res)
		_, err = tx.ExecContext(r.ctx, "SAVEPOINT s"+name)
		r.must(err)
	}
	_, err = tx.ExecContext(r.ctx, "ROLLBACK TO SAVEPOINT sa")
	r.must(err)
	r.must(tx.Commit())
	r.note("commit twice", tx.Commit())

	prepared, err := db.PrepareContext(r.ctx, "SELECT COUNT(*), MAX(name) FROM t WHERE id >= ?")
	r.must(err)
	notePrepared := func() {
		for id := range 4 {
			var n int
			var name sql.NullString
			err := prepared.QueryRowContext(r.ctx, id).Scan(&n, &name)
			r.note("prepared", n, name, err)
		}
	}
	notePrepared()

	// Cancelled while it runs, and too late to begin with.
	sleep := fmt.Sprintf("DO SLEEP(30) /* %d */", sleeps.Add(1))
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan error)
	go func() {
		_, err := db.ExecContext(ctx, sleep)
		done <- err
	}()
	r.eventually("the statement runs", func() bool { return r.site.running(r, sleep) == 1 })
	cancel()
	r.note("cancelled", errors.Is(<-done, context.Canceled))
	r.note("cancelled before", db.PingContext(ctx))
	r.must(db.PingContext(r.ctx))
	notePrepared()

	// The server ends the connection: what is safe to send again is sent again.
	db.SetMaxOpenConns(1)
	var id int64
	r.must(db.QueryRowContext(r.ctx, "SELECT CONNECTION_ID()").Scan(&id))
	_, err = r.site.admin.ExecContext(r.ctx, fmt.Sprintf("KILL %d", id))
	r.must(err)
	r.eventually("the connection is gone", func() bool {
		var n int
		r.must(r.site.admin.QueryRowContext(r.ctx, "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ?", id).Scan(&n))
		return n == 0
	})
	var now int64
	err = db.QueryRowContext(r.ctx, "SELECT CONNECTION_ID()").Scan(&now)
	r.note("after a kill", now != id, err)
	notePrepared()
	r.must(prepared.Close())

	// State stays while the handle is there, and no longer.
	for i := range 5 {
		left := openOne()
		left.SetMaxOpenConns(1)
		noteState(r, "another handle", left)
		for _, query := range []string{
			"SET @compat = 'left', time_zone = '+05:00'", "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
			"DO GET_LOCK('compat', 10)", "CREATE TEMPORARY TABLE mine (id INT)", "START TRANSACTION", fmt.Sprintf("INSERT INTO t (name) VALUES ('left %d')", i),
		} {
			_, err := left.ExecContext(r.ctx, query)
			r.must(err)
		}
		noteState(r, "the same handle", left)
		r.must(left.Close())
	}
	var names int
	r.must(db.QueryRowContext(r.ctx, "SELECT COUNT(*) FROM t WHERE name LIKE ?", "left%").Scan(&names))
	r.note("rows left behind", names)
}

func noteState(r *run, who string, db *sql.DB) {
	var mine sql.NullString
	var zone, isolation string
	var lock sql.NullBool
	r.must(db.QueryRowContext(r.ctx, "SELECT @compat, @@time_zone, IS_USED_LOCK('compat') = CONNECTION_ID()").Scan(&mine, &zone, &lock))
	r.must(db.QueryRowContext(r.ctx, r.site.isolationQuery).Scan(&isolation))
	r.note(who, mine, zone, isolation, lock.Bool)
	_, err := db.ExecContext(r.ctx, "SELECT * FROM mine")
	r.note(who+", temporary table", err)
}
