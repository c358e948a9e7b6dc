package engines

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"

	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
)

const (
	stock  = "mysql"
	pooled = "mysql_pool"

	// envEngines is what turns these tests on: "require" fails where an engine is not built.
	envEngines = "MYSQL_POOL_TEST_ENGINES"

	// one has all handles use one physical connection, so that nothing is right by chance.
	one = "pool_size=1&pool_max_overflow=0"
)

func init() {
	mysql.SetLogger(&mysql.NopLogger{})
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
}

func start(t *testing.T, kind servers.Kind) *servers.Server {
	t.Helper()
	if os.Getenv(envEngines) == "" {
		t.Skipf("set %s", envEngines)
	}
	s, err := servers.Find(t.Context(), servers.Options{Kinds: []servers.Kind{kind}})
	if errors.Is(err, servers.ErrNone) && os.Getenv(envEngines) != "require" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	t.Cleanup(func() { // before the server ends
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := mysqlpool.Dispose(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

func open(t *testing.T, driver, dsn, schema, params string) *sql.DB {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DBName = schema
	dsn = cfg.FormatDSN()
	switch {
	case params != "" && strings.Contains(dsn, "?"):
		dsn += "&" + params
	case params != "":
		dsn += "?" + params
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func exec(t *testing.T, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func ask(t *testing.T, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, query string, args ...any) string {
	t.Helper()
	var answer sql.NullString
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer.String
}

// wantOwnSchemas has handles on two schemas share connections, at once, with statements
// that are kept, text, transactions and prepared ones. Each row must be where its handle
// is.
func wantOwnSchemas(t *testing.T, s *servers.Server, a, b string) {
	t.Helper()
	for _, params := range []string{one, "pool_size=3&pool_max_overflow=0", one + "&pool_stmt_cache=0", one + "&interpolateParams=true"} {
		var all sync.WaitGroup
		for i, schema := range []string{a, b, a, b} {
			db := open(t, pooled, s.DSN, schema, params)
			db.SetMaxIdleConns(2)
			r := i
			all.Go(func() {
				for n := range 60 {
					var err error
					switch (n + r) % 4 {
					case 0, 1:
						_, err = db.Exec("INSERT INTO belongs (home, n) VALUES (?, ?)", schema, n)
					case 2:
						_, err = db.Exec("INSERT INTO belongs (home, n) VALUES ('" + schema + "', 1)")
					case 3:
						var tx *sql.Tx
						if tx, err = db.Begin(); err == nil {
							_, err = tx.Exec("INSERT INTO belongs (home, n) VALUES (?, ?)", schema, n)
							if n%8 == 3 {
								err = errors.Join(err, tx.Rollback())
							} else {
								err = errors.Join(err, tx.Commit())
							}
						}
					}
					if err != nil {
						t.Errorf("%s: %v", params, err)
						return
					}
					var current string
					if err := db.QueryRow("SELECT DATABASE()").Scan(&current); err != nil || current != schema {
						t.Errorf("%s: on %q, %v, want %q", params, current, err, schema)
						return
					}
					others := 0
					if err := db.QueryRow("SELECT COUNT(*) FROM belongs WHERE home <> ?", schema).Scan(&others); err != nil || others != 0 {
						t.Errorf("%s: on %q: %d rows of others, %v", params, schema, others, err)
						return
					}
				}
			})
		}
		all.Wait()
	}
	for _, schema := range []string{a, b} {
		db := open(t, stock, s.DSN, schema, "")
		if n := ask(t, db, "SELECT COUNT(*) FROM belongs WHERE home <> ?", schema); n != "0" {
			t.Errorf("%s has %s rows of other schemas", schema, n)
		}
		if n := ask(t, db, "SELECT COUNT(*) FROM belongs"); n == "0" {
			t.Errorf("%s has no rows", schema)
		}
	}
}

const belongs = "CREATE TABLE belongs (home VARCHAR(20), n INT)"

func TestTiDBSchemas(t *testing.T) {
	s := start(t, servers.TiDB)
	admin := open(t, stock, s.DSN, "", "")
	for _, schema := range []string{"first", "second"} {
		exec(t, admin, "CREATE DATABASE "+schema)
		exec(t, open(t, stock, s.DSN, schema, ""), belongs)
	}
	wantOwnSchemas(t, s, "first", "second")
}

// A statement that the caller gave up ends on the server.
func TestTiDBKill(t *testing.T) {
	s := start(t, servers.TiDB)
	db := open(t, pooled, s.DSN, "test", "pool_kill=on")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := db.ExecContext(ctx, "SELECT SLEEP(30)"); err == nil {
		t.Error("it was not closed")
	}
	admin := open(t, stock, s.DSN, "", "")
	admin.SetMaxOpenConns(1)
	deadline := time.Now().Add(10 * time.Second)
	for ask(t, admin, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP%'") != "0" {
		if time.Now().After(deadline) {
			t.Fatal("it runs on")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestVitessKeyspaces(t *testing.T) {
	s := start(t, servers.Vitess)
	for _, keyspace := range []string{"ks1", "ks2"} {
		exec(t, open(t, stock, s.DSN, keyspace, ""), belongs)
	}
	wantOwnSchemas(t, s, "ks1", "ks2")
}

// What a user sets of Vitess's own does not reach the next one.
func TestVitessSessionState(t *testing.T) {
	s := start(t, servers.Vitess)
	exec(t, open(t, stock, s.DSN, "ks1", ""), "CREATE TABLE t (v INT)")
	asks := []string{"SELECT DATABASE()", "SHOW VITESS_TARGET", "SELECT @@workload", "SELECT @@transaction_mode", "SELECT @@autocommit", "SELECT @a", "SELECT COUNT(*) FROM t"}
	fresh := open(t, stock, s.DSN, "ks1", "")
	var want []string
	for _, query := range asks {
		want = append(want, ask(t, fresh, query))
	}
	for _, leave := range [][]string{
		{"USE ks1@replica"}, {"USE `ks1:0`"}, {"USE `ks3/-80`"}, {"USE ks2"}, {"SET workload = olap"}, {"SET SESSION workload = 'olap'"}, {"SET transaction_mode = 'single'"},
		{"SET @a = 7"}, {"SET autocommit = 0", "INSERT INTO t VALUES (1)"}, {"BEGIN", "INSERT INTO t VALUES (1)"}, {"BEGIN", "USE ks2"}, {"SET sql_select_limit = 1"},
	} {
		a, b := open(t, pooled, s.DSN, "ks1", one), open(t, pooled, s.DSN, "ks1", one)
		c, err := a.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, query := range leave {
			if _, err := c.ExecContext(t.Context(), query); err != nil {
				t.Logf("Vitess does not do %s: %v", query, err)
			}
		}
		c.Close()
		a.Close()
		for i, query := range asks {
			if got := ask(t, b, query); got != want[i] {
				t.Errorf("after %q: %s: got %q, want %q", leave, query, got, want[i])
			}
		}
		b.Close()
	}
	for _, p := range mysqlpool.Stats() {
		t.Logf("undo: %s, reset: %s; %d undone, %d reset, %d closed", p.UndoProof, p.ResetProof, p.Undone, p.Reset, p.Dirty)
		if p.ResetProof == mysqlpool.ProofWorks {
			t.Error("Stats says that the reset works")
		}
	}
}

// After a restart statements run again, without an error that both drivers do not have.
func TestVitessRestart(t *testing.T) {
	s := start(t, servers.Vitess)
	exec(t, open(t, stock, s.DSN, "ks1", ""), "CREATE TABLE r (v INT)")
	dbs := map[string]*sql.DB{stock: open(t, stock, s.DSN, "ks1", ""), pooled: open(t, pooled, s.DSN, "ks1", "pool_size=3")}
	for _, db := range dbs {
		for range 4 {
			if _, err := db.Exec("INSERT INTO r VALUES (?)", 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.RestartVitess(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, db := range dbs {
		for i := range 4 {
			if _, err := db.Exec("INSERT INTO r VALUES (?)", 2); err != nil {
				t.Errorf("%s, insert %d after the restart: %v", name, i, err)
			}
		}
	}
	if n := ask(t, dbs[stock], "SELECT COUNT(*) FROM r WHERE v = 2"); n != fmt.Sprint(4*len(dbs)) {
		t.Errorf("%s rows, want %d", n, 4*len(dbs))
	}
}

// A sharded keyspace: rows, a transaction over both shards, and its end.
func TestVitessSharded(t *testing.T) {
	s := start(t, servers.Vitess)
	admin := open(t, stock, s.DSN, "ks3", "")
	exec(t, admin, "CREATE TABLE sharded (id BIGINT PRIMARY KEY, v INT)")
	db := open(t, pooled, s.DSN, "ks3", one)
	db.SetMaxOpenConns(1)
	for n := range 20 {
		if _, err := db.Exec("INSERT INTO sharded (id, v) VALUES (?, ?)", n, n); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 2 {
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		for id := range 20 {
			if _, err := tx.Exec("UPDATE sharded SET v = ? WHERE id = ?", 100+n, id); err != nil {
				t.Fatal(err)
			}
		}
		if n == 0 {
			err = tx.Commit()
		} else {
			err = tx.Rollback()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := ask(t, admin, "SELECT COUNT(*) FROM sharded WHERE v = 100"); got != "20" {
		t.Errorf("%s rows have what was committed, want 20", got)
	}
}
