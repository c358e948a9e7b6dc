package main

import (
	"database/sql"
	"encoding/json"

	"github.com/mysqlpool/mysqlpool/cmd/internal/compat/sqlc"
	"github.com/mysqlpool/mysqlpool/cmd/internal/compat/sqlc/db"
)

var sqlcLibrary = library{
	name: "sqlc", version: sqlc.Version,
	checked: "generated code, plain and prepared: exec, execresult, execlastid, execrows, one, many, slice, in a Tx, uint64, JSON, times",
	program: sqlcProgram,
}

func sqlcProgram(r *run) {
	handle := r.open()
	_, err := handle.ExecContext(r.ctx, sqlc.Schema)
	r.must(err)
	prepared, err := db.Prepare(r.ctx, handle)
	r.must(err)
	defer prepared.Close()
	for _, way := range []struct {
		name string
		q    *db.Queries
	}{{"plain", db.New(handle)}, {"prepared", prepared}} {
		sqlcQueries(r, way.name, handle, way.q)
	}
}

func sqlcQueries(r *run, way string, handle *sql.DB, q *db.Queries) {
	owner := way + " ü"
	create := db.CreateAccountParams{Owner: owner, Balance: hugest - 1, Opened: moment, Settings: json.RawMessage(document)}
	res, err := q.CreateAccount(r.ctx, create)
	r.note(way+": create", res, err)
	_, err = q.CreateAccount(r.ctx, create)
	r.note("a double", err)
	id, err := q.CreateAccountID(r.ctx, db.CreateAccountIDParams{Owner: way + " 2", Opened: moment, Settings: json.RawMessage("[]")})
	r.note("create, id", id, err)
	for _, balance := range []uint64{5, 5} { // MySQL says 2 rows for a change, and 0 for none
		res, err = q.UpsertAccount(r.ctx, db.UpsertAccountParams{Owner: way + " 2", Balance: balance, Opened: moment, Settings: json.RawMessage("[]")})
		r.note("upsert", res, err)
	}
	got, err := q.GetAccount(r.ctx, owner)
	r.note("get", got.ID, got.Owner, got.Balance, got.Opened, []byte(got.Settings), err)
	_, err = q.GetAccount(r.ctx, "nobody")
	r.note("nobody", err)
	for _, owners := range [][]string{{owner}, {owner, way + " 2"}, nil} {
		all, err := q.ListAccounts(r.ctx, owners)
		r.note("list", len(all), err)
	}
	since, err := q.OpenedSince(r.ctx, moment)
	r.note("since", len(since), err)

	tx, err := handle.BeginTx(r.ctx, nil)
	r.must(err)
	locked, err := q.WithTx(tx).LockAccount(r.ctx, got.ID)
	r.note("locked", locked.Owner, err)
	for range 2 { // the second goes over what a BIGINT UNSIGNED holds
		n, err := q.WithTx(tx).Deposit(r.ctx, db.DepositParams{Amount: 1, ID: got.ID})
		r.note("deposit", n, err)
	}
	r.must(tx.Commit())
	got, err = q.GetAccount(r.ctx, owner)
	r.note("after", got.Balance, err)
	r.note("close", q.CloseAccount(r.ctx, uint64(id)))
}
