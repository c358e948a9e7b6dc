package suite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// diffWorld is two schemas with the same tables, for one of the two runs of a
// program. Both worlds see the same programs one after the other, so that their
// AUTO_INCREMENT counters agree; reset makes them agree after programs that did
// not.
type diffWorld struct {
	name      string // what the names of schemas and locks begin with
	dsn       string
	isolation string // the variable that is the isolation level
	inTx      string // an expression: whether a transaction is open; "" if peek shows it

	noKill bool         // MySQL 5 now and then keeps what was killed for ever, and its locks
	slow   atomic.Value // the last step that took long, as a string

	mu    sync.Mutex
	admin *sql.DB // of the stock driver
	base  map[diffHandle][]string
}

// newDiffWorld makes a world. It skips the test if the server cannot do it.
func newDiffWorld(t *testing.T, s *server, name string) *diffWorld {
	t.Helper()
	w := &diffWorld{name: s.schema + name, dsn: s.dsn, admin: openDSN(t, stock, s.dsn), base: map[diffHandle][]string{}}
	w.admin.SetMaxOpenConns(1)
	w.isolation = "tx_isolation"
	if _, err := w.admin.Exec("DO @@tx_isolation"); err != nil {
		w.isolation = "transaction_isolation"
	}
	if _, err := w.admin.Exec("DO @@in_transaction"); err != nil {
		w.inTx = "(SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = CONNECTION_ID())"
	}
	version := row(t, w.admin, "SELECT VERSION()")
	w.noKill = strings.HasPrefix(version, "5.") && !strings.Contains(version, "MariaDB")
	t.Cleanup(func() {
		dispose(t) // connections on the schemas
		for _, schema := range []string{"a", "b"} {
			if _, err := w.admin.Exec("DROP DATABASE IF EXISTS " + w.name + schema); err != nil {
				t.Error(err)
			}
		}
		w.admin.Close()
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, query := range w.schema() {
		if _, err := w.admin.ExecContext(ctx, w.text(query)); err != nil {
			t.Skipf("the server cannot do what the programs need: %s: %v", query, err)
		}
	}
	// Not every server has profiles; without them the name is unknown to both.
	w.admin.ExecContext(ctx, w.text("CREATE FUNCTION {w}a.profiles() RETURNS INT DETERMINISTIC NO SQL BEGIN SET profiling = 1; RETURN 1; END"))
	return w
}

// diffColumns is what each lane's table has.
const diffColumns = "(id INT AUTO_INCREMENT PRIMARY KEY, u INT UNIQUE, v INT, s VARCHAR(20)) ENGINE=InnoDB DEFAULT CHARSET=utf8"

// schema returns the statements that make a world.
func (w *diffWorld) schema() (all []string) {
	inTx := ", @@in_transaction"
	if w.inTx != "" {
		inTx = ""
	}
	all = append(all, "SET lock_wait_timeout = 10, innodb_lock_wait_timeout = 10")
	for _, schema := range []string{"{w}a", "{w}b"} {
		all = append(all, "CREATE DATABASE "+schema+" DEFAULT CHARSET utf8")
		all = append(all, "CREATE TABLE "+schema+".tmp (v INT) ENGINE=InnoDB", "INSERT INTO "+schema+".tmp VALUES (4711)")
		all = append(all, "CREATE TABLE "+schema+".which_schema (name VARCHAR(9)) ENGINE=InnoDB", "INSERT INTO "+schema+".which_schema VALUES (RIGHT('"+schema+"', 1))")
		for actor := range diffActors {
			for _, lane := range diffLanes {
				all = append(all, fmt.Sprintf("CREATE TABLE %s.t_%d%s %s", schema, actor, lane, diffColumns))
			}
		}
	}
	for actor := range diffActors {
		all = append(all, fmt.Sprintf("CREATE VIEW {w}a.locker_%d AS SELECT GET_LOCK('{w}_%dv', 5) AS got", actor, actor),
			fmt.Sprintf("CREATE TABLE {w}a.triggers_%d (v INT) ENGINE=InnoDB", actor),
			fmt.Sprintf("CREATE TRIGGER {w}a.before_%d BEFORE INSERT ON {w}a.triggers_%d FOR EACH ROW BEGIN SET @b = NEW.v; SET time_zone = '+07:00'; END", actor, actor))
	}
	return append(all,
		// Without row locks and temporary tables there is nothing to look for.
		"CREATE TEMPORARY TABLE {w}a.tmp (v INT)", "DROP TEMPORARY TABLE {w}a.tmp",
		"CREATE TABLE {w}a.shared (k INT PRIMARY KEY, n INT) ENGINE=InnoDB",
		"INSERT INTO {w}a.shared VALUES (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0)",
		// A routine has the sql_mode, character set and schema of its maker, so
		// that it does not show the caller's. Without CAST it would, on MySQL from 8.0
		// on, go by the types that the variables had when it first ran in the session.
		"CREATE FUNCTION {w}a.peek() RETURNS TEXT DETERMINISTIC NO SQL RETURN CONCAT_WS('|', @@time_zone, @@autocommit, "+
			"@@{isolation}, @@group_concat_max_len, @@div_precision_increment, @@sql_select_limit, @@sql_safe_updates, "+
			"@@foreign_key_checks, @@lc_time_names, @@completion_type, IFNULL(@@character_set_results, '-'), "+
			"IFNULL(HEX(CAST(@a AS CHAR)), '-'), IFNULL(HEX(CAST(@b AS CHAR)), '-'), IFNULL(HEX(CAST(@c AS CHAR)), '-')"+inTx+")",
		"CREATE PROCEDURE {w}a.`leave`(n INT) BEGIN SET @a = n; SET time_zone = '+04:00'; END",
		"CREATE PROCEDURE {w}a.answer(n INT) BEGIN SELECT n; SELECT @a, @@time_zone; END",
		"CREATE PROCEDURE {w}a.halfway(n INT) BEGIN SET @a = n; SET time_zone = '+03:00'; START TRANSACTION; SET @b = (SELECT COUNT(*) FROM {w}a.people); SIGNAL SQLSTATE '45000'; END",
		"CREATE FUNCTION {w}a.breaks() RETURNS INT DETERMINISTIC NO SQL BEGIN SIGNAL SQLSTATE '45000'; RETURN 1; END",
		"CREATE FUNCTION {w}a.hides(n INT) RETURNS INT DETERMINISTIC NO SQL BEGIN SET @a = n, @c = 'x'; SET time_zone = '+06:00', sql_safe_updates = 1, foreign_key_checks = 0; RETURN n; END",
		"CREATE TABLE {w}a.people "+diffPeople, "INSERT INTO {w}a.people VALUES "+diffPeopleRows,
	)
}

// text puts the world's names into a text.
func (w *diffWorld) text(query string) string {
	return diffReplace(diffReplace(query, "{w}", w.name), "{isolation}", w.isolation)
}

func diffReplace(s, old, by string) string {
	if !strings.Contains(s, old) {
		return s
	}
	return strings.ReplaceAll(s, old, by)
}

// contents returns all rows of the tables that a program may have written.
func (w *diffWorld) contents(p *diffProgram) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, query := range w.contentQueries(p) {
		rows, err := w.admin.Query(query)
		if err != nil {
			return nil, err
		}
		some, err := texts(rows)
		if err != nil {
			return nil, err
		}
		slices.Sort(some)
		all = append(all, some...)
	}
	rows, err := w.admin.Query("SELECT TABLE_NAME FROM information_schema.tables WHERE TABLE_SCHEMA IN ('" + w.name + "a', '" + w.name + "b') AND TABLE_NAME LIKE 'n\\_%'")
	if err != nil {
		return nil, err
	}
	made, err := texts(rows)
	slices.Sort(made)
	return append(all, made...), err
}

func (w *diffWorld) contentQueries(p *diffProgram) (all []string) {
	for _, schema := range []string{"a", "b"} {
		parts := []string{"SELECT '" + schema + ".tmp' AS t, v AS a, NULL AS b, NULL AS c, NULL AS d FROM " + w.name + schema + ".tmp"}
		for actor := range p.actors {
			for _, lane := range diffLanes {
				parts = append(parts, fmt.Sprintf("SELECT '%s.%d%s', id, u, v, HEX(s) FROM %s%s.t_%d%s", schema, actor, lane, w.name, schema, actor, lane))
			}
		}
		all = append(all, strings.Join(parts, " UNION ALL "))
	}
	return append(all, "SELECT 'shared', k, n FROM "+w.name+"a.shared")
}

// clean deletes what contents listed.
func (w *diffWorld) clean(contents []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	emptied := map[string]bool{}
	for _, line := range contents {
		name, _, _ := strings.Cut(line, "|")
		schema, table, in := strings.Cut(name, ".")
		queries := []string{"DELETE FROM " + w.name + schema + ".t_" + table}
		switch {
		case name == "shared":
			queries = []string{"UPDATE " + w.name + "a.shared SET n = 0"}
		case !in:
			queries = []string{"DROP TABLE IF EXISTS " + w.name + "a." + name, "DROP TABLE IF EXISTS " + w.name + "b." + name}
		case line == schema+".tmp|4711|NULL|NULL|NULL":
			continue
		case table == "tmp":
			queries = []string{"DELETE FROM " + w.name + schema + ".tmp", "INSERT INTO " + w.name + schema + ".tmp VALUES (4711)"}
		}
		if emptied[name] {
			continue
		}
		emptied[name] = true
		for _, query := range queries {
			if _, err := w.admin.Exec(query); err != nil {
				return fmt.Errorf("%s: %w", query, err)
			}
		}
	}
	return nil
}

// reset makes the tables of a program as new.
func (w *diffWorld) reset(p *diffProgram) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, schema := range []string{"a", "b"} {
		for actor, a := range p.actors {
			if len(a.steps) == 0 {
				continue
			}
			for _, lane := range diffLanes {
				if _, err := w.admin.Exec(fmt.Sprintf("TRUNCATE TABLE %s%s.t_%d%s", w.name, schema, actor, lane)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// kill makes the server close a connection and waits until it did.
func (w *diffWorld) kill(id int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.admin.Exec(fmt.Sprintf("KILL %d", id)); err != nil && errNumber(err) != 1094 {
		return err
	}
	return w.wantGoneLocked(id)
}

// wantGone waits until a connection is closed.
func (w *diffWorld) wantGone(id int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wantGoneLocked(id)
}

func (w *diffWorld) wantGoneLocked(id int64) error {
	return tryFor(3*time.Second, func() error {
		var n int
		err := w.admin.QueryRow(fmt.Sprintf("SELECT COUNT(*) FROM information_schema.processlist WHERE ID = %d", id)).Scan(&n)
		if err == nil && n > 0 {
			err = errors.New("the server still has the connection")
		}
		return err
	})
}

// running waits until a statement runs that has the mark in it, and returns the
// id of its connection, or 0 if the statement returned before.
func (w *diffWorld) running(mark string, returned <-chan struct{}) (id int64) {
	for {
		select {
		case <-returned:
			return 0
		case <-time.After(time.Millisecond):
		}
		w.mu.Lock()
		err := w.admin.QueryRow("SELECT ID FROM information_schema.processlist WHERE INFO LIKE 'SELECT SLEEP%" + mark + "%' AND ID <> CONNECTION_ID()").Scan(&id)
		w.mu.Unlock()
		if err == nil {
			return id
		}
	}
}

// locks lists who holds the named locks of a program.
func (w *diffWorld) locks(p *diffProgram) (held []string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var parts []string
	for actor := range p.actors {
		for _, lane := range diffLanes {
			parts = append(parts, fmt.Sprintf("SELECT '%d%s', IS_USED_LOCK('%s_%d%s') AS id", actor, lane, w.name, actor, lane))
		}
		parts = append(parts, fmt.Sprintf("SELECT '%dv', IS_USED_LOCK('%s_%dv') AS id", actor, w.name, actor))
	}
	rows, err := w.admin.Query("SELECT * FROM (" + strings.Join(parts, " UNION ALL ") + ") AS l WHERE id IS NOT NULL")
	if err != nil {
		return nil, err
	}
	return texts(rows)
}

// open opens a handle as a program says.
func (w *diffWorld) open(driver string, h diffHandle) (*sql.DB, error) {
	var db *sql.DB
	var err error
	if h.before > 0 {
		db, err = w.openBefore(driver, h)
	} else {
		db, err = sql.Open(driver, w.dsnOf(h))
	}
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(h.maxOpen)
	db.SetMaxIdleConns(h.maxIdle)
	return db, nil
}

func (w *diffWorld) dsnOf(h diffHandle) string {
	slash := strings.LastIndexByte(w.dsn, '/')
	_, params, found := strings.Cut(w.dsn[slash:], "?")
	dsn := w.dsn[:slash+1]
	if h.schema != "" {
		dsn += w.name + h.schema
	}
	if found {
		dsn += "?" + params
	}
	return withParams(dsn, diffVariants[h.variant])
}
