package mysqlpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// run runs a text with arguments by Exec.
func runWith(t *testing.T, db *sql.DB, text string, args ...any) {
	t.Helper()
	if _, err := db.Exec(text, args...); err != nil {
		t.Errorf("%s: %v", text, err)
	}
}

// A text is kept for a few kinds of arguments at once, NULL among them, and takes one
// round trip with each.
func TestTextIsKeptForEachKind(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, oneConnection)
		vectors := [][]any{{1}, {"a"}, {nil}, {[]byte(nil)}, {"é"}, {[]byte("a")}, {sql.NullString{}}}
		for range 3 {
			for _, args := range vectors {
				runWith(t, db, "DELETE ?", args...)
			}
		}
		log := stmtLog(s.conns[0])
		const kinds = 4 // a number, a text, NULL, a text that is not ASCII
		if got := strings.Count(strings.Join(log, ";"), "prepare"); got != kinds+1 {
			t.Errorf("prepared %d times, want once to see it and %d times to keep it: %q", got, kinds, log)
		}
		if p := onePool(t); p.Stmts != kinds {
			t.Errorf("%d statements are kept, want %d", p.Stmts, kinds)
		}
	})
}

// More kinds than a text is kept for push out its own, and no other text's.
func TestKindsPushOutTheirOwn(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, oneConnection)
		for range 2 {
			runWith(t, db, "DELETE 1, ?", 1)
		}
		for range 3 {
			for _, arg := range []any{1, "a", nil, 1.5, true, "é"} {
				runWith(t, db, "DELETE 2, ?", arg)
			}
		}
		if p := onePool(t); p.Stmts != 1+maxKinds {
			t.Errorf("%d statements are kept, want %d", p.Stmts, 1+maxKinds)
		}
		before := len(stmtLog(s.conns[0]))
		runWith(t, db, "DELETE 1, ?", 1)
		if got := stmtLog(s.conns[0])[before:]; slices.Contains(got, "prepare DELETE 1, ?") {
			t.Errorf("sent %q, want what was kept", got)
		}
	})
}

// A logical statement whose arguments change kinds goes from one kept statement to
// the other.
func TestPreparedStatementWithChangingKinds(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, oneConnection)
		runWith(t, db, "DELETE ?", 1)
		stmt, err := db.Prepare("DELETE ?")
		if err != nil {
			t.Fatal(err)
		}
		defer stmt.Close()
		for range 5 {
			for _, arg := range []any{1, "a", nil} {
				if _, err := stmt.Exec(arg); err != nil {
					t.Error(err)
				}
			}
		}
		if got := strings.Count(strings.Join(stmtLog(s.conns[0]), ";"), "prepare"); got != 4 {
			t.Errorf("prepared %d times, want 4: %q", got, stmtLog(s.conns[0]))
		}
	})
}

var errConversion = &mysql.MySQLError{Number: 3988, Message: "Conversion from collation utf8mb4_general_ci into latin1_swedish_ci impossible for parameter"}

// An argument that only a kept statement refuses runs as with the stock driver, and from
// then on its text does.
func TestArgumentThatAKeptStatementRefuses(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, oneConnection)
		var runs int
		s.query = func(_ context.Context, _ *fakeConn, text string) error {
			if text == "execute DELETE ?" {
				if runs++; runs == 3 {
					return errConversion
				}
			}
			return nil
		}
		for range 6 {
			runWith(t, db, "DELETE ?", "é")
		}
		wantLog(t, s.conns[0], "prepare DELETE ?", "execute DELETE ?", "close DELETE ?", "prepare DELETE ?", "execute DELETE ?",
			"execute DELETE ?", "prepare DELETE ?", "execute DELETE ?", "close DELETE ?", "close DELETE ?",
			"prepare DELETE ?", "execute DELETE ?", "close DELETE ?", "prepare DELETE ?", "execute DELETE ?", "close DELETE ?", "prepare DELETE ?", "execute DELETE ?", "close DELETE ?")
	})
}

// It is run again only where it surely did not run, and no logical statement is that is
// the user's alone: the stock driver's would be refused too.
func TestRefusedAndNotRunAgain(t *testing.T) {
	for _, test := range []struct {
		name, text string
		err        *mysql.MySQLError
	}{
		{"of a procedure", "CALL p(?)", errConversion},
		{"of something else", "DELETE ?", &mysql.MySQLError{Number: 3988, Message: "Conversion from collation a into b impossible for column"}},
		{"another error", "DELETE ?", &mysql.MySQLError{Number: 1267, Message: "Illegal mix of collations"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				db := handle(t, s, oneConnection)
				runWith(t, db, test.text, "a")
				runWith(t, db, test.text, "a")
				runs := 0
				s.query = func(_ context.Context, _ *fakeConn, text string) error {
					if strings.HasPrefix(text, "execute") {
						if runs++; runs == 1 {
							return test.err
						}
					}
					return nil
				}
				if _, err := db.Exec(test.text, "a"); !errors.Is(err, test.err) || runs != 1 {
					t.Errorf("got %v after %d runs, want the server's error after one", err, runs)
				}
				s.conns[0].set(func() { s.conns[0].log = nil })
				runWith(t, db, test.text, "a")
				if log := stmtLog(s.conns[0]); !slices.ContainsFunc(log, func(s string) bool { return strings.HasPrefix(s, "prepare") }) {
					t.Errorf("the next one: sent %q, want a new statement", log)
				}
			})
		})
	}
	t.Run("of the user's alone", func(t *testing.T) {
		bubble(t, func(t *testing.T, s *fakeServer) {
			db := handle(t, s, oneConnection)
			stmt, err := db.Prepare("DELETE ?")
			if err != nil {
				t.Fatal(err)
			}
			defer stmt.Close()
			s.query = func(_ context.Context, _ *fakeConn, text string) error { return errConversion }
			for range 2 {
				if _, err := stmt.Exec("é"); mysqlerr.Number(err) != 3988 {
					t.Errorf("got %v, want the server's error", err)
				}
			}
			if log := stmtLog(s.conns[0]); len(log) != 3 {
				t.Errorf("sent %q, want one prepare and two runs", log)
			}
		})
	})
}

// Errors about rows, locks and time say nothing of a statement, and it stays.
func TestErrorsOfDataKeepTheStatement(t *testing.T) {
	for number, kept := range map[uint16]bool{1062: true, 1213: true, 1205: true, 1452: true, 1644: true, 3024: true, 1267: false, 1366: false, 1146: false, 1292: false} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			db := handle(t, s, oneConnection)
			runWith(t, db, "DELETE ?", "a")
			runWith(t, db, "DELETE ?", "a")
			s.query = func(_ context.Context, _ *fakeConn, text string) error { return &mysql.MySQLError{Number: number} }
			db.Exec("DELETE ?", "a")
			s.query = nil
			s.conns[0].set(func() { s.conns[0].log = nil })
			runWith(t, db, "DELETE ?", "a")
			if got := slices.Equal(stmtLog(s.conns[0]), []string{"execute DELETE ?"}); got != kept {
				t.Errorf("after error %d: sent %q, want kept %v", number, stmtLog(s.conns[0]), kept)
			}
		})
	}
}

// Where the server fixes types, what it converts depends on whether it prepared again.
func TestWhatIsKeptWhereTypesAreFixed(t *testing.T) {
	fixes := dsn.TimeFormat{Loc: time.UTC}
	for _, test := range []struct {
		args                   []any
		kept, inserts, without bool
	}{
		{[]any{"a", int64(1)}, true, true, true},
		{[]any{"é", "a", nil, "ü"}, true, true, true},
		{[]any{"é", int64(1)}, false, true, true},
		{[]any{"é", 0.5}, false, true, true},
		{[]any{true, json.RawMessage(`"é"`)}, false, true, true},
		{[]any{"é", "5.5"}, false, true, true},
		{[]any{"é", "5"}, false, true, true},
		{[]any{"é", time.Now()}, false, true, true},
		{[]any{[]byte("é"), "a"}, true, true, true},
		{[]any{[]byte("é"), int64(1)}, false, false, true},
		{[]any{[]byte{0xff}, 0.5}, false, false, true},
		{[]any{[]byte{1, 2}, 0.5}, true, true, true},
		{[]any{"1e5"}, false, false, true},
		{[]any{int8(1)}, false, false, false},
	} {
		var args []driver.NamedValue
		for i, v := range test.args {
			args = append(args, driver.NamedValue{Ordinal: i + 1, Value: v})
		}
		kept, inserts, without := canKeep(args, fixes, false), canKeep(args, fixes, true), canKeep(args, dsn.TimeFormat{}, false)
		if kept != test.kept || inserts != test.inserts || without != test.without {
			t.Errorf("%q: kept %v, when it only inserts %v, without fixed types %v; want %v, %v, %v", test.args, kept, inserts, without, test.kept, test.inserts, test.without)
		}
	}
}

func TestComparesWithSubquery(t *testing.T) {
	for text, want := range map[string]bool{
		"SELECT id FROM t WHERE s NOT IN (SELECT s FROM t WHERE s > ?)":      true,
		"select id from t where s not in(select s from t)":                   true,
		"SELECT id FROM t WHERE s <> ALL (SELECT s FROM t) AND x = ?":        true,
		"SELECT id FROM t WHERE s = ANY\n(\n(SELECT s FROM t))":              true,
		"SELECT id FROM t WHERE s = some /* x */ ( /*y*/ SELECT s FROM t)":   true,
		"SELECT id FROM t WHERE s IN -- x\n (# y\n SELECT s FROM t)":         true,
		"SELECT id FROM t WHERE s IN (/*!50000 SELECT s FROM t */)":          true,
		"SELECT id FROM t WHERE s IN (/*M!100000 SELECT s FROM t */)":        true,
		"SELECT id FROM t WHERE s IN (WITH c AS (SELECT 1) SELECT * FROM c)": true,
		"SELECT id FROM t WHERE s IN (VALUES (1))":                           true,
		"SELECT id FROM t WHERE s IN (/*/ x */ SELECT 1)":                    true,
		"DELETE FROM t WHERE (a, b) IN (SELECT a, b FROM u WHERE c = ?)":     true,
		"SELECT s IN (SELECT 1)":                                             true,
		"SELECT id FROM t WHERE s IN (?, ?)":                                 false,
		"SELECT id FROM t WHERE s = (SELECT MAX(s) FROM t WHERE s > ?)":      false,
		"SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.id = ?)":     false,
		"SELECT id FROM t JOIN (SELECT id FROM u) v USING (id) WHERE id = ?": false,
		"INSERT INTO t (SELECT * FROM u WHERE id = ?)":                       false,
		"SELECT min(SELECT_x) FROM t WHERE in_all(?) ORDER BY `in`":          false,
		"SELECT id FROM t WHERE margin (selected) = ?":                       false,
		"SELECT 1 UNION ALL SELECT ?":                                        false,
		"":                                                                   false,
		"SELECT id FROM t WHERE s IN (":                                      false,
		"SELECT id FROM t WHERE s IN /* never closed (SELECT 1)":             false,
	} {
		if got := comparesWithSubquery(text); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestReturnsNoRows(t *testing.T) {
	for text, want := range map[string]bool{
		"INSERT INTO t VALUES (?)": true, " /* x */ update t set a = ?": true, "DELETE FROM t WHERE id = ?": true, "REPLACE t VALUES (?)": true,
		"INSERT INTO t VALUES (?) RETURNING id": false, "delete from t where id = ? returning*": false, "replace t values (?)returning 1": false,
		"SELECT ?": false, "CALL p(?)": false, "SHOW TABLES LIKE ?": false, "": false, "WITH c AS (SELECT ?) DELETE FROM t": false, "(SELECT ?)": false,
	} {
		if got := returnsNoRows(text); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

// A statement is used again only with a server that answers the same each time.
func TestSubqueriesAreKeptWhereTheServerAsksThemAnew(t *testing.T) {
	for version, want := range map[string]bool{"8.4.0": false, "8.0.22": false, "8.0.21": true, "5.7.44": true, "10.11.19-MariaDB": true, "11.8.9-MariaDB": true, "": true} {
		if got := serverinfo.CachesSubqueries(version); got != want {
			t.Errorf("%q: got %v", version, got)
		}
	}
}

// Where the columns of statements are unknown, Exec uses none again that may return rows.
func TestExecWithUnknownColumns(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.bareStmts = true
		db := handle(t, s, oneConnection)
		for _, test := range []struct {
			text string
			kept bool
		}{{"INSERT INTO t VALUES (?) RETURNING id", false}, {"SELECT ?", false}, {"INSERT INTO t VALUES (?)", true}, {"UPDATE t SET a = ?", true}, {"DELETE FROM t WHERE a = ?", true}, {"CALL p(?)", false}} {
			for range 4 {
				runWith(t, db, test.text, 1)
			}
			if got := slices.Contains(countRuns(s.conns[0], test.text), 2); got != test.kept {
				t.Errorf("%s: runs of each statement: %v, want used again %v", test.text, countRuns(s.conns[0], test.text), test.kept)
			}
			stmt, err := db.Prepare(test.text)
			if err != nil {
				t.Fatal(err)
			}
			stmt.Exec(1)
			stmt.Close()
		}
	})
}

// countRuns is how often each statement of a text ran between its prepare and the next.
func countRuns(c *fakeConn, text string) (runs []int) {
	for _, sent := range c.sent() {
		switch sent {
		case "prepare " + text:
			runs = append(runs, 0)
		case "execute " + text:
			runs[len(runs)-1] = min(2, runs[len(runs)-1]+1)
		}
	}
	return runs
}

func TestCostOfStatements(t *testing.T) {
	for _, test := range []struct {
		text     string
		columns  int
		from, to int // what the servers were measured to take, and what would be too much
	}{
		{"SELECT v FROM t WHERE id = ?", 1, 32760, 45000},
		{"SELECT id FROM t WHERE id IN (" + strings.Repeat("?,", 99) + "?)", 1, 73000, 150000},
		{"SELECT id FROM t WHERE id IN (" + strings.Repeat("?,", 3999) + "?)", 1, 2196508, 4 << 20},
		{"SELECT id FROM t WHERE " + strings.Repeat("id = ? OR ", 300) + "0", 1, 626000, 1 << 20},
		{"SELECT a.*, b.*, c.*, d.* FROM w a, w b, w c, w d WHERE a.c2 = ?", 800, 360384, 700000},
		{"UPDATE t SET v = CASE " + strings.Repeat("WHEN id = ? THEN ? ", 200) + " END WHERE id < 0", 0, 425912, 1 << 20},
	} {
		if got := stmtCost(test.text, test.columns); got < test.from || got > test.to {
			t.Errorf("%.40s: got %d, want from %d to %d", test.text, got, test.from, test.to)
		}
	}
}

// What is kept stays within the bytes of a connection, and what is large is not kept.
func TestKeptStatementsAreBoundedInBytes(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, oneConnection)
		list := func(n int) []any {
			args := make([]any, n)
			for i := range args {
				args[i] = i
			}
			return args
		}
		large := "DELETE " + strings.Repeat("?,", 999) + "?"
		for range 4 {
			runWith(t, db, large, list(1000)...)
		}
		if p := onePool(t); p.Stmts != 0 || p.StmtHits != 0 {
			t.Errorf("large: %d statements are kept, %d hits, want none", p.Stmts, p.StmtHits)
		}
		for i := range 256 {
			text := fmt.Sprintf("DELETE %d, %s?", i, strings.Repeat("?,", 199))
			for range 2 {
				runWith(t, db, text, list(200)...)
			}
		}
		cost := stmtCost("DELETE 100, "+strings.Repeat("?,", 199)+"?", 0)
		if p := onePool(t); p.Stmts > int64(connStmtCosts/cost)+1 || p.Stmts < int64(connStmtCosts/cost)-1 {
			t.Errorf("%d statements of %d bytes are kept, want what %d bytes hold", p.Stmts, cost, connStmtCosts)
		}
	})
}
