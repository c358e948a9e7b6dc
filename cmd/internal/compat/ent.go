package main

import (
	"encoding/json"
	"fmt"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/mysqlpool/mysqlpool/cmd/internal/compat/ent"
	"github.com/mysqlpool/mysqlpool/cmd/internal/compat/ent/owner"
	"github.com/mysqlpool/mysqlpool/cmd/internal/compat/ent/pet"
)

var entLibrary = library{
	name: "ent", module: "entgo.io/ent",
	checked: "Schema.Create, generated code, bulk, upsert, edges, transactions, FOR UPDATE, constraint errors, JSON, times",
	program: entProgram,
}

func entProgram(r *run) {
	client := ent.NewClient(ent.Driver(entsql.OpenDB(dialect.MySQL, r.open())))
	r.must(client.Schema.Create(r.ctx))
	r.must(client.Schema.Create(r.ctx)) // finds that there is nothing to do

	note := func(what string, o *ent.Owner, err error) {
		if err != nil {
			r.note(what, ent.IsNotFound(err), ent.IsConstraintError(err), err)
			return
		}
		extra, err := json.Marshal(o.Extra)
		r.must(err)
		r.note(what, o.ID, o.Name, o.Score, o.Born, o.Seen != nil, extra)
	}
	extra := map[string]any{}
	r.must(json.Unmarshal([]byte(document), &extra))
	ada, err := client.Owner.Create().SetName("Ada").SetScore(hugest >> 1).SetBorn(moment).SetExtra(extra).Save(r.ctx)
	note("create", ada, err)
	_, err = client.Owner.Create().SetName("Ada").SetScore(1).SetBorn(moment).Save(r.ctx)
	note("a double", nil, err)
	many, err := client.Owner.CreateBulk(
		client.Owner.Create().SetName("Ben").SetScore(2).SetBorn(moment.UTC()),
		client.Owner.Create().SetName("Cid").SetScore(3).SetBorn(moment)).Save(r.ctx)
	r.must(err)
	for _, o := range many {
		note("of many", o, nil)
	}
	id, err := client.Owner.Create().SetName("Ben").SetScore(9).SetBorn(moment).OnConflict().UpdateNewValues().ID(r.ctx)
	r.note("upsert", id, err)
	for i := range 3 {
		p, err := client.Pet.Create().SetName(fmt.Sprint("pet ", i)).SetOwner(ada).Save(r.ctx)
		r.must(err)
		r.note("pet", p.ID, p.Name)
	}
	got, err := client.Owner.Query().Where(owner.BornLTE(moment), owner.HasPets()).WithPets().Only(r.ctx)
	note("query", got, err)
	r.must(err)
	r.note("pets", len(got.Edges.Pets))
	_, err = client.Owner.Get(r.ctx, 99)
	note("none", nil, err)
	n, err := client.Owner.Update().Where(owner.NameIn("Ben", "Cid")).AddScore(1).Save(r.ctx)
	r.note("update", n, err)
	var sums []struct {
		Name string
		Sum  uint64
	}
	r.must(client.Owner.Query().Order(ent.Asc(owner.FieldID)).GroupBy(owner.FieldName).Aggregate(ent.As(ent.Sum(owner.FieldScore), "sum")).Scan(r.ctx, &sums))
	r.note("sums", sums)

	tx, err := client.Tx(r.ctx)
	r.must(err)
	locked, err := tx.Owner.Query().Where(owner.ID(ada.ID)).ForUpdate().Only(r.ctx)
	note("for update", locked, err)
	n, err = tx.Pet.Delete().Where(pet.NameNEQ("pet 0")).Exec(r.ctx)
	r.note("delete", n, err)
	r.must(tx.Rollback())
	tx, err = client.Tx(r.ctx)
	r.must(err)
	n, err = tx.Pet.Delete().Where(pet.Name("pet 1")).Exec(r.ctx)
	r.note("delete", n, err)
	r.must(tx.Commit())
	names, err := client.Pet.Query().Order(ent.Asc(pet.FieldID)).Select(pet.FieldName).Strings(r.ctx)
	r.note("left", names, err)
}
