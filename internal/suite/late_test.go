package suite

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// lateSchemas is schemas with a table each, whose one row names its schema, and how
// often the server was told USE.
type lateSchemas struct {
	s     *server
	names []string
}

func newLateSchemas(t *testing.T, n int) *lateSchemas {
	x := &lateSchemas{s: needServer(t)}
	for i := range n {
		name := fmt.Sprintf("%s_l%d", x.s.schema, i)
		x.s.exec(t, "DROP DATABASE IF EXISTS "+name)
		x.s.exec(t, "CREATE DATABASE "+name)
		t.Cleanup(func() { x.s.exec(t, "DROP DATABASE IF EXISTS "+name) })
		x.s.exec(t, "CREATE TABLE "+name+".t (id INT PRIMARY KEY, home VARCHAR(80))")
		x.s.exec(t, "CREATE TABLE "+name+".written (home VARCHAR(80), n INT)")
		x.s.exec(t, fmt.Sprintf("INSERT INTO %s.t VALUES (1, '%s')", name, name))
		x.names = append(x.names, name)
	}
	return x
}

func (x *lateSchemas) dsn(t *testing.T, base string, i int, params string) string {
	cfg, err := mysql.ParseDSN(base)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DBName = x.names[i]
	return withParams(cfg.FormatDSN(), params)
}

// open opens a handle for each schema.
func (x *lateSchemas) open(t *testing.T, base, params string) (dbs []*sql.DB) {
	for i := range x.names {
		dbs = append(dbs, openDSN(t, "mysql_pool", x.dsn(t, base, i, params)))
	}
	t.Cleanup(func() {
		for _, db := range dbs {
			db.Close()
		}
		dispose(t)
	})
	return dbs
}

const lateQuery = "SELECT home, DATABASE() FROM t WHERE id = ?"

// visit asks a schema for its name by argument, and as text.
func (x *lateSchemas) visit(t *testing.T, db *sql.DB, i int) {
	t.Helper()
	var home, database string
	if err := db.QueryRow(lateQuery, 1).Scan(&home, &database); err != nil {
		t.Fatal(err)
	}
	if want := x.names[i]; home != want || !strings.EqualFold(database, want) {
		t.Fatalf("got %q in schema %q, want %q: a statement ran in another schema", home, database, want)
	}
}

// uses returns how often the server was told USE.
func (x *lateSchemas) uses(t *testing.T) (n int) {
	var name string
	if err := x.s.admin.QueryRow("SHOW GLOBAL STATUS LIKE 'Com_change_db'").Scan(&name, &n); err != nil {
		t.Skip(err)
	}
	return n
}

// usesOf returns how many of 100 visits in turn told the server USE.
func (x *lateSchemas) usesOf(t *testing.T, dbs []*sql.DB) int {
	for range 6 { // statements are kept, and the connection proves itself
		for i, db := range dbs {
			x.visit(t, db, i)
		}
	}
	before := x.uses(t)
	for n := range 100 {
		x.visit(t, dbs[n%len(dbs)], n%len(dbs))
	}
	return x.uses(t) - before
}

const oneConnOnly = "pool_size=1&pool_max_overflow=0"

// A kept statement takes one round trip on whatever schema the connection is, where
// that was proved. Behind a proxy, and with pool_schema_switch=always, it takes USE first.
func TestSuiteKeptStatementsNeedNoUse(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 3)
	relay := newRelay(t, x.s.dsn, func(byte, string) []byte { return nil })
	type way struct {
		name, base, params string
		late               bool
	}
	cfg, err := mysql.ParseDSN(x.s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	ways := []way{
		{"direct", x.s.dsn, oneConnOnly, cfg.Net == "tcp" || runtime.GOOS == "linux"},
		{"always", x.s.dsn, oneConnOnly + "&pool_schema_switch=always", false},
		{"nothing kept", x.s.dsn, oneConnOnly + "&pool_stmt_cache=0", false},
		{"a proxy", relay.through(t, x.s.dsn, "charset=utf8mb4"), oneConnOnly, false},
	}
	if unix := x.s.transports()["unix"]; unix != "" {
		ways = append(ways,
			way{"unix", unix, oneConnOnly, runtime.GOOS == "linux"},
			way{"unix, TLS", unix, oneConnOnly + "&tls=skip-verify", runtime.GOOS == "linux"},
			way{"unix, compressed", unix, oneConnOnly + "&compress=true", runtime.GOOS == "linux"},
			way{"unix, a proxy", throughUnix(t, unix), oneConnOnly, false})
	}
	for _, test := range ways {
		t.Run(test.name, func(t *testing.T) {
			got := x.usesOf(t, x.open(t, test.base, test.params))
			if test.late && got > 10 || !test.late && got < 90 {
				t.Errorf("the server was told USE %d times in 100 visits, want it late: %v", got, test.late)
			}
		})
	}
}

// throughUnix returns a DSN of a unix socket on which this program listens, and passes on
// what comes to the one of another DSN.
func throughUnix(t *testing.T, dsn string) string {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	to := cfg.Addr
	cfg.Addr = filepath.Join(t.TempDir(), "proxy.sock")
	listener, err := net.Listen("unix", cfg.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", to)
			if err != nil {
				client.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
				go func() {
					io.Copy(way[0], way[1])
					way[0].Close()
				}()
			}
		}
	}()
	return cfg.FormatDSN()
}

// Where texts and arguments mix, USE is sent hardly more often than before each visit.
func TestSuiteTextsAmongKeptStatements(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 3)
	dbs := x.open(t, x.s.dsn, oneConnOnly)
	x.usesOf(t, dbs)
	before := x.uses(t)
	const visits = 300
	for n := range visits {
		i := n % len(dbs)
		ctx := context.Background()
		c, err := dbs[i].Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, query := range []string{lateQuery, "SELECT home, DATABASE() FROM t WHERE id <> ?"} {
			rows, err := c.QueryContext(ctx, query, 1)
			if err != nil {
				t.Fatal(err)
			}
			rows.Close()
		}
		var home string
		if err := c.QueryRowContext(ctx, "SELECT home FROM t").Scan(&home); err != nil || home != x.names[i] {
			t.Fatalf("got %q, %v, want %q", home, err, x.names[i])
		}
		c.Close()
	}
	if got := x.uses(t) - before; got > visits*5/4 {
		t.Errorf("the server was told USE %d times in %d visits, want %d at most", got, visits, visits*5/4)
	}
}

// Whatever else runs, on its own schema it runs: texts, prepared statements,
// transactions, what follows an error, USE, and a reset.
func TestSuiteLateSwitchIsUnseen(t *testing.T) {
	x := newLateSchemas(t, 4)
	const params = "pool_size=2&pool_max_overflow=0"
	dbs := x.open(t, x.s.dsn, params)
	ctx := context.Background()
	stmts := make([]*sql.Stmt, len(dbs))
	for i, db := range dbs {
		var err error
		if stmts[i], err = db.Prepare(lateQuery); err != nil {
			t.Fatal(err)
		}
		defer stmts[i].Close()
	}
	home := func(row *sql.Row, i int, how string) {
		t.Helper()
		var got, database string
		if err := row.Scan(&got, &database); err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		if got != x.names[i] || !strings.EqualFold(database, x.names[i]) {
			t.Fatalf("%s: got %q in schema %q, want %q", how, got, database, x.names[i])
		}
	}
	written := make([]int, len(dbs))
	write := func(q interface {
		Exec(string, ...any) (sql.Result, error)
	}, i int, how string) {
		t.Helper()
		if _, err := q.Exec("INSERT INTO written (home, n) VALUES (?, ?)", x.names[i], 1); err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		written[i]++
	}
	var leave func() // closes what leaving returned
	// leaving returns a connection of a handle of its own, which gives it back with
	// what is left on it.
	leaving := func(i int) *sql.Conn {
		db := openDSN(t, "mysql_pool", x.dsn(t, x.s.dsn, i, params))
		c, err := db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		leave = func() { c.Close(); db.Close() }
		return c
	}
	moves := []struct {
		name string
		run  func(i int, db *sql.DB)
	}{
		{"by argument", func(i int, db *sql.DB) { home(db.QueryRow(lateQuery, 1), i, "by argument") }},
		{"by argument of another kind", func(i int, db *sql.DB) { home(db.QueryRow(lateQuery, "1"), i, "by a text") }},
		{"write", func(i int, db *sql.DB) { write(db, i, "write") }},
		{"text", func(i int, db *sql.DB) {
			home(db.QueryRow("SELECT home, DATABASE() FROM t WHERE id = 1"), i, "text")
		}},
		{"statement", func(i int, db *sql.DB) { home(stmts[i].QueryRow(1), i, "statement") }},
		{"ping", func(i int, db *sql.DB) {
			if err := db.Ping(); err != nil {
				t.Fatal(err)
			}
		}},
		{"transaction", func(i int, db *sql.DB) {
			tx := begin(t, db)
			home(tx.QueryRow(lateQuery, 1), i, "transaction")
			write(tx, i, "write in a transaction")
			home(tx.QueryRow("SELECT home, DATABASE() FROM t"), i, "text in a transaction")
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		}},
		{"one connection", func(i int, db *sql.DB) {
			c, err := db.Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			home(c.QueryRowContext(ctx, lateQuery, 1), i, "on a conn")
			home(c.QueryRowContext(ctx, "SELECT home, DATABASE() FROM t"), i, "text on a conn")
			home(c.QueryRowContext(ctx, lateQuery, 1), i, "again on a conn")
		}},
		{"error of a kept statement", func(i int, db *sql.DB) {
			for range 2 {
				if _, err := db.Exec("INSERT INTO t (id, home) VALUES (?, ?)", 1, "twice"); err == nil {
					t.Fatal("a key was inserted twice")
				}
			}
			home(db.QueryRow(lateQuery, 1), i, "after an error")
		}},
		{"USE", func(i int, _ *sql.DB) {
			c := leaving(i)
			other := (i + 1) % len(x.names)
			if _, err := c.ExecContext(ctx, "USE "+x.names[other]); err != nil {
				t.Fatal(err)
			}
			home(c.QueryRowContext(ctx, lateQuery, 1), other, "after USE")
		}},
		{"a state to restore", func(i int, _ *sql.DB) {
			c := leaving(i)
			home(c.QueryRowContext(ctx, lateQuery, 1), i, "before SET")
			if _, err := c.ExecContext(ctx, "SET @late = 1"); err != nil {
				t.Fatal(err)
			}
			home(c.QueryRowContext(ctx, lateQuery, 1), i, "after SET")
		}},
		{"a new text", func(i int, db *sql.DB) {
			home(db.QueryRow(fmt.Sprintf("SELECT home, DATABASE() FROM t WHERE id = ? AND %d = %[1]d", rand.IntN(50)), 1), i, "a new text")
		}},
	}
	rng := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		i := rng.IntN(len(dbs))
		move := moves[0]
		if rng.IntN(2) == 0 {
			move = moves[rng.IntN(len(moves))]
		}
		leave = func() {}
		move.run(i, dbs[i])
		leave()
	}
	for i, name := range x.names {
		var n, strange int
		if err := x.s.admin.QueryRow("SELECT COUNT(*) FROM " + name + ".written").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if err := x.s.admin.QueryRow("SELECT COUNT(*) FROM " + name + ".written WHERE home <> '" + name + "'").Scan(&strange); err != nil {
			t.Fatal(err)
		}
		if n != written[i] || strange != 0 {
			t.Errorf("%s: got %d rows, %d of them of other schemas, want %d and none", name, n, strange, written[i])
		}
	}
}

// A schema that another program drops while its USE is put off: whatever comes next
// fails, as with the stock driver, and touches nothing.
func TestSuiteSchemaGoneWhileLate(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	dbs := x.open(t, x.s.dsn, oneConnOnly)
	gone := x.names[1]
	for _, op := range []struct {
		name string
		run  func(db *sql.DB, st *sql.Stmt) error
		want []int
	}{
		{"by argument", func(db *sql.DB, _ *sql.Stmt) error {
			var home, database string
			return db.QueryRow(lateQuery, 1).Scan(&home, &database)
		}, []int{1146, 1049}},
		{"write by argument", func(db *sql.DB, _ *sql.Stmt) error {
			_, err := db.Exec("DELETE FROM written WHERE n = ?", 1)
			return err
		}, []int{1146, 1049}},
		{"prepared", func(_ *sql.DB, st *sql.Stmt) error {
			var home, database string
			return st.QueryRow(1).Scan(&home, &database)
		}, []int{1146, 1049}},
		{"text", func(db *sql.DB, _ *sql.Stmt) error {
			_, err := db.Exec("CREATE TABLE made (id INT)")
			return err
		}, []int{1049}},
		{"prepare", func(db *sql.DB, _ *sql.Stmt) error {
			_, err := db.Prepare("SELECT id FROM t WHERE id = ?")
			return err
		}, []int{1049}},
		{"ping", func(db *sql.DB, _ *sql.Stmt) error { return db.Ping() }, []int{1049}},
		{"transaction", func(db *sql.DB, _ *sql.Stmt) error {
			tx, err := db.Begin()
			if err == nil {
				tx.Rollback()
			}
			return err
		}, []int{1049}},
	} {
		st, err := dbs[1].Prepare(lateQuery)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // which keeps it
			if _, err := dbs[1].Exec("DELETE FROM written WHERE n = ?", 1); err != nil {
				t.Fatal(err)
			}
		}
		x.usesOf(t, dbs) // so that its USE is put off, if it may be
		x.visit(t, dbs[0], 0)
		x.s.exec(t, "DROP DATABASE "+gone)
		for range 2 {
			if err := op.run(dbs[1], st); !slices.Contains(op.want, errNumber(err)) {
				t.Errorf("%s: got %v, want %v", op.name, err, op.want)
			}
		}
		var n int
		if err := x.s.admin.QueryRow("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME = 'made' AND TABLE_SCHEMA = '" + x.names[0] + "'").Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: got %d tables in the other schema, %v, want none", op.name, n, err)
		}
		st.Close()
		x.visit(t, dbs[0], 0)
		x.s.exec(t, "CREATE DATABASE "+gone)
		x.s.exec(t, "CREATE TABLE "+gone+".written (home VARCHAR(80), n INT)")
		x.s.exec(t, "CREATE TABLE "+gone+".t (id INT PRIMARY KEY, home VARCHAR(80))")
		x.s.exec(t, fmt.Sprintf("INSERT INTO %s.t VALUES (1, '%[1]s')", gone))
		x.visit(t, dbs[1], 1)
	}
}
