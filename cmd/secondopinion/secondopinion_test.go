package secondopinion

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dolthub/vitess/go/vt/sqlparser"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// leaving is statements that leave state, as the parser calls them.
var leaving = []string{
	"*sqlparser.Use", "*sqlparser.Begin", "*sqlparser.LockTables", "*sqlparser.Prepare", "*sqlparser.Execute",
	"*sqlparser.Call",
}

// functions is those that leave state.
var functions = []string{"get_lock", "release_lock", "release_all_locks"}

// state returns what the parser sees of session state in a text, or "". It
// reports false if it cannot read the text.
func state(text string) (what string, ok bool) {
	defer func() {
		if recover() != nil { // it has its bugs
			what, ok = "", false
		}
	}()
	tree, err := sqlparser.Parse(text)
	if err != nil {
		return "", false
	}
	switch s := tree.(type) {
	case *sqlparser.Set:
		for _, e := range s.Exprs {
			switch e.Scope {
			case sqlparser.SetScope_Global, sqlparser.SetScope_Persist, sqlparser.SetScope_PersistOnly:
			default:
				return "SET " + e.Name.String(), true
			}
		}
	case *sqlparser.DDL:
		if s.Temporary && s.Action == sqlparser.CreateStr {
			return "temporary table", true
		}
		if s.Action == sqlparser.CreateStr && (s.ProcedureSpec != nil || s.TriggerSpec != nil || s.EventSpec != nil) {
			return "", true // the body does not run now
		}
	}
	if kind := fmt.Sprintf("%T", tree); slices.Contains(leaving, kind) {
		return kind, true
	}
	sqlparser.Walk(func(node sqlparser.SQLNode) (bool, error) {
		switch n := node.(type) {
		case *sqlparser.FuncExpr:
			if slices.Contains(functions, n.Name.Lowered()) {
				what = n.Name.String()
			}
		case *sqlparser.ColName:
			if name := n.Name.String(); strings.HasPrefix(name, "@") && !strings.HasPrefix(name, "@@") {
				what = name
			}
		case *sqlparser.Select:
			if n.QueryOpts.SQLCalcFoundRows {
				what = "SQL_CALC_FOUND_ROWS"
			}
			// A name without @ is a routine's own, and an error elsewhere.
			if n.Into != nil && len(n.Into.Variables) > 0 && strings.Contains(sqlparser.String(n.Into), "@") {
				what = "INTO"
			}
		}
		return what == "", nil
	}, tree)
	return what, true
}

func check(t *testing.T, text string) (read, leaves bool) {
	what, ok := state(text)
	if what == "" {
		return ok, false
	}
	for _, multi := range []bool{false, true} {
		if session.Scan(text, multi).Leaves == 0 {
			t.Errorf("%q: the parser sees %s, the scanner nothing (multi %v)", text, what, multi)
		}
	}
	return true, true
}

// seeds is what the fuzzing starts from.
var seeds = []string{
	"SET @a = 1", "SET time_zone = 'x'", "SET GLOBAL x = 1", "SET NAMES utf8", "set session transaction isolation level serializable",
	"USE d", "BEGIN", "START TRANSACTION READ ONLY", "LOCK TABLES t READ", "PREPARE s FROM 'x'", "EXECUTE s USING @a", "CALL p(1)",
	"CREATE TEMPORARY TABLE t (a int)", "CREATE TABLE t AS SELECT get_lock('a', 1)", "SELECT GET_LOCK('a', 1) FROM t WHERE b = 'c'",
	"SELECT `get_lock`('a', 1)", "SELECT 'a' /* c */, \"b\", `c`, @d", "SELECT @@x, @y", "SELECT 1 INTO @a", "SELECT a INTO @a, @b FROM t",
	"SELECT SQL_CALC_FOUND_ROWS * FROM t", "INSERT INTO t SELECT RELEASE_LOCK('it''s')", "UPDATE t SET a = @b WHERE c = 'd\\'e'",
	"DELETE FROM t WHERE a IN (SELECT get_lock(b, 1) FROM u)", "WITH c AS (SELECT get_lock('a', 1)) SELECT * FROM c",
	"SELECT 1 -- x\n, get_lock('a', 1)", "SELECT 1 # x\n, get_lock('a', 1)", "SELECT /*!40000 get_lock('a', 1) */",
	"EXPLAIN SELECT get_lock('a', 1)", "(SELECT get_lock('a', 1))", "SELECT 'x' 'y', N'z', _utf8'a', X'00'", "DO RELEASE_ALL_LOCKS()",
	"CREATE PROCEDURE p() BEGIN SET @a = 1; END", "SHOW TABLES", "SELECT 1; SET @a = 1", "SET @a := (SELECT get_lock('b', 1))",
}

func TestSeeds(t *testing.T) {
	read, leaves := 0, 0
	for _, text := range seeds {
		r, l := check(t, text)
		if r {
			read++
		}
		if l {
			leaves++
		}
	}
	if read < len(seeds)*3/4 || leaves < len(seeds)/2 {
		t.Errorf("of %d texts the parser reads %d and finds state in %d: too few to show anything", len(seeds), read, leaves)
	}
}

// What common programs send is read by both.
func TestCommonPrograms(t *testing.T) {
	files, err := filepath.Glob("../../internal/session/testdata/clean/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), ";\n") {
			check(t, line)
		}
	}
}

func FuzzSecondOpinion(f *testing.F) {
	for _, text := range seeds {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { check(t, text) })
}
