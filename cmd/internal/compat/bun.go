package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
)

var bunLibrary = library{
	name: "bun", module: "github.com/uptrace/bun",
	checked: "models, relations, bulk insert, upsert, nested transactions, uint64, JSON, times, a prepared statement, one Conn",
	program: bunProgram,
}

type bunUser struct {
	bun.BaseModel `bun:"table:users"`

	ID      uint64          `bun:",pk,autoincrement"`
	Name    string          `bun:",unique"`
	Score   uint64          `bun:"type:bigint unsigned"`
	Born    time.Time       `bun:"type:datetime(6)"`
	Extra   json.RawMessage `bun:"type:json"`
	Letters []*bunLetter    `bun:"rel:has-many,join:id=user_id"`
}

type bunLetter struct {
	bun.BaseModel `bun:"table:letters"`

	ID     uint64 `bun:",pk,autoincrement"`
	UserID uint64
	Text   string
}

func bunProgram(r *run) {
	db := bun.NewDB(r.open(), mysqldialect.New())
	for _, model := range []any{(*bunUser)(nil), (*bunLetter)(nil)} {
		_, err := db.NewCreateTable().Model(model).Exec(r.ctx)
		r.must(err)
	}
	a := &bunUser{Name: "Ada", Score: hugest, Born: moment, Extra: json.RawMessage(document)}
	res, err := db.NewInsert().Model(a).Exec(r.ctx)
	r.note("insert", res, err, a.ID)
	many := []*bunUser{{Name: "Ben", Born: moment, Extra: json.RawMessage("[]")}, {Name: "Cid", Born: moment.UTC(), Extra: json.RawMessage("null")}}
	res, err = db.NewInsert().Model(&many).Exec(r.ctx)
	r.note("insert many", res, err, many[0].ID, many[1].ID)
	res, err = db.NewInsert().Model(&bunUser{Name: "Ada", Score: 3, Born: moment}).On("DUPLICATE KEY UPDATE").Set("score = 3").Exec(r.ctx)
	r.note("upsert", res, err)
	_, err = db.NewInsert().Model(&bunUser{Name: "Ada", Born: moment}).Exec(r.ctx)
	r.note("a double", err)
	letters := []bunLetter{{UserID: a.ID, Text: "x ? y"}, {UserID: a.ID, Text: "it's"}}
	res, err = db.NewInsert().Model(&letters).Exec(r.ctx)
	r.note("letters", res, err)

	var users []bunUser
	r.must(db.NewSelect().Model(&users).Relation("Letters", func(q *bun.SelectQuery) *bun.SelectQuery { return q.Order("id") }).
		Where("name IN ?", bun.Tuple([]string{"Ada", "Cid"})).Order("id").Scan(r.ctx))
	for _, u := range users {
		r.note("user", u.ID, u.Name, u.Score, u.Born, []byte(u.Extra))
		for _, l := range u.Letters {
			r.note("letter", l.ID, l.UserID, l.Text)
		}
	}
	n, err := db.NewSelect().Model((*bunUser)(nil)).Where("born <= ?", moment).Count(r.ctx)
	r.note("count", n, err)
	res, err = db.NewUpdate().Model(&bunUser{ID: 2, Score: 1 << 63}).Column("score").WherePK().Exec(r.ctx)
	r.note("update", res, err)
	r.note("no row", db.NewSelect().Model(new(bunUser)).Where("id = 99").Scan(r.ctx))
	rows := []map[string]any{}
	r.must(db.NewSelect().Table("users").Column("id", "score", "born").Order("id").Scan(r.ctx, &rows))
	for _, row := range rows {
		r.note("map", row["id"], row["score"], row["born"])
	}

	// A transaction in a transaction is a savepoint.
	err = db.RunInTx(r.ctx, &sql.TxOptions{Isolation: sql.LevelSerializable}, func(ctx context.Context, tx bun.Tx) error {
		res, err := tx.NewDelete().Model((*bunLetter)(nil)).Where("id = 1").Exec(ctx)
		r.note("in tx", res, err)
		inner := tx.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			res, err := tx.NewDelete().Model((*bunLetter)(nil)).Where("TRUE").Exec(ctx)
			r.note("in savepoint", res, err)
			return errors.New("keep them")
		})
		r.note("savepoint", inner)
		return nil
	})
	r.note("transaction", err)
	n, err = db.NewSelect().Model((*bunLetter)(nil)).Count(r.ctx)
	r.note("letters left", n, err)

	// bun formats arguments into the text; these go to the driver.
	stmt, err := db.PrepareContext(r.ctx, "SELECT score, born FROM users WHERE id = ?")
	r.must(err)
	for id := range 4 {
		var score uint64
		var born time.Time
		err := stmt.QueryRowContext(r.ctx, id).Scan(&score, &born)
		r.note("prepared", score, born, err)
	}
	r.must(stmt.Close())
	c, err := db.Conn(r.ctx)
	r.must(err)
	defer c.Close()
	_, err = c.NewRaw("SET @compat = ?, sql_mode = 'ANSI_QUOTES'", "bun").Exec(r.ctx)
	r.must(err)
	var mine, mode string
	r.must(c.NewRaw("SELECT @compat, @@sql_mode").Scan(r.ctx, &mine, &mode))
	r.note("state", mine, mode)
}
