package suite

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// late has the connection of two handles put USE off for the second, while the session
// is where the first one's text needed it.
func (x *lateSchemas) late(t *testing.T, dbs []*sql.DB) {
	t.Helper()
	x.usesOf(t, dbs)
	var home string
	if err := dbs[0].QueryRow("SELECT home FROM t").Scan(&home); err != nil {
		t.Fatal(err)
	}
}

// A prepared statement after which nobody knows the schema, such as CALL, is not run
// before USE: what follows it would run in another schema.
func TestSuiteLateCall(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	dbs := x.open(t, x.s.dsn, oneConnOnly)
	db := dbs[1]
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("CREATE PROCEDURE p(n INT) SELECT n FROM t"); err != nil {
		t.Skip(err) // TiDB has none
	}
	call, err := db.Prepare("CALL p(?)")
	if err != nil {
		t.Fatal(err)
	}
	defer call.Close()
	x.late(t, dbs)
	if _, err := call.Exec(1); err != nil {
		t.Fatal(err)
	}
	var home, database string
	if err := db.QueryRow("SELECT home, DATABASE() FROM t").Scan(&home, &database); err != nil {
		t.Fatal(err)
	}
	if want := x.names[1]; home != want || !strings.EqualFold(database, want) {
		t.Errorf("after CALL: got %q in schema %q, want %q", home, database, want)
	}
}

// What a kept statement left for the next one to ask is there, however that is asked.
func TestSuiteLateAnswers(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	ctx := context.Background()
	for i := range 3 {
		x.s.exec(t, "INSERT INTO "+x.names[1]+".written VALUES ('"+strings.Repeat("x", i)+"', 1)")
	}
	const warns = "SELECT n FROM written WHERE n / 0 <> ? OR n / 0 IS NULL LIMIT 1"
	ask := map[string]func(c *sql.Conn, question string, answer *string) error{
		"as text": func(c *sql.Conn, question string, answer *string) error {
			return c.QueryRowContext(ctx, question).Scan(answer)
		},
		"prepared": func(c *sql.Conn, question string, answer *string) error {
			stmt, err := c.PrepareContext(ctx, question)
			if err != nil {
				return err // SHOW COUNT(*) WARNINGS on MySQL
			}
			defer stmt.Close()
			return stmt.QueryRow().Scan(answer)
		},
		"by argument": func(c *sql.Conn, question string, answer *string) error {
			return c.QueryRowContext(ctx, question+" + ?", 0).Scan(answer)
		},
		"by a variable": func(c *sql.Conn, question string, answer *string) error {
			if _, err := c.ExecContext(ctx, "SET @answer = "+strings.TrimPrefix(question, "SELECT ")); err != nil {
				return err
			}
			return c.QueryRowContext(ctx, "SELECT @answer").Scan(answer)
		},
	}
	for _, test := range []struct{ first, then string }{
		{"INSERT INTO written (home, n) VALUES ('', ?)", "SELECT ROW_COUNT()"},
		{"SELECT n FROM written WHERE n <> ?", "SELECT ROW_COUNT()"},
		{"SELECT SQL_CALC_FOUND_ROWS n FROM written WHERE home IN ('', 'x', 'xx') AND n <> ? LIMIT 1", "SELECT FOUND_ROWS()"},
		{warns, "SELECT @@warning_count"},
		{warns, "SHOW COUNT(*) WARNINGS"},
	} {
		run := func(db *sql.DB, way string) (answers []string) {
			c, err := db.Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			rows, err := c.QueryContext(ctx, test.first, 17)
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
			}
			rows.Close()
			for range 2 { // the second may ask about the first
				var s string
				answers = append(answers, fmt.Sprint(ask[way](c, test.then, &s), s))
				if way == "by a variable" {
					break // SELECT @answer may need the schema
				}
			}
			return answers
		}
		for _, way := range []struct{ before, then string }{
			{"as text", "as text"}, {"as text", "prepared"}, {"prepared", "prepared"},
			{"as text", "by argument"}, {"by argument", "by argument"}, {"as text", "by a variable"},
		} {
			stocks := openDSN(t, stock, x.dsn(t, x.s.dsn, 1, ""))
			dbs := x.open(t, x.s.dsn, oneConnOnly)
			for range 3 {
				x.visit(t, dbs[1], 1)
				run(dbs[1], way.before)
			}
			x.late(t, dbs)
			x.s.exec(t, "DELETE FROM "+x.names[1]+".written WHERE n = 17")
			want := run(stocks, way.then)
			x.s.exec(t, "DELETE FROM "+x.names[1]+".written WHERE n = 17")
			if got := run(dbs[1], way.then); !slices.Equal(got, want) {
				t.Errorf("%s %s (before: %s), twice, after %s: got %s, want %s as with the stock driver", test.then, way.then, way.before, test.first, got, want)
			}
			for _, db := range dbs {
				db.Close()
			}
			stocks.Close()
			dispose(t)
		}
	}
}

// The schema that the session is on is gone, or forbidden: that is nothing to whoever
// runs a statement of another.
func TestSuiteLateOtherSchemaForbidden(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	user := "u" + x.s.schema[len(x.s.schema)-10:]
	account := x.s.accountName(t, user)
	x.s.exec(t, "CREATE USER "+account+" IDENTIFIED BY 'pw'")
	t.Cleanup(func() { x.s.exec(t, "DROP USER "+account) })
	for _, name := range x.names {
		x.s.exec(t, "GRANT ALL ON "+name+".* TO "+account)
	}
	cfg, err := mysql.ParseDSN(x.s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.User, cfg.Passwd = user, "pw"
	dbs := x.open(t, cfg.FormatDSN(), oneConnOnly)
	write := func() error {
		_, err := dbs[1].Exec("INSERT INTO written (home, n) VALUES (?, ?)", "b", 1)
		return err
	}
	for range 3 {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	x.late(t, dbs)
	x.s.exec(t, "REVOKE ALL ON "+x.names[0]+".* FROM "+account)
	if err := write(); err != nil {
		t.Errorf("got %v, want the privileges on another schema not to matter", err)
	}
	if _, err := dbs[0].Exec("INSERT INTO written VALUES ('a', 1)"); err == nil {
		t.Error("a write into a forbidden schema: got no error")
	}
	var n int
	if err := x.s.admin.QueryRow("SELECT COUNT(*) FROM " + x.names[1] + ".written").Scan(&n); err != nil || n != 4 {
		t.Errorf("got %d rows, %v, want 4", n, err)
	}
}

func TestSuiteLateOtherSchemaRecreated(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	dbs := x.open(t, x.s.dsn, oneConnOnly)
	x.late(t, dbs)
	x.s.exec(t, "DROP DATABASE "+x.names[0])
	x.visit(t, dbs[1], 1)
	x.s.exec(t, "CREATE DATABASE "+x.names[0])
	x.s.exec(t, "CREATE TABLE "+x.names[0]+".t (id INT PRIMARY KEY, home VARCHAR(80))")
	if _, err := dbs[0].Exec("INSERT INTO t VALUES (2, '')"); err != nil {
		t.Errorf("after another program made it again: %v", err)
	}
}

// Behind a proxy that tells the server the client's address (PROXY protocol) the
// server's list shows that one: it may still prepare a statement again elsewhere.
func TestSuiteProxyProtocolIsAProxy(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 3)
	if cfg, err := mysql.ParseDSN(x.s.dsn); err != nil || cfg.Net != "tcp" {
		t.Skip("needs TCP", err)
	}
	if _, err := x.s.admin.Exec("SET GLOBAL proxy_protocol_networks = '127.0.0.0/8'"); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { x.s.exec(t, "SET GLOBAL proxy_protocol_networks = ''") })
	relay := newRelayThatSays(t, x.s.dsn, func(client net.Conn) string {
		from, to := client.RemoteAddr().(*net.TCPAddr), client.LocalAddr().(*net.TCPAddr)
		return fmt.Sprintf("PROXY TCP4 %v %v %d %d\r\n", from.IP, to.IP, from.Port, to.Port)
	}, func(byte, string) []byte { return nil })
	if got := x.usesOf(t, x.open(t, relay.through(t, x.s.dsn, "charset=utf8mb4"), oneConnOnly)); got < 90 {
		t.Errorf("the server was told USE %d times in 100 visits, want it before each", got)
	}
}

// What a connection tries before it puts USE off leaves no transaction open.
func TestSuiteLateTrialEndsItsTransaction(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	dbs := x.open(t, x.s.dsn, oneConnOnly+"&autocommit=0")
	for range 4 {
		for _, db := range dbs {
			if err := db.Ping(); err != nil { // selects the schema, and opens nothing
				t.Fatal(err)
			}
		}
	}
	if got := x.s.row(t, "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> CONNECTION_ID()"); got != "0" {
		t.Errorf("got %s open transactions, want none", got)
	}
}

// connOfAnother returns a sql.Conn. The pool's is on the connection on which another handle
// ran a statement.
func connOfAnother(t *testing.T, driver, statement string) *sql.Conn {
	s := needServer(t)
	open := func() *sql.DB {
		if driver == stock {
			return s.open(t, driver, "")
		}
		return s.open(t, driver, oneConnOnly)
	}
	other := open()
	if _, err := other.Exec(statement); err != nil {
		t.Fatal(err)
	}
	other.Close()
	c, err := open().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// The error of a statement that cannot be prepared shows, also where it is the first on
// a connection that was another one's.
func TestSuiteWarningsOfPrepare(t *testing.T) {
	needRealServer(t)
	var want [][]string
	onBoth(t, func(t *testing.T, driver string) {
		ctx := context.Background()
		c := connOfAnother(t, driver, "DO 1")
		if _, err := c.QueryContext(ctx, "SELECT nothing FROM t WHERE id = ?", 1); err == nil {
			t.Fatal("it was prepared")
		}
		all, err := lateRows(c.QueryContext(ctx, "SHOW WARNINGS"))
		switch {
		case err != nil:
			t.Error(err)
		case driver == stock:
			want = all
		case len(all) != len(want):
			t.Errorf("got the warnings %q, want %q as with the stock driver", all, want)
		}
	})
}

// Where a reset is refused (MySQL 5.6), USE that was sent behind it has run.
func TestSuiteLateRefusedReset(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 1)
	cfg := x.s.config(t)
	cfg.DBName = "information_schema"
	dbs := append(x.open(t, x.s.dsn, oneConnOnly), openDSN(t, pooled, withParams(cfg.FormatDSN(), oneConnOnly)))
	for _, db := range dbs {
		db.SetMaxIdleConns(-1)
	}
	database := func(db *sql.DB, query string, args ...any) (name string) {
		t.Helper()
		if err := db.QueryRow(query, args...).Scan(&name); err != nil {
			t.Fatal(err)
		}
		return name
	}
	lock := func(release bool) {
		ctx := context.Background()
		c, err := dbs[0].Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var got int
		if err := c.QueryRowContext(ctx, "SELECT GET_LOCK(?, 0)", x.s.schema).Scan(&got); err != nil || got != 1 {
			t.Fatalf("got %d, %v, want the lock", got, err)
		}
		if release {
			if err := c.QueryRowContext(ctx, "SELECT RELEASE_LOCK(?)", x.s.schema).Scan(&got); err != nil || got != 1 {
				t.Fatalf("got %d, %v, want the lock released", got, err)
			}
		}
	}
	const query = "SELECT DATABASE() FROM DUAL WHERE 1 = ?"
	for range 6 {
		database(dbs[0], query, 1)
		database(dbs[1], query, 1)
		lock(true)
	}
	database(dbs[1], "SELECT DATABASE()")
	lock(false)
	if got := database(dbs[1], "SELECT DATABASE()"); !strings.EqualFold(got, "information_schema") {
		t.Errorf("got a text of another handle in schema %q, want information_schema", got)
	}
	if got := database(dbs[0], "SELECT DATABASE()"); got != x.names[0] {
		t.Errorf("got a text in schema %q, want %q", got, x.names[0])
	}
}

// What a statement without tables warns of is there to be asked for, also as the first on a
// connection that was another one's, which left warnings too.
func TestSuiteWarningsWithoutTables(t *testing.T) {
	needRealServer(t)
	ctx := context.Background()
	for _, test := range []struct {
		query string
		args  []any
	}{
		{"SELECT 1 / 0, CAST('x' AS SIGNED)", nil},
		{"SELECT 'x' + 1", nil},
		{"SELECT 1 / 0 + ?", []any{1}},
		{"SELECT CAST('x' AS SIGNED), ?", []any{1}},
		{"SELECT CAST(? AS SIGNED)", []any{"x"}},
		{"DO 1 / 0", nil},
		{"WITH x AS (SELECT 1 / 0 AS n) SELECT n FROM x", nil},
	} {
		for _, prepared := range []bool{false, true} {
			var want [][]string
			onBoth(t, func(t *testing.T, driver string) {
				c := connOfAnother(t, driver, "DROP TABLE IF EXISTS there_is_none")
				if prepared {
					stmt, err := c.PrepareContext(ctx, test.query)
					if err != nil {
						t.Fatal(err)
					}
					defer stmt.Close()
					if _, err := lateRows(stmt.Query(test.args...)); err != nil {
						t.Fatal(err)
					}
				} else if _, err := lateRows(c.QueryContext(ctx, test.query, test.args...)); err != nil {
					t.Fatal(err)
				}
				all, err := lateRows(c.QueryContext(ctx, "SHOW WARNINGS"))
				switch {
				case err != nil:
					t.Error(err)
				case driver == stock:
					want = all
				case !slices.EqualFunc(all, want, slices.Equal[[]string]):
					t.Errorf("%s (prepared: %v): got the warnings %q, want %q as with the stock driver", test.query, prepared, all, want)
				}
			})
		}
	}
}
