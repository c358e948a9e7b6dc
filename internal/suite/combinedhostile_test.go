package suite

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// A program that puts a placeholder into quotes, which interpolateParams fills in as it is:
// what was never several statements must not become so.
func TestSuiteCombinedUseOfArgumentsInQuotes(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	const injected = "; DELETE FROM t; -- "
	for _, test := range []struct {
		name string
		mode string
		warm bool // several statements are allowed already
		arg  any
	}{
		{"string", "", false, injected},
		{"string on a connection of its own", "", true, injected},
		{"bytes", "", false, []byte(injected)},
		{"json", "", false, json.RawMessage(injected)},
		{"json on a connection of its own", "", true, json.RawMessage(injected)},
	} {
		for _, rows := range []bool{false, true} {
			dbs := x.openOne(t, x.s.dsn, "&interpolateParams=true")
			x.combined(t, dbs)
			i := 1
			if test.warm {
				i = 0
			}
			query := "DELETE FROM written WHERE home = '?'"
			if rows {
				query = "SELECT home FROM t WHERE home = '?'"
			}
			var err error
			if rows {
				_, err = askRow(dbs[i], query, test.arg)
			} else {
				_, err = dbs[i].Exec(query, test.arg)
			}
			if err == nil {
				t.Errorf("%s, rows %v: got no error", test.name, rows)
			}
			if n := row(t, x.s.admin, "SELECT COUNT(*) FROM "+x.names[i]+".t"); n != "1" {
				t.Errorf("%s, rows %v: a second statement ran", test.name, rows)
				x.s.exec(t, fmt.Sprintf("INSERT INTO %s.t VALUES (1, '%s')", x.names[i], x.names[i]))
			}
			for _, db := range dbs {
				db.Close()
			}
			dispose(t)
		}
	}
}

// After a USE that failed the connection goes on.
func TestSuiteCombinedUseThatFailsThenOthers(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	for _, then := range []string{"ping", "several", "begin", "prepare", "rows", "raw"} {
		dbs := x.openOne(t, x.s.dsn, "")
		x.combined(t, dbs)
		id := row(t, dbs[0], "SELECT CONNECTION_ID()")
		x.combined(t, dbs)
		x.s.exec(t, "DROP DATABASE "+x.names[1])
		ctx := t.Context()
		c, err := dbs[1].Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ExecContext(ctx, "DELETE FROM t"); err == nil {
			t.Fatal("no error")
		}
		x.s.exec(t, "CREATE DATABASE "+x.names[1])
		x.s.exec(t, "CREATE TABLE "+x.names[1]+".t (id INT PRIMARY KEY, home VARCHAR(80))")
		x.s.exec(t, "CREATE TABLE "+x.names[1]+".written (home VARCHAR(80), n INT)")
		x.s.exec(t, fmt.Sprintf("INSERT INTO %s.t VALUES (1, '%s')", x.names[1], x.names[1]))
		switch then {
		case "ping":
			err = c.PingContext(ctx)
		case "several":
			if _, err = c.ExecContext(ctx, "SELECT 1; SELECT 2"); err != nil && strings.Contains(err.Error(), "1064") {
				err = nil
			}
		case "begin":
			tx, e := c.BeginTx(ctx, nil)
			if err = e; err == nil {
				err = tx.Commit()
			}
		case "prepare":
			s, e := c.PrepareContext(ctx, "SELECT home FROM t")
			if err = e; err == nil {
				err = s.Close()
			}
		case "rows":
			_, err = askRow(c, "SELECT home FROM t")
		case "raw":
			err = c.Raw(func(raw any) error {
				r, err := raw.(driver.QueryerContext).QueryContext(ctx, "SELECT home FROM t", nil)
				if err != nil {
					return err
				}
				if r.(driver.RowsNextResultSet).HasNextResultSet() {
					t.Error("more results")
				}
				return r.Close()
			})
		}
		if err != nil {
			t.Errorf("%s: %v", then, err)
		}
		if got := row(t, c, "SELECT CONNECTION_ID()"); got != id {
			t.Errorf("%s: another connection", then)
		}
		if got := row(t, c, "SELECT home FROM t"); got != x.names[1] {
			t.Errorf("%s: got %q", then, got)
		}
		c.Close()
		x.combined(t, dbs)
		for _, db := range dbs {
			db.Close()
		}
		dispose(t)
	}
}

// An error behind USE leaves no sign of more results to the next rows.
func TestSuiteCombinedUseAndAnErrorHaveNoMoreResults(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	dbs := x.openOne(t, x.s.dsn, "")
	x.combined(t, dbs)
	c, err := dbs[1].Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.ExecContext(t.Context(), "DELETE FROM missing"); err == nil {
		t.Fatal("got no error")
	}
	err = c.Raw(func(raw any) error {
		rows, err := raw.(driver.QueryerContext).QueryContext(t.Context(), "SELECT home FROM t", nil)
		if err != nil {
			return err
		}
		if rows.(driver.RowsNextResultSet).HasNextResultSet() {
			t.Error("got another result, want none")
		}
		return rows.Close()
	})
	if err != nil {
		t.Error(err)
	}
}
