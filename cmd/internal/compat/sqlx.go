package main

import (
	"database/sql"
	"time"

	"github.com/jmoiron/sqlx"
)

var sqlxLibrary = library{
	name: "sqlx", module: "github.com/jmoiron/sqlx",
	checked: "named queries, IN, Rebind, structs, maps and slices, named statements in transactions, uint64, JSON, times",
	program: sqlxProgram,
}

type sqlxItem struct {
	ID    uint64         `db:"id"`
	Name  string         `db:"name"`
	Big   uint64         `db:"big"`
	Made  time.Time      `db:"made"`
	Stamp time.Time      `db:"stamp"`
	Doc   sql.NullString `db:"doc"`
}

func sqlxProgram(r *run) {
	// Without it sqlx does not know mysql_pool's placeholders, and takes ?.
	sqlx.BindDriver("mysql_pool", sqlx.QUESTION)
	db, err := sqlx.ConnectContext(r.ctx, r.driver, r.dsn)
	r.must(err)
	r.later(func() { db.Close() })
	r.note("bind type", sqlx.BindType(db.DriverName()), db.Rebind("SELECT ?"))

	db.MustExec(`CREATE TABLE items (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50), big BIGINT UNSIGNED,
		made DATETIME(6), stamp TIMESTAMP(6) NOT NULL DEFAULT '2000-01-01', doc JSON)`)
	insert := "INSERT INTO items (name, big, made, stamp, doc) VALUES (:name, :big, :made, :stamp, :doc)"
	one := sqlxItem{Name: "one", Big: hugest, Made: moment, Stamp: moment, Doc: sql.NullString{String: document, Valid: true}}
	res, err := db.NamedExecContext(r.ctx, insert, one)
	r.note("named", res, err)
	res, err = db.NamedExecContext(r.ctx, insert, []sqlxItem{
		{Name: "two", Made: moment, Stamp: moment}, {Name: "three", Big: 1 << 63, Made: moment.UTC(), Stamp: moment.UTC()}})
	r.note("named, many", res, err)
	res, err = db.NamedExecContext(r.ctx, insert, map[string]any{"name": "four", "big": uint64(4), "made": nil, "stamp": moment, "doc": nil})
	r.note("named, of a map", res, err)

	var items []sqlxItem
	query, args, err := sqlx.In("SELECT * FROM items WHERE name IN (?) AND big >= ? ORDER BY id", []string{"one", "two", "three"}, 0)
	r.must(err)
	r.must(db.SelectContext(r.ctx, &items, db.Rebind(query), args...))
	for _, i := range items {
		r.note("item", i.ID, i.Name, i.Big, i.Made, i.Stamp, i.Doc)
	}
	var got sqlxItem
	r.note("no row", db.GetContext(r.ctx, &got, "SELECT * FROM items WHERE id = ?", 99))
	r.note("NULL in a time", db.GetContext(r.ctx, &got, "SELECT * FROM items WHERE id = ?", 4))
	for _, name := range []string{"one", "three"} {
		row := map[string]any{}
		r.must(db.QueryRowxContext(r.ctx, "SELECT big, made, doc FROM items WHERE name = ?", name).MapScan(row))
		r.note("map", row["big"], row["made"], row["doc"])
	}
	rows, err := db.NamedQueryContext(r.ctx, "SELECT id, big, made FROM items WHERE id < :id", map[string]any{"id": 4})
	r.must(err)
	for rows.Next() {
		values, err := rows.SliceScan()
		r.note("slice", append(values, err)...)
	}
	r.must(rows.Err())

	tx, err := db.BeginTxx(r.ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	r.must(err)
	var level string
	r.must(tx.Get(&level, r.site.isolationQuery))
	r.note("isolation of the session", level)
	stmt, err := tx.PrepareNamedContext(r.ctx, "UPDATE items SET name = CONCAT(name, :more) WHERE id <= :id")
	r.must(err)
	for i := range 3 {
		res, err := stmt.Exec(map[string]any{"more": "!", "id": i})
		r.note("named statement", res, err)
		tx.MustExec("SAVEPOINT s")
		tx.MustExec("DELETE FROM items WHERE id > ?", i)
		tx.MustExec("ROLLBACK TO SAVEPOINT s")
	}
	r.must(tx.Commit())
	var names []string
	r.must(db.Select(&names, "SELECT name FROM items ORDER BY id"))
	r.note("names", names)

	c, err := db.Connx(r.ctx)
	r.must(err)
	defer c.Close()
	_, err = c.ExecContext(r.ctx, "SET @compat = 'sqlx'")
	r.must(err)
	var mine string
	r.must(c.GetContext(r.ctx, &mine, "SELECT @compat"))
	r.note("state", mine)
}
