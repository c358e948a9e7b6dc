package mysqlpool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/physical"
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
		if p := onePool(t); p.Stmts != 1+physical.MaxVariants {
			t.Errorf("%d statements are kept, want %d", p.Stmts, 1+physical.MaxVariants)
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
		cost := physical.StmtCost("DELETE 100, "+strings.Repeat("?,", 199)+"?", 0)
		if p := onePool(t); p.Stmts > int64(physical.ConnStmtCosts/cost)+1 || p.Stmts < int64(physical.ConnStmtCosts/cost)-1 {
			t.Errorf("%d statements of %d bytes are kept, want what %d bytes hold", p.Stmts, cost, physical.ConnStmtCosts)
		}
	})
}
