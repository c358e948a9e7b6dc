package suite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// diffBefores is what BeforeConnect changes in its copy of the config. A
// connector that has one has a pool to itself.
var diffBefores = []struct {
	name string
	run  func(w *diffWorld, cfg *mysql.Config)
}{
	{},
	{" BeforeConnect: schema b", func(w *diffWorld, cfg *mysql.Config) { cfg.DBName = w.name + "b" }},
	{" BeforeConnect: time_zone", func(_ *diffWorld, cfg *mysql.Config) {
		cfg.Params["time_zone"], cfg.Params["group_concat_max_len"] = "'+05:00'", "55"
	}},
	{" BeforeConnect: multiStatements", func(_ *diffWorld, cfg *mysql.Config) { cfg.MultiStatements = true }},
	{" BeforeConnect: collation", func(_ *diffWorld, cfg *mysql.Config) { cfg.Collation = "utf8mb4_unicode_ci" }},
}

// openBefore opens a handle with a BeforeConnect.
func (w *diffWorld) openBefore(driver string, h diffHandle) (*sql.DB, error) {
	cfg, err := mysql.ParseDSN(w.dsnOf(h))
	if err != nil {
		return nil, err
	}
	if err := cfg.Apply(mysql.BeforeConnect(func(_ context.Context, cfg *mysql.Config) error {
		diffBefores[h.before].run(w, cfg)
		return nil
	})); err != nil {
		return nil, err
	}
	if driver == stock {
		c, err := mysql.NewConnector(cfg)
		if err != nil {
			return nil, err
		}
		return sql.OpenDB(c), nil
	}
	c, err := mysqlpool.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

// guest makes a step of somebody who has a handle like another for one text, and
// leaves whatever that leaves.
func (g *diffGen) guest() (diffStep, bool) {
	n := g.r.IntN(diffHandles)
	x := pick(g.r, pick(g.r, diffState...), pick(g.r, diffFails...), pick(g.r, diffAsks...))
	if h := g.handles[n]; h.resets() && h.before == 0 && g.r.IntN(2) == 0 {
		x = pick(g.r, diffHidden...)
	}
	s := g.run(x, diffPlace{'x', 0})
	s.slot, s.cancelled = n, false
	s.then, s.do = s.do, "guest"
	return s, true
}

// temporary opens a handle like another, with one connection.
func (r *diffRun) temporary(like *diffDB) (*diffDB, error) {
	h := like.diffHandle
	h.maxOpen, h.maxIdle = 1, 1
	db, err := r.w.open(r.driver, r.own(h))
	return &diffDB{DB: db, diffHandle: h}, err
}

func (r *diffRun) guest(ctx context.Context, s diffStep) string {
	db, err := r.temporary(r.dbs[s.slot])
	if err != nil {
		return err.Error()
	}
	defer db.Close()
	r.guests = db
	s.do = s.then
	return r.statements(ctx, s, db)
}

// diffSuicides is how a connection is killed by its own user.
var diffSuicides = []string{
	"KILL CONNECTION_ID()", "KILL CONNECTION CONNECTION_ID()", "KILL {id}", "KILL CONNECTION {id}", "KILL QUERY CONNECTION_ID()", "KILL QUERY {id}",
}

func (g *diffGen) killItself() (diffStep, bool) {
	return diffStep{do: "kill itself", on: diffPlace{'d', g.r.IntN(diffHandles)}, slot: g.r.IntN(len(diffSuicides))}, !diffLeftOut("kill itself")
}

// killItself has a handle's connection killed by its user, who closes the handle.
// The next ones have no trouble.
func (r *diffRun) killItself(ctx context.Context, s diffStep) string {
	if r.w.noKill {
		return nothingThere
	}
	db, err := r.temporary(r.dbs[s.on.n])
	if err != nil {
		return err.Error()
	}
	defer db.Close()
	c, err := db.Conn(ctx)
	if err != nil {
		return diffError(err)
	}
	id, err := askConnectionID(c)
	if err != nil {
		return diffError(err)
	}
	_, err = c.ExecContext(ctx, diffReplace(diffSuicides[s.slot], "{id}", fmt.Sprint(id)))
	answer := diffError(err)
	if answer == "connection lost" || answer == "error 1317" {
		answer = "killed" // which of the two it is, is chance
	}
	c.Close()
	db.Close()
	for range 3 {
		next, err := r.temporary(r.dbs[s.on.n])
		if err != nil {
			return err.Error()
		}
		_, err = next.ExecContext(ctx, "DO 1")
		answer += ", next: " + diffError(err)
		next.Close()
	}
	return answer
}

// diffRemakes is what is done to a schema of one actor while none of its handles
// is open. At "ping" a handle says whether it is there.
var diffRemakes = [][]string{
	{"DROP DATABASE IF EXISTS {x}", "CREATE DATABASE {x} CHARACTER SET latin1"},
	{"DROP DATABASE IF EXISTS {x}", "ping", "CREATE DATABASE {x} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"},
	{"DROP SCHEMA {x}", "ping", "CREATE SCHEMA IF NOT EXISTS {x}"},
	{"ALTER DATABASE {x} CHARACTER SET latin1 COLLATE latin1_german2_ci"},
	{"ALTER DATABASE {x} CHARACTER SET utf8mb4"},
	{"CREATE OR REPLACE DATABASE {x} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"},
	{"/* again */ DROP DATABASE {x}", "CREATE DATABASE /*!32312 IF NOT EXISTS */ {x} CHARACTER SET ascii", "ping"},
}

// diffOwn is what an actor does in its own schema. The tables' names are such that
// they are found wherever they are made.
var diffOwn = []diffText{
	{name: "own schema", queries: []string{"SELECT DATABASE(), @@character_set_database, @@collation_database"}, read: true},
	{name: "own schema", queries: []string{"SHOW CREATE DATABASE {x}"}, read: true},
	{name: "own schema", queries: []string{"CREATE TABLE {o} (v VARCHAR(20))"}},
	{name: "own schema", queries: []string{"CREATE TABLE IF NOT EXISTS {o} (v VARCHAR(20))", "INSERT INTO {o} VALUES ('なし'), ('Müller')"}},
	{name: "own schema", queries: []string{"INSERT INTO {o} VALUES (?)"}, args: oneText},
	{name: "own schema", queries: []string{"SELECT v FROM {o} ORDER BY v LIMIT 3"}, read: true},
	{name: "own schema", queries: []string{"SELECT COUNT(*) FROM {o} WHERE v = ?"}, args: oneText, read: true},
	{name: "own schema", queries: []string{"SHOW FULL COLUMNS FROM {o}"}, read: true},
	{name: "own schema", queries: []string{"DROP TABLE {o}"}},
	{name: "own schema", queries: []string{"CREATE TEMPORARY TABLE made (v VARCHAR(9))", "SHOW FULL COLUMNS FROM made"}, read: true},
}

// remake makes a step about the actor's own schema, if it has one: what happens in
// it, or that it is recreated and a handle on it is opened.
func (g *diffGen) remake() (diffStep, bool) {
	if !g.owner {
		return diffStep{}, false
	}
	if on, handle := g.place(); g.r.IntN(3) > 0 && g.handles[handle].schema == "x" {
		x := pick(g.r, diffOwn...)
		if len(x.queries) > 1 && on.kind == 'd' && !g.handles[handle].solo() {
			return diffStep{}, false
		}
		return g.run(x, on), true
	}
	n := g.r.IntN(diffHandles)
	for i := range g.handles {
		if i == n || g.handles[i].schema == "x" {
			g.handleClosed(i)
		}
	}
	g.handles[n] = g.handle()
	g.handles[n].schema = "x"
	return diffStep{do: "remake", on: diffPlace{'d', n}, slot: g.r.IntN(len(diffRemakes)), open: g.handles[n]}, true
}

func (r *diffRun) remake(ctx context.Context, s diffStep) string {
	var again [diffHandles]bool
	for i, db := range r.dbs {
		if i == s.on.n || db.schema == "x" {
			again[i] = true
			r.closeDB(i)
		}
	}
	// By the other handle, if that is one on another schema.
	by := r.dbs[1-s.on.n]
	if again[1-s.on.n] || !by.free() {
		var err error
		if by, err = r.temporary(&diffDB{diffHandle: diffHandle{variant: s.open.variant}}); err != nil {
			return err.Error()
		}
		defer by.Close()
	}
	answer := ""
	for _, query := range diffRemakes[s.slot] {
		if query == "ping" {
			db, err := r.temporary(&diffDB{diffHandle: s.open})
			if err != nil {
				return err.Error()
			}
			answer += "ping: " + diffError(db.PingContext(ctx)) + "\n"
			db.Close()
			continue
		}
		result, err := by.ExecContext(ctx, diffReplace(query, "{x}", r.w.name+r.w.ownSchema(r.seed, r.actor)))
		answer += diffResult(result, err) + "\n"
	}
	for i := range again {
		switch {
		case i == s.on.n:
			answer += r.reopen(i, s.open)
		case again[i]:
			answer += r.reopen(i, r.dbs[i].diffHandle)
		}
	}
	return answer
}

// ownSchema is the name of an actor's own schema, without the world's. Each
// program has others: the pools' connections may be on it when it is dropped by a
// handle of the test, which is another program to them.
func (w *diffWorld) ownSchema(seed uint64, actor int) string {
	return fmt.Sprintf("x%d_%d", actor, seed%1e9)
}

// owners lists the actors with a schema of their own.
func (p *diffProgram) owners() (all []int) {
	for i, a := range p.actors {
		owns := false
		for _, h := range a.handles {
			owns = owns || h.schema == "x"
		}
		for _, s := range a.steps {
			owns = owns || s.open.schema == "x"
		}
		if owns {
			all = append(all, i)
		}
	}
	return all
}

// makeOwn makes the actors' own schemas.
func (w *diffWorld) makeOwn(p *diffProgram) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, actor := range p.owners() {
		if _, err := w.admin.Exec("CREATE DATABASE " + w.name + w.ownSchema(p.seed, actor) + " CHARACTER SET utf8"); err != nil {
			return err
		}
	}
	return nil
}

// dropOwn drops them, and returns what they were like.
func (w *diffWorld) dropOwn(p *diffProgram) (all []string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, actor := range p.owners() {
		name := w.name + w.ownSchema(p.seed, actor)
		for _, query := range []string{
			"SELECT 'own schema', DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '" + name + "'",
			"SELECT 'own column', TABLE_NAME, COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '" + name + "' ORDER BY TABLE_NAME, COLUMN_NAME",
		} {
			rows, err := w.admin.Query(query)
			if err != nil {
				return nil, err
			}
			some, err := texts(rows)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		if _, err := w.admin.Exec("DROP DATABASE IF EXISTS " + name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ownText fills in the names of the actor's own schema and of a table in it.
func (r *diffRun) ownText(query, lane string) string {
	if !strings.Contains(query, "{x}") && !strings.Contains(query, "{o}") {
		return query
	}
	return diffReplace(diffReplace(query, "{o}", "n_x"+lane), "{x}", "{w}"+r.w.ownSchema(r.seed, r.actor))
}
