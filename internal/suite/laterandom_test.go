package suite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Random programs go from schema to schema on very few connections, each handle
// beside one of the stock driver on a schema alike, and get the same answers.

// lateTwin is a handle and its schema, whose name is left out of answers.
type lateTwin struct {
	db    *sql.DB
	names []string // of all schemas of its driver
	own   int
	stmts map[string]*sql.Stmt
}

// lateOp is a statement, of which %o is another schema.
type lateOp struct {
	query string
	args  func(r *rand.Rand) []any
	asks  bool // it is about the statement before, so that it is never first
	then  string
	alone bool // only where a connection is held
}

func lateSmall(r *rand.Rand) []any { return []any{1 + r.IntN(3)} }
func lateText(r *rand.Rand) []any  { return []any{fmt.Sprint(1 + r.IntN(3))} }
func lateLock(r *rand.Rand) []any  { return []any{"%o"} }

// lateOften is how many of lateOps come most often.
const lateOften = 8

var lateOps = []lateOp{
	{query: lateQuery, args: lateSmall}, {query: lateQuery, args: lateSmall}, {query: lateQuery, args: lateText},
	{query: "SELECT SQL_CALC_FOUND_ROWS n FROM many WHERE n <> ? LIMIT 1", args: lateSmall, then: "SELECT FOUND_ROWS()", alone: true},
	{query: "SELECT home, DATABASE() FROM t WHERE id = 1"},
	{query: "INSERT INTO written (home, n) VALUES (DATABASE(), ?)", args: lateSmall}, {query: "INSERT INTO written (home, n) VALUES (DATABASE(), ?)", args: lateSmall},
	{query: "INSERT INTO written (home, n) VALUES (DATABASE(), 9)"},
	{query: "INSERT INTO t (id, home) VALUES (?, 'twice')", args: func(*rand.Rand) []any { return []any{1} }},
	{query: "UPDATE written SET n = n + ? WHERE home <> DATABASE() OR n > 5", args: lateSmall},
	{query: "DELETE FROM written WHERE n > ? + 6", args: lateSmall},
	{query: "SELECT n / 0, CAST('x' AS SIGNED), ? FROM many LIMIT 1", args: lateSmall},
	{query: "SHOW WARNINGS", asks: true}, {query: "SHOW COUNT(*) WARNINGS", asks: true}, {query: "SELECT @@warning_count w, ROW_COUNT() AS r", asks: true}, {query: "SELECT ROW_COUNT()", asks: true},
	{query: "INSERT INTO ids (n) VALUES (?)", args: lateSmall}, {query: "SELECT LAST_INSERT_ID(), ?", args: lateSmall, asks: true}, {query: "SELECT LAST_INSERT_ID()", asks: true},
	{query: "CALL p(?)", args: lateSmall}, {query: "CALL p(2)"}, {query: "SELECT f(?), DATABASE()", args: lateSmall}, {query: "SELECT f(1)"},
	{query: "SELECT * FROM v WHERE id = ?", args: lateSmall}, {query: "SELECT COUNT(*), MIN(home), MAX(home) FROM written WHERE n <> ?", args: lateSmall},
	{query: "SELECT @@character_set_database, @@collation_database, DATABASE(), ?", args: lateSmall}, {query: "SELECT @@collation_database, DATABASE()"},
	{query: "SELECT COUNT(*) FROM changing WHERE a = ?", args: lateSmall}, {query: "SELECT * FROM changing WHERE a = ?", args: lateSmall},
	{query: "ALTER TABLE changing ADD COLUMN IF NOT EXISTS b INT"}, {query: "TRUNCATE TABLE changing"}, {query: "DROP TABLE IF EXISTS changing"}, {query: "CREATE TABLE IF NOT EXISTS changing (a INT)"},
	{query: "RENAME TABLE changing TO moved", then: "RENAME TABLE moved TO changing"},
	{query: "SET @a = ?", args: lateSmall, then: "SELECT @a, DATABASE()", alone: true},
	{query: "CREATE TEMPORARY TABLE t (id INT, home VARCHAR(80))", then: "DROP TEMPORARY TABLE t", alone: true},
	{query: "USE %o", then: "USE %s", alone: true},
	{query: "SELECT COUNT(*) FROM %o.written WHERE home = ?", args: lateText},
	{query: "SELECT GET_LOCK(?, 0)", args: lateLock, then: "SELECT RELEASE_ALL_LOCKS()", alone: true},
	{query: "SELECT nothing FROM t WHERE id = ?", args: lateSmall}, {query: "SELECT * FROM nowhere WHERE id = ?", args: lateSmall}, {query: "SELEKT"},
	{query: "SELECT 1 FROM t WHERE id = ? FOR UPDATE", args: lateSmall},
}

// text is a text for its schemas.
func (w *lateTwin) text(s string) string {
	return strings.NewReplacer("%o", w.names[(w.own+1)%len(w.names)], "%s", w.names[w.own]).Replace(s)
}

// answer is one without the names that differ.
func (w *lateTwin) answer(rows [][]string, err error) string {
	s := fmt.Sprint(rows)
	if err != nil {
		s = fmt.Sprint(errNumber(err), " ", err)
	}
	return strings.ReplaceAll(s, strings.TrimSuffix(w.names[0], "0"), "schema ")
}

type lateRunner interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	PrepareContext(context.Context, string) (*sql.Stmt, error)
}

// run runs one, in one of several ways.
func (w *lateTwin) run(ctx context.Context, q lateRunner, how int, query string, args []any) string {
	query = w.text(query)
	for i, a := range args {
		if s, ok := a.(string); ok {
			args = slices.Clone(args)
			args[i] = w.text(s)
		}
	}
	hasRows := strings.HasPrefix(query, "S") && !strings.HasPrefix(query, "SET")
	switch {
	case how == 0 && !hasRows && !strings.HasPrefix(query, "CALL"):
		r, err := q.ExecContext(ctx, query, args...)
		if err != nil {
			return w.answer(nil, err)
		}
		n, _ := r.RowsAffected()
		return fmt.Sprint(n)
	case how == 1:
		st, err := q.PrepareContext(ctx, query)
		if err != nil {
			return w.answer(nil, err)
		}
		defer st.Close()
		return w.answer(lateRows(st.QueryContext(ctx, args...)))
	case how == 2: // one that stays
		st := w.stmts[query]
		if st == nil {
			var err error
			if st, err = w.db.PrepareContext(ctx, query); err != nil {
				return w.answer(nil, err)
			}
			w.stmts[query] = st
		}
		if tx, ok := q.(*sql.Tx); ok {
			st = tx.StmtContext(ctx, st)
		}
		return w.answer(lateRows(st.QueryContext(ctx, args...)))
	}
	return w.answer(lateRows(q.QueryContext(ctx, query, args...)))
}

func lateRows(rows *sql.Rows, err error) (all [][]string, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, _ := rows.Columns()
	for rows.Next() {
		values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := make([]string, len(columns))
		for i, v := range values {
			row[i] = v.String
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// raw runs one through the interfaces that database/sql does not call.
func (w *lateTwin) raw(c *sql.Conn, how int, query string, args []any) (answer string) {
	query = w.text(query)
	values := make([]driver.Value, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case int:
			values[i] = int64(a)
		case string:
			values[i] = w.text(a)
		}
	}
	var all [][]string
	read := func(rows driver.Rows, err error) error {
		if err != nil {
			return err
		}
		defer rows.Close()
		for {
			row := make([]driver.Value, len(rows.Columns()))
			if err := rows.Next(row); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			texts := make([]string, len(row))
			for i, v := range row {
				if b, ok := v.([]byte); ok {
					v = string(b)
				}
				texts[i] = fmt.Sprint(v)
			}
			all = append(all, texts)
		}
	}
	err := c.Raw(func(dc any) error {
		switch how {
		case 0:
			//lint:ignore SA1019 it is what users of Conn.Raw may call
			return read(dc.(driver.Queryer).Query(query, values))
		case 1:
			//lint:ignore SA1019 as Queryer
			_, err := dc.(driver.Execer).Exec(query, values)
			return err
		}
		st, err := dc.(driver.Conn).Prepare(query)
		if err != nil {
			return err
		}
		defer st.Close()
		if how == 2 {
			//lint:ignore SA1019 as Queryer
			return read(st.Query(values))
		}
		//lint:ignore SA1019 as Queryer
		_, err = st.Exec(values)
		return err
	})
	return w.answer(all, err)
}

// step runs the same on one handle: what a random source says, which both have alike.
func (w *lateTwin) step(r *rand.Rand) (log, answers []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var q lateRunner = w.db
	var c *sql.Conn
	end := func() {}
	scope := pickScope(r)
	switch scope {
	case "conn", "raw":
		conn, err := w.db.Conn(ctx)
		if err != nil {
			return []string{scope}, []string{w.answer(nil, err)}
		}
		q, c, end = conn, conn, func() { conn.Close() }
	case "tx":
		tx, err := w.db.BeginTx(ctx, nil)
		if err != nil {
			return []string{scope}, []string{w.answer(nil, err)}
		}
		q, end = tx, func() { tx.Rollback() }
		if r.IntN(2) == 0 {
			end = func() { tx.Commit() }
		}
	}
	defer end()
	n := 1 + r.IntN(4)
	if scope == "db" {
		n = 1
	}
	ran := false // the statement before
	for range n {
		op, how, early := lateOps[r.IntN(len(lateOps))], r.IntN(6), r.IntN(40) == 0
		if r.IntN(4) > 0 { // else what is left on a connection takes what is kept with it
			op, how = lateOps[r.IntN(lateOften)], 3*r.IntN(2)
		}
		early = early && op.then == ""
		var args []any
		if op.args != nil {
			args = op.args(r)
		}
		if op.asks && (!ran || scope == "raw") || op.alone && scope != "conn" || op.asks && how < 3 {
			continue
		}
		if how == 2 && (scope == "conn" || scope == "raw" || scope == "tx" && w.stmts[w.text(op.query)] == nil) {
			how = 3 // it would wait for the connection that is held
		}
		in := ctx
		if early {
			var stop context.CancelFunc
			in, stop = context.WithCancel(ctx)
			stop()
		}
		var a string
		if scope == "raw" {
			if strings.HasPrefix(op.query, "CALL") && how%4 == 0 {
				how++ // rows.Close reads the first result only
			}
			if how%4 == 3 && strings.HasPrefix(op.query, "SE") {
				how-- // on MariaDB the stock driver (1.10.1) waits for ever for columns that the server leaves out
			}
			a = w.raw(c, how%4, op.query, args)
		} else {
			a = w.run(in, q, how, op.query, args)
		}
		log, answers = append(log, fmt.Sprintf("%s %d how %d early %v: %s %v", scope, w.own, how, early, op.query, args)), append(answers, a)
		ran = !early
		if op.then != "" {
			for k := r.IntN(3); k > 0 && op.then != "SELECT FOUND_ROWS()"; k-- {
				log, answers = append(log, "  "+lateQuery), append(answers, w.run(ctx, q, 4, lateQuery, []any{1}), w.run(ctx, q, 4, "SELECT home, DATABASE() FROM t", nil))
			}
			log, answers = append(log, "  "+op.then), append(answers, w.run(ctx, q, 3, op.then, nil))
		}
	}
	return log, answers
}

func pickScope(r *rand.Rand) string {
	return []string{"db", "db", "db", "db", "conn", "conn", "tx", "raw"}[r.IntN(8)]
}

// makeLateSchema makes a schema of that name.
func makeLateSchema(t *testing.T, s *server, name string, i int) {
	charset := []string{"utf8mb4", "latin1"}[i%2]
	for _, query := range []string{
		"DROP DATABASE IF EXISTS %s", "CREATE DATABASE %s DEFAULT CHARACTER SET " + charset,
		"CREATE TABLE %s.t (id INT PRIMARY KEY, home VARCHAR(80))", "INSERT INTO %[1]s.t VALUES (1, '%[1]s')",
		"CREATE TABLE %s.written (home VARCHAR(80), n INT)", "CREATE TABLE %s.log (home VARCHAR(80))",
		"CREATE TABLE %s.many (n INT)", "INSERT INTO %s.many VALUES (5), (6), (7), (8)",
		"CREATE TABLE %s.ids (id INT AUTO_INCREMENT PRIMARY KEY, n INT)", "CREATE TABLE %s.changing (a INT)",
		"CREATE VIEW %[1]s.v AS SELECT id, home FROM %[1]s.t",
		"CREATE TRIGGER %[1]s.g AFTER INSERT ON %[1]s.written FOR EACH ROW INSERT INTO log VALUES (NEW.home)",
		"CREATE FUNCTION %[1]s.f(n INT) RETURNS VARCHAR(80) READS SQL DATA RETURN (SELECT home FROM t WHERE id = 1)",
		"CREATE PROCEDURE %[1]s.p(n INT) BEGIN INSERT INTO written VALUES ('called', n); SET @b = n; END",
	} {
		if strings.Contains(query, "%") {
			query = strings.ReplaceAll(strings.ReplaceAll(query, "%[1]s", name), "%s", name)
		}
		s.exec(t, query)
	}
}

func TestSuiteLateRandom(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	if _, err := s.admin.Exec("CREATE PROCEDURE " + s.schema + ".p() SELECT 1"); err != nil {
		t.Skip(err) // TiDB has none
	}
	s.admin.Exec("SET GLOBAL log_bin_trust_function_creators = 1")
	const n = 4
	lasts, err := time.ParseDuration(os.Getenv(envDiff))
	params := []string{oneConnOnly, "pool_size=1", "pool_size=2&pool_max_overflow=0", oneConnOnly + "&pool_ping_after=10ms", oneConnOnly + "&pool_stmt_cache=3",
		oneConnOnly + "&pool_reset=always", oneConnOnly + "&interpolateParams=true", oneConnOnly + "&multiStatements=true", oneConnOnly + "&pool_stmt_cache=20"}
	steps, executed := 0, s.status(t, "Com_stmt_execute")
	uses := s.status(t, "Com_change_db")
	first := rand.Uint64() >> 20
	if err != nil {
		// One that once found a fault; others run on request, since they take long.
		first, lasts = 15586304313895, time.Millisecond
	}
	if one, err := strconv.ParseUint(os.Getenv(envDiffSeed), 10, 64); err == nil {
		first, lasts = one, time.Millisecond
	}
	for seed, until := first, time.Now().Add(lasts); time.Now().Before(until) && !t.Failed(); seed++ {
		r := rand.New(rand.NewPCG(seed, 2))
		param := params[r.IntN(len(params))]
		idle := 0 // so that whatever is left on a connection is undone, and others get it
		if r.IntN(3) == 0 {
			idle = 1
			param = strings.NewReplacer("pool_max_overflow=0", "pool_max_overflow=60").Replace(param)
		}
		var twins [n][2]*lateTwin
		var names [2][]string
		for i := range n {
			for d := range drivers {
				name := fmt.Sprintf("%s_%c%d", s.schema, "sp"[d], i)
				names[d] = append(names[d], name)
				makeLateSchema(t, s, name, i)
			}
		}
		for i := range n {
			for d, driver := range drivers {
				cfg := s.config(t)
				cfg.DBName = names[d][i]
				dsn := cfg.FormatDSN()
				if driver == pooled {
					dsn = withParams(dsn, param)
				} else {
					for _, p := range []string{"interpolateParams=true", "multiStatements=true"} {
						if strings.Contains(param, p) {
							dsn = withParams(dsn, p)
						}
					}
				}
				db := openDSN(t, driver, dsn)
				db.SetMaxOpenConns(1)
				db.SetMaxIdleConns(idle)
				twins[i][d] = &lateTwin{db: db, names: names[d], own: i, stmts: map[string]*sql.Stmt{}}
			}
		}
		var all []string
		for range 500 {
			i, again := r.IntN(n), r.Uint64()
			if k := r.IntN(60); k < 2 { // another program
				for d := range drivers {
					if k == 0 {
						s.exec(t, "ALTER TABLE "+names[d][i]+".t COMMENT '"+fmt.Sprint(again)+"'")
					} else {
						makeLateSchema(t, s, names[d][i], i)
					}
				}
				all = append(all, fmt.Sprint("another program ", k, " ", i))
			}
			steps++
			log, want := twins[i][0].step(rand.New(rand.NewPCG(again, 3)))
			_, got := twins[i][1].step(rand.New(rand.NewPCG(again, 3)))
			all = append(all, log...)
			if !slices.Equal(got, want) {
				t.Errorf("seed %d, %s, idle %d:\n%s\ngot  %q\nwant %q", seed, param, idle, strings.Join(all[max(0, len(all)-40):], "\n"), got, want)
				break
			}
		}
		for i := range n {
			for _, table := range []string{"written", "log", "ids", "t"} {
				var rows [2]string
				for d := range drivers {
					w := twins[i][d]
					rows[d] = w.answer(lateRows(s.admin.Query("SELECT * FROM " + w.names[i] + "." + table + " ORDER BY 1, 2 DESC LIMIT 1000")))
					if table == "log" {
						rows[d] = w.answer(lateRows(s.admin.Query("SELECT * FROM " + w.names[i] + "." + table + " ORDER BY 1")))
					}
				}
				if rows[0] != rows[1] && !t.Failed() {
					t.Errorf("seed %d, %s: %s of schema %d: got %s, want %s", seed, param, table, i, rows[1], rows[0])
				}
			}
		}
		for i := range n {
			for d := range drivers {
				for _, st := range twins[i][d].stmts {
					st.Close()
				}
				twins[i][d].db.Close()
			}
		}
		dispose(t)
	}
	for i := range n {
		for d := range drivers {
			s.exec(t, fmt.Sprintf("DROP DATABASE IF EXISTS %s_%c%d", s.schema, "sp"[d], i))
		}
	}
	t.Logf("%d steps from seed %d on, %d prepared statements executed by both drivers, %d USE", steps, first, s.status(t, "Com_stmt_execute")-executed, s.status(t, "Com_change_db")-uses)
}
