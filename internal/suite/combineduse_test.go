package suite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// openOne opens a handle for each schema, which share one connection, as a program that
// closes what it has used.
func (x *lateSchemas) openOne(t *testing.T, base, params string) []*sql.DB {
	dbs := x.open(t, base, oneConnOnly+params)
	for _, db := range dbs {
		db.SetMaxIdleConns(0)
	}
	return dbs
}

// combined has the connection of two handles send USE together with texts from now on; the
// latest one ran in the first's schema.
func (x *lateSchemas) combined(t *testing.T, dbs []*sql.DB) {
	t.Helper()
	for range 6 {
		for _, i := range []int{1, 0} {
			if got := row(t, dbs[i], "SELECT home FROM t"); got != x.names[i] {
				t.Fatalf("got %q, want %q: a text ran in another schema", got, x.names[i])
			}
		}
	}
}

// attempt runs a text, and returns what a program sees of it and of what the session says
// about it afterwards.
func attempt(t *testing.T, db *sql.DB, rows bool, query string, args ...any) string {
	t.Helper()
	c, err := db.Conn(t.Context())
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	var all strings.Builder
	if rows {
		attemptQuery(t, &all, c, query, args...)
	} else {
		result, err := c.ExecContext(t.Context(), query, args...)
		fmt.Fprintln(&all, err)
		if err == nil {
			n, _ := result.RowsAffected()
			fmt.Fprintln(&all, n)
		}
	}
	attemptQuery(t, &all, c, "SELECT @@error_count, @@warning_count, ROW_COUNT(), DATABASE() IS NULL")
	attemptQuery(t, &all, c, "SHOW WARNINGS")
	return all.String()
}

func attemptQuery(t *testing.T, all *strings.Builder, c *sql.Conn, query string, args ...any) {
	rows, err := c.QueryContext(t.Context(), query, args...)
	if err != nil {
		fmt.Fprintln(all, err)
		return
	}
	defer rows.Close()
	for {
		columns, err := rows.Columns()
		fmt.Fprintln(all, columns, err)
		for rows.Next() {
			values := make([]sql.RawBytes, len(columns))
			into := make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			fmt.Fprintf(all, "%v %s\n", rows.Scan(into...), values)
		}
		if !rows.NextResultSet() {
			break
		}
	}
	fmt.Fprintln(all, rows.Err())
}

// Whatever text comes while USE waits for one, a program sees what it sees with the stock
// driver, and no text is several statements that would not be with it.
func TestSuiteCombinedUseIsUnseen(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	for _, params := range []string{"", "&interpolateParams=true", "&multiStatements=true", "&@pool_stmt_cache=0", "&@pool_reset='always'", "&@pool_reset='never'", "&clientFoundRows=true", "&@pool_pipeline='off'"} {
		stockDSN := x.dsn(t, x.s.dsn, 1, withoutPoolParams(params))
		for _, test := range []struct {
			query string
			args  []any
		}{
			{"SELECT home, DATABASE() FROM t", nil},
			{"SELECT home FROM t;", nil},
			{"SELECT home FROM t; ; \n", nil},
			{"SELECT home FROM t; SELECT DATABASE()", nil},
			{"SELECT ';', home FROM t", nil},
			{"SELECT home FROM t /* ; */", nil},
			{"SELECT home FROM t -- x", nil},
			{"SELECT 1 / 0, CAST('x' AS SIGNED)", nil},
			{"WITH x AS (SELECT home FROM t) SELECT home FROM x", nil},
			{"WITH x AS (SELECT 1 / 0 AS n) SELECT n FROM x", nil},
			{"SELECT home FROM t # x", nil},
			{"-- x", nil},
			{"/* x */", nil},
			{"/*!99999 SELECT 1 FROM t */", nil},
			{"/*!40000 SELECT home FROM t */", nil},
			{"", nil},
			{";", nil},
			{"SELECT home FROM", nil},
			{"SELEKT home FROM t", nil},
			{"SELECT home FROM missing", nil},
			{"SELECT nothing FROM t", nil},
			{"SELECT home FROM nowhere.t", nil},
			{"SELECT (SELECT id FROM t UNION SELECT 2) FROM t", nil}, // fails when its rows are read
			{"INSERT INTO t VALUES (1, 'twice')", nil},
			{"INSERT INTO written VALUES ('one', 1), ('two', 2)", nil},
			{"UPDATE written SET n = n + 1", nil},
			{"UPDATE written SET n = n", nil},
			{"DELETE FROM written", nil},
			{"SHOW TABLES", nil},
			{"SELECT ROW_COUNT() FROM t", nil},
			{"SELECT home, LAST_INSERT_ID() FROM t", nil},
			{"SELECT home, @a := 1 FROM t", nil},
			{"SELECT SQL_CALC_FOUND_ROWS home FROM t", nil},
			{"/*! SELECT home FROM t */", nil},
			{"SELECT LAST_INSERT_ID() FROM t", nil},
			{"SELECT SQL_CALC_FOUND_ROWS home FROM t LIMIT 0", nil},
			{"SELECT home FROM t WHERE id = ?", []any{1}},
			{"SELECT home FROM t WHERE home <> ?", []any{"a;b"}},
			{"SELECT home FROM t WHERE home <> ?; SELECT 2", []any{"a"}},
			{"SELECT home FROM t WHERE home <> ?", []any{[]byte("'; DELETE FROM t; -- ")}},
			{"CALL nothing()", nil},
			{"SELECT home INTO @a FROM t", nil},
			{"SET @a = 1", nil},
			{"BEGIN", nil}, {"ROLLBACK", nil},
			{"SELECT home FROM t FOR UPDATE", nil},
			{"(SELECT home FROM t) UNION SELECT 2 LIMIT 1", nil},
			{"TABLE t", nil},
			{"SELECT home FROM t WHERE id / 0 IS NULL", nil},
		} {
			dbs := x.openOne(t, x.s.dsn, strings.NewReplacer("@", "", "'", "").Replace(params))
			for _, rows := range []bool{false, true} {
				x.combined(t, dbs)
				got := attempt(t, dbs[1], rows, test.query, test.args...)
				stocks := openDSN(t, stock, stockDSN)
				if want := attempt(t, stocks, rows, test.query, test.args...); got != want {
					t.Errorf("%s: %q: got\n%s\nwant, as with the stock driver,\n%s", params, test.query, got, want)
				}
				stocks.Close()
			}
			for i, db := range dbs {
				if got := row(t, db, "SELECT CONCAT(home, ' ', DATABASE()) FROM t"); !strings.EqualFold(got, x.names[i]+" "+x.names[i]) {
					t.Fatalf("%s: after %q: got %q, want %q: a text ran in another schema", params, test.query, got, x.names[i])
				}
			}
			x.s.exec(t, "DELETE FROM "+x.names[1]+".written")
			closeAll(dbs)
			dispose(t)
		}
	}
}

// withoutPoolParams returns the parameters that are not the pool's own.
func withoutPoolParams(params string) string {
	var all []string
	for _, p := range strings.Split(params, "&") {
		if p != "" && !strings.HasPrefix(p, "@") {
			all = append(all, p)
		}
	}
	return strings.Join(all, "&")
}

// The schema is gone, or forbidden, by the time that a text needs it: the text fails and
// runs nowhere, and so do the next ones, until the schema is there again.
func TestSuiteCombinedUseThatFails(t *testing.T) {
	needRealServer(t)
	for _, how := range []string{"gone", "forbidden"} {
		t.Run(how, func(t *testing.T) {
			x := newLateSchemas(t, 2)
			user := "c" + x.s.schema[len(x.s.schema)-10:]
			account := x.s.accountName(t, user)
			x.s.exec(t, "CREATE USER "+account+" IDENTIFIED BY 'pw'")
			t.Cleanup(func() { x.s.exec(t, "DROP USER "+account) })
			grant := func(i int) { x.s.exec(t, "GRANT ALL ON "+x.names[i]+".* TO "+account) }
			grant(0)
			grant(1)
			cfg, err := mysql.ParseDSN(x.s.dsn)
			if err != nil {
				t.Fatal(err)
			}
			cfg.User, cfg.Passwd = user, "pw"
			dbs := x.openOne(t, cfg.FormatDSN(), "")
			x.combined(t, dbs)
			if how == "gone" {
				x.s.exec(t, "DROP DATABASE "+x.names[1])
			} else {
				x.s.exec(t, "REVOKE ALL ON "+x.names[1]+".* FROM "+account)
			}
			ctx := t.Context()
			for range 3 {
				c, err := dbs[1].Conn(ctx)
				if err != nil {
					continue // it was noticed before
				}
				for _, query := range []string{"INSERT INTO written VALUES ('lost', 1)", "DELETE FROM t", "SELECT home FROM t", "UPDATE t SET home = 'lost'", "SHOW TABLES"} {
					_, err := c.ExecContext(ctx, query)
					if my := (*mysql.MySQLError)(nil); !errors.As(err, &my) {
						t.Errorf("%s: got %v, want the server's error", query, err)
					}
				}
				c.Close()
				if got := row(t, dbs[0], "SELECT CONCAT(home, (SELECT COUNT(*) FROM written)) FROM t"); got != x.names[0]+"0" {
					t.Fatalf("got %q, want %q: a text ran in another schema", got, x.names[0]+"0")
				}
			}
			if how == "gone" {
				x.s.exec(t, "CREATE DATABASE "+x.names[1])
				x.s.exec(t, "CREATE TABLE "+x.names[1]+".t (home VARCHAR(80))")
				x.s.exec(t, "INSERT INTO "+x.names[1]+".t VALUES ('"+x.names[1]+"')")
			}
			grant(1)
			if got := row(t, dbs[1], "SELECT home FROM t"); got != x.names[1] {
				t.Errorf("got %q, want %q", got, x.names[1])
			}
		})
	}
}

// A text that ends with its context, before it is sent or while it runs, leaves nobody in
// another schema.
func TestSuiteCombinedUseIsCancelled(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	dbs := x.openOne(t, x.s.dsn, "")
	for range 20 {
		x.combined(t, dbs)
		ctx, cancel := context.WithCancel(t.Context())
		c, err := dbs[1].Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := c.ExecContext(ctx, "INSERT INTO written VALUES ('lost', 1)"); err == nil {
			t.Error("got no error of a context that had ended")
		}
		c.Close()
		for i, db := range dbs {
			if got := row(t, db, "SELECT home FROM t"); got != x.names[i] {
				t.Fatalf("got %q, want %q: a text ran in another schema", got, x.names[i])
			}
		}
	}
}

// Users of Conn.Raw see the stock driver's results, without that of USE.
func TestSuiteCombinedUseInRaw(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	dbs := x.openOne(t, x.s.dsn, "")
	stocks := openDSN(t, stock, x.dsn(t, x.s.dsn, 1, ""))
	x.s.exec(t, "CREATE TABLE "+x.names[1]+".ids (id INT AUTO_INCREMENT PRIMARY KEY)")
	of := func(db *sql.DB) (all []string) {
		x.s.exec(t, "TRUNCATE TABLE "+x.names[1]+".ids")
		for _, legacy := range []bool{false, true} {
			x.combined(t, dbs)
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			err = c.Raw(func(raw any) error {
				const query = "INSERT INTO ids VALUES (), ()"
				var result driver.Result
				var err error
				if legacy {
					result, err = raw.(driver.Execer).Exec(query, nil) //lint:ignore SA1019 as users may
				} else {
					result, err = raw.(driver.ExecerContext).ExecContext(t.Context(), query, nil)
				}
				if err != nil {
					return err
				}
				n, _ := result.RowsAffected()
				id, _ := result.LastInsertId()
				my := result.(mysql.Result)
				all = append(all, fmt.Sprint(n, id, my.AllRowsAffected(), my.AllLastInsertIds()))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			x.combined(t, dbs)
			if c, err = db.Conn(t.Context()); err != nil {
				t.Fatal(err)
			}
			err = c.Raw(func(raw any) error {
				var rows driver.Rows
				var err error
				if legacy {
					rows, err = raw.(driver.Queryer).Query("SELECT home FROM t", nil) //lint:ignore SA1019 as users may
				} else {
					rows, err = raw.(driver.QueryerContext).QueryContext(t.Context(), "SELECT home FROM t", nil)
				}
				if err != nil {
					return err
				}
				all = append(all, fmt.Sprint(rows.Columns(), rows.(driver.RowsNextResultSet).HasNextResultSet()))
				return rows.Close()
			})
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
		return all
	}
	if got, want := of(dbs[1]), of(stocks); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q as with the stock driver", got, want)
	}
}

// A program that stacks statements is refused however often it tries, and its texts
// without a semicolon work all the while.
func TestSuiteCombinedUseAllowsNobodySeveral(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	dbs := x.openOne(t, x.s.dsn, "")
	for n := range 10 {
		x.combined(t, dbs)
		for _, query := range []string{"SELECT home FROM t; DELETE FROM t", "DO 1; DELETE FROM t", "; DELETE FROM t"} {
			if _, err := dbs[n%2].Exec(query); err == nil {
				t.Fatalf("%s: got no error", query)
			}
			if rows, err := dbs[n%2].Query(query); err == nil {
				rows.Close()
				t.Fatalf("%s: got no error", query)
			}
		}
		if _, err := dbs[n%2].Prepare("SELECT home FROM t; DELETE FROM t"); err == nil {
			t.Fatal("Prepare of two statements: got no error")
		}
	}
	x.combined(t, dbs)
}

// A schema whose name has a meaning of its own in a text.
func TestSuiteCombinedUseOfOddNames(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	for _, name := range []string{"odd ? name", "odd;name", "odd'name", "odd`name", "odd--name", "odd#name", "ödd"} {
		x := &lateSchemas{s: s, names: []string{s.schema + name, s.schema + "plain"}}
		for _, name := range x.names {
			quoted := "`" + strings.ReplaceAll(name, "`", "``") + "`"
			x.s.exec(t, "CREATE DATABASE "+quoted)
			t.Cleanup(func() { x.s.exec(t, "DROP DATABASE IF EXISTS "+quoted) })
			x.s.exec(t, "CREATE TABLE "+quoted+".t (id INT PRIMARY KEY, home VARCHAR(80)) CHARACTER SET utf8mb4")
			if _, err := s.admin.Exec("INSERT INTO "+quoted+".t VALUES (1, ?)", name); err != nil {
				t.Fatal(err)
			}
		}
		dbs := x.openOne(t, s.dsn, "&interpolateParams=true")
		x.combined(t, dbs)
		for range 4 {
			for i, db := range dbs {
				var home string
				if err := db.QueryRow("SELECT home FROM t WHERE id = ?", 1).Scan(&home); err != nil || home != x.names[i] {
					t.Errorf("got %q, %v, want %q", home, err, x.names[i])
				}
			}
		}
		closeAll(dbs)
		dispose(t)
		x.s.exec(t, "DROP DATABASE "+x.names[1])
	}
}
