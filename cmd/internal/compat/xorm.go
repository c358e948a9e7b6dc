package main

import (
	"sync"
	"time"

	"xorm.io/xorm"
	"xorm.io/xorm/dialects"
	xormlog "xorm.io/xorm/log"
)

var xormLibrary = library{
	name: "xorm", module: "xorm.io/xorm",
	checked: "Sync, insert of many, get, find, iterate, versions, created and updated, sessions, uint64, JSON, times in two zones",
	program: xormProgram,
}

// xormKnows tells xorm, which asks for a driver by name, that mysql_pool is
// another mysql.
var xormKnows = sync.OnceFunc(func() { dialects.RegisterDriver("mysql_pool", dialects.QueryDriver("mysql")) })

type xormThing struct {
	Id      uint64         `xorm:"pk autoincr"`
	Name    string         `xorm:"varchar(50) unique"`
	Big     uint64         `xorm:"unsigned bigint"`
	Made    time.Time      `xorm:"datetime(6)"`
	Extra   map[string]any `xorm:"json"`
	Version int            `xorm:"version"`
}

func xormProgram(r *run) {
	xormKnows()
	engine, err := xorm.NewEngine(r.driver, r.dsn)
	r.must(err)
	r.later(func() { engine.Close() })
	engine.SetLogLevel(xormlog.LOG_OFF)
	engine.SetTZLocation(berlin)
	engine.SetTZDatabase(time.FixedZone("", 2*60*60))
	r.must(engine.Sync(new(xormThing)))
	r.must(engine.Sync(new(xormThing))) // reads the schema, and changes nothing
	tables, err := engine.DBMetas()
	r.must(err)
	for _, table := range tables {
		for _, c := range table.Columns() {
			r.note("column", table.Name, c.Name, c.SQLType, c.Nullable, c.Default)
		}
		for name, index := range table.Indexes {
			r.note("index", name, index.Cols)
		}
	}

	a := &xormThing{Name: "a", Big: hugest, Made: moment, Extra: map[string]any{"ü": 1.5}}
	n, err := engine.InsertOne(a)
	r.note("insert", n, err, a.Id, a.Version)
	n, err = engine.Insert([]*xormThing{{Name: "b", Made: moment}, {Name: "c", Made: moment.UTC()}})
	r.note("insert many", n, err)
	n, err = engine.InsertOne(&xormThing{Name: "a", Made: moment})
	r.note("a double", n, err)
	for range 2 { // the second has the version of the first no longer
		n, err = engine.ID(a.Id).Cols("big").Update(&xormThing{Big: 1 << 63, Version: 1})
		r.note("update", n, err)
	}
	var got xormThing
	has, err := engine.Where("name = ?", "a").Get(&got)
	r.note("get", has, err, got.Id, got.Big, got.Made, got.Extra, got.Version)
	has, err = engine.ID(99).Get(new(xormThing))
	r.note("none", has, err)
	var all []xormThing
	r.must(engine.In("name", "a", "b", "c").Asc("id").Find(&all))
	for _, t := range all {
		r.note("found", t.Id, t.Name, t.Made)
	}
	r.must(engine.Asc("id").Iterate(new(xormThing), func(i int, bean any) error {
		r.note("iterated", i, bean.(*xormThing).Name)
		return nil
	}))
	maps, err := engine.QueryInterface("SELECT id, made, extra FROM xorm_thing ORDER BY id")
	r.must(err)
	for _, m := range maps {
		r.note("map", m["id"], m["made"], m["extra"])
	}
	count, err := engine.Where("made >= ?", moment).Count(new(xormThing))
	r.note("count", count, err)

	s := engine.NewSession()
	defer s.Close()
	r.must(s.Begin())
	n, err = s.ID(2).Delete(new(xormThing))
	r.note("delete in tx", n, err)
	_, err = s.Exec("SAVEPOINT s")
	r.must(err)
	n, err = s.Where("id > ?", 0).Delete(new(xormThing))
	r.note("delete in savepoint", n, err)
	res, err := s.Exec("ROLLBACK TO SAVEPOINT s")
	r.note("back", res, err)
	r.must(s.Commit())
	count, err = engine.Count(new(xormThing))
	r.note("left", count, err)
	err = func() error {
		_, err := engine.Transaction(func(s *xorm.Session) (any, error) {
			if _, err := s.Exec("UPDATE xorm_thing SET name = ? WHERE id = ?", "z", 3); err != nil {
				return nil, err
			}
			return s.Exec("INSERT INTO xorm_thing (name) VALUES (?)", "a")
		})
		return err
	}()
	r.note("rolled back", err)
	var names []string
	r.must(engine.Table(new(xormThing)).Cols("name").Asc("id").Find(&names))
	r.note("names", names)
}
