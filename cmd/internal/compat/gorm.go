package main

import (
	"encoding/json"
	"errors"
	"time"

	gormmysql "gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

var gormLibrary = library{
	name: "GORM", module: "gorm.io/gorm",
	checked: "AutoMigrate, RETURNING, upsert, batches, nested transactions, preload, uint64, JSON, times, translated errors, one Connection",
	program: func(r *run) {
		gormProgram(r, gormmysql.New(gormmysql.Config{DriverName: r.driver, DSN: r.dsn}), false)
	},
}

var gormPreparedLibrary = library{
	name: "GORM, PrepareStmt", module: "gorm.io/driver/mysql",
	checked: "the same on a *sql.DB of our own, with GORM's cache of statements and without RETURNING",
	program: func(r *run) {
		gormProgram(r, gormmysql.New(gormmysql.Config{Conn: r.open(), DisableWithReturning: true}), true)
	},
}

type gormAuthor struct {
	ID        uint64
	Name      string         `gorm:"size:100;uniqueIndex"`
	Score     uint64         `gorm:"default:7"`
	Born      time.Time      `gorm:"precision:6"`
	Extra     map[string]any `gorm:"serializer:json;type:json"`
	UpdatedAt time.Time      `gorm:"precision:6"`
	DeletedAt gorm.DeletedAt
	Books     []gormBook `gorm:"foreignKey:AuthorID"`
}

type gormBook struct {
	ID       uint64
	AuthorID uint64
	Title    string
}

func gormProgram(r *run, dialector gorm.Dialector, prepared bool) {
	db, err := gorm.Open(dialector, &gorm.Config{
		PrepareStmt: prepared, TranslateError: true, Logger: logger.Discard,
		NowFunc: func() time.Time { return moment.Add(time.Hour) },
	})
	r.must(err)
	handle, err := db.DB()
	r.must(err)
	r.later(func() { handle.Close() })
	db = db.WithContext(r.ctx)

	r.must(db.AutoMigrate(&gormAuthor{}, &gormBook{}))
	r.must(db.AutoMigrate(&gormAuthor{}, &gormBook{})) // finds that there is nothing to do
	types, err := db.Migrator().ColumnTypes(&gormAuthor{})
	r.must(err)
	for _, c := range types {
		kind, _ := c.ColumnType()
		length, ok := c.Length()
		r.note("column", c.Name(), kind, c.DatabaseTypeName(), length, ok)
	}

	var extra map[string]any
	r.must(json.Unmarshal([]byte(document), &extra))
	a := gormAuthor{Name: "Ada", Score: hugest, Born: moment, Extra: extra, Books: []gormBook{{Title: "one"}, {Title: "two"}}}
	noteGorm(r, "create with books", db.Create(&a))
	r.note("ids", a.ID, a.Books[0].ID, a.Books[1].ID)
	batch := []gormAuthor{{Name: "Ben", Born: moment}, {Name: "Cid", Born: moment}, {Name: "Dan", Born: moment}}
	noteGorm(r, "create many", db.CreateInBatches(&batch, 2))
	for _, a := range batch {
		r.note("id, score by default", a.ID, a.Score)
	}
	double := db.Create(&gormAuthor{Name: "Ada", Born: moment})
	noteGorm(r, "create a double", double)
	r.note("translated", errors.Is(double.Error, gorm.ErrDuplicatedKey))
	noteGorm(r, "upsert", db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&gormAuthor{ID: 2, Name: "Ben", Score: 9, Born: moment}))
	noteGorm(r, "insert ignore", db.Clauses(clause.Insert{Modifier: "IGNORE"}).Create(&gormAuthor{Name: "Ben", Born: moment}))
	noteGorm(r, "update to the same", db.Model(&gormAuthor{}).Where("id = ?", 2).UpdateColumn("score", 9))
	noteGorm(r, "update", db.Model(&gormAuthor{}).Where("id IN ?", []int{2, 3, 99}).Update("score", gorm.Expr("score + ?", 1)))

	var got gormAuthor
	noteGorm(r, "first", db.Preload("Books").Where(&gormAuthor{Name: "Ada"}).First(&got))
	noteAuthor(r, got)
	noteGorm(r, "none", db.First(&got, 4711))
	noteGorm(r, "first or create", db.Where(gormAuthor{Name: "Eve"}).Attrs(gormAuthor{Born: moment}).FirstOrCreate(new(gormAuthor)))

	// Nested transactions are savepoints.
	err = db.Transaction(func(tx *gorm.DB) error {
		noteGorm(r, "in tx", tx.Create(&gormBook{AuthorID: a.ID, Title: "three"}))
		err := tx.Transaction(func(tx *gorm.DB) error {
			noteGorm(r, "in savepoint", tx.Create(&gormBook{AuthorID: a.ID, Title: "four"}))
			return errors.New("no four")
		})
		r.note("savepoint", err)
		return tx.Transaction(func(tx *gorm.DB) error {
			var locked gormBook
			noteGorm(r, "for update", tx.Clauses(clause.Locking{Strength: "UPDATE"}).First(&locked, "title = ?", "three"))
			return tx.Model(&locked).Update("title", "3").Error
		})
	})
	r.note("transaction", err)
	tx := db.Begin()
	tx.SavePoint("mine").Create(&gormBook{Title: "five"})
	tx.RollbackTo("mine")
	noteGorm(r, "commit", tx.Commit())
	func() { // a panic rolls back
		defer func() { r.note("recovered", recover()) }()
		db.Transaction(func(tx *gorm.DB) error { tx.Create(&gormBook{Title: "six"}); panic("oh") })
	}()
	var titles []string
	noteGorm(r, "pluck", db.Model(&gormBook{}).Order("id").Pluck("title", &titles))
	r.note("titles", titles)

	noteGorm(r, "soft delete", db.Delete(&gormAuthor{}, "name = ?", "Dan"))
	var count int64
	noteGorm(r, "count", db.Model(&gormAuthor{}).Count(&count))
	r.note("authors", count)
	n := 0
	noteGorm(r, "batches", db.Unscoped().FindInBatches(new([]gormAuthor), 2, func(tx *gorm.DB, batch int) error { n += int(tx.RowsAffected); return nil }))
	r.note("in batches", n)
	var row struct {
		Top   uint64
		When  time.Time
		Extra []byte
	}
	noteGorm(r, "raw", db.Raw("SELECT MAX(score) AS top, MIN(born) AS `when`, MAX(extra) AS extra FROM gorm_authors WHERE name = @name",
		map[string]any{"name": "Ada"}).Scan(&row))
	r.note("raw", row.Top, row.When, row.Extra)

	// State stays for one Connection, and ends with it.
	err = db.Connection(func(one *gorm.DB) error {
		one.Exec("SET @compat = ?, time_zone = '+05:00'", 5)
		var seen struct {
			Mine int64
			Zone string
		}
		noteGorm(r, "in one connection", one.Raw("SELECT @compat AS mine, @@time_zone AS zone").Scan(&seen))
		r.note("state", seen)
		return nil
	})
	r.note("connection", err)
}

func noteGorm(r *run, what string, tx *gorm.DB) { r.note(what, tx.RowsAffected, tx.Error) }

func noteAuthor(r *run, a gormAuthor) {
	extra, err := json.Marshal(a.Extra)
	r.must(err)
	r.note("author", a.ID, a.Name, a.Score, a.Born, extra, a.UpdatedAt, a.Books)
}
