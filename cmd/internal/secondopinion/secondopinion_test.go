package secondopinion

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/dolthub/vitess/go/vt/sqlparser"
	"github.com/mysqlpool/mysqlpool/internal/corpus"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

const (
	sessionDir = "../../../internal/session"
	testdata   = "../../../testdata/"
)

// seeds returns the statements of the corpora, and those in the session package's tests.
func seeds(t testing.TB) []string {
	var texts []string
	files, _ := filepath.Glob(filepath.Join(sessionDir, "*_test.go"))
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil {
					texts = append(texts, text)
				}
			}
			return true
		})
	}
	statements, err := corpus.Statements(testdata + "classifier/statements.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		texts = append(texts, s.Text)
	}
	sequences, err := corpus.Sequences(testdata + "classifier/sequences.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sequences {
		texts = append(texts, s.Statements...)
	}
	files, _ = filepath.Glob(testdata + "clean/*.sql")
	for _, file := range files {
		clean, err := corpus.Texts(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, clean...)
	}
	if len(texts) < 200 {
		t.Fatalf("found %d statements in %s, want more", len(texts), sessionDir)
	}
	return texts
}

// opinion is what the parser makes of a text.
type opinion struct {
	statements []sqlparser.Statement
	leaves     session.Kinds
	subquery   bool
}

// ask parses the text, which may be several statements. It reports false for a
// text that the parser does not take.
func ask(text string, ansiQuotes bool) (op opinion, ok bool) {
	// Some texts are too much for the parser.
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	options := sqlparser.ParserOptions{AnsiQuotes: ansiQuotes}
	for text != "" {
		st, next, err := sqlparser.ParseOneWithOptions(context.Background(), text, options)
		if err == sqlparser.ErrEmpty && len(op.statements) > 0 && strings.Trim(text, "; \t\r\n") == "" {
			break
		}
		if err != nil {
			return op, false
		}
		op.add(st)
		if next <= 0 || next >= len(text) {
			break
		}
		text = text[next:]
	}
	return op, len(op.statements) > 0
}

func (op *opinion) add(st sqlparser.Statement) {
	op.statements = append(op.statements, st)
	switch st := st.(type) {
	case *sqlparser.Set:
		op.set(st)
	case *sqlparser.Use:
		op.leaves |= session.Schema
	case *sqlparser.DBDDL:
		if strings.EqualFold(st.Action, sqlparser.DropStr) {
			op.leaves |= session.Schema
		}
	case *sqlparser.Begin:
		op.leaves |= session.Transaction
	case *sqlparser.LockTables:
		op.leaves |= session.TableLocks
	case *sqlparser.Flush:
		if st.Option != nil && st.Option.ReadLock {
			op.leaves |= session.TableLocks
		}
	case *sqlparser.DDL:
		if st.Temporary && strings.EqualFold(st.Action, sqlparser.CreateStr) {
			op.leaves |= session.TempTables
		}
	case *sqlparser.Prepare:
		op.leaves |= session.Prepared
	case *sqlparser.Execute, *sqlparser.Call, *sqlparser.BeginEndBlock, *sqlparser.IfStatement, *sqlparser.CaseStatement,
		*sqlparser.Loop, *sqlparser.While, *sqlparser.Repeat, *sqlparser.Declare,
		*sqlparser.ChangeReplicationSource, *sqlparser.ChangeReplicationFilter,
		*sqlparser.StartReplica, *sqlparser.StopReplica, *sqlparser.ResetReplica:
		op.leaves |= session.Other
	}
	_ = sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) {
		switch n := n.(type) {
		case *sqlparser.FuncExpr:
			if n.Qualifier.IsEmpty() {
				switch n.Name.Lowered() {
				case "get_lock":
					op.leaves |= session.Locks
				}
			}
		case *sqlparser.Select:
			if n.QueryOpts.SQLCalcFoundRows {
				op.leaves |= session.FoundRows
			}
		case *sqlparser.Into:
			if n != nil {
				for _, v := range n.Variables {
					op.variable(v.String())
				}
			}
		case *sqlparser.ColName:
			op.variable(n.Name.String())
		case *sqlparser.Subquery:
			op.subquery = true
		}
		return true, nil
	}, st)
}

// variable notes a name that may be a user variable's.
func (op *opinion) variable(name string) {
	if strings.HasPrefix(name, "@") && !strings.HasPrefix(name, "@@") {
		op.leaves |= session.UserVariables
	}
}

func (op *opinion) set(st *sqlparser.Set) {
	for _, e := range st.Exprs {
		name := strings.ReplaceAll(sqlparser.String(e.Name), "`", "")
		switch {
		case e.Scope == sqlparser.SetScope_User || strings.HasPrefix(name, "@") && !strings.HasPrefix(name, "@@"):
			op.leaves |= session.UserVariables
		case e.Scope == sqlparser.SetScope_None && name == sqlparser.TransactionStr:
			op.leaves |= session.NextTransaction
		case e.Scope == sqlparser.SetScope_None, e.Scope == sqlparser.SetScope_Session:
			if !strings.HasPrefix(strings.ToLower(name), "@@global.") && !strings.HasPrefix(strings.ToLower(name), "@@persist") {
				op.leaves |= session.Variables
			}
		}
	}
}

// check compares the two.
func check(t *testing.T, text string) (parsed bool) {
	for _, ansiQuotes := range []bool{false, true} {
		op, ok := ask(text, ansiQuotes)
		if !ok {
			continue
		}
		parsed = true
		if strings.Contains(text, "`@") || strings.Contains(text, "\"@") {
			op.leaves &^= session.UserVariables // to the parser the column `@a` is the variable @a
		}
		for _, multi := range []bool{false, true} {
			if len(op.statements) > 1 && !multi {
				continue // the server takes none of it
			}
			st := session.Scan(text, multi)
			for k := session.Kinds(1); k != 0; k <<= 1 {
				if op.leaves&k != 0 && st.Leaves&(k|session.Other) == 0 {
					t.Errorf("%q, multi %v: got %v, want %v", text, multi, st.Leaves, k)
				}
			}
			checkEnds(t, text, st, op)
			if !st.OpensTx() && (op.subquery || !opensNothing(op.statements)) {
				t.Errorf("%q, multi %v: opens no transaction, want that it may", text, multi)
			}
		}
	}
	return parsed
}

func checkEnds(t *testing.T, text string, st session.Statement, op opinion) {
	var may session.Kinds
	switch op.statements[0].(type) {
	case *sqlparser.Commit, *sqlparser.Rollback:
		may = session.Transaction | session.NextTransaction
	case *sqlparser.UnlockTables:
		may = session.TableLocks
	case *sqlparser.DDL:
		may = session.TempTables
	default:
		may = session.FoundRows | session.Locks
	}
	if len(op.statements) > 1 {
		may = 0
	}
	if st.Ends&^may != 0 {
		t.Errorf("%q: ends %v, want at most %v of %T", text, st.Ends, may, op.statements[0])
	}
}

// opensNothing reports whether none of the statements can open a transaction
// that is not in their text.
func opensNothing(statements []sqlparser.Statement) bool {
	for _, st := range statements {
		switch st.(type) {
		case *sqlparser.Set, *sqlparser.Use, *sqlparser.Commit, *sqlparser.Rollback, *sqlparser.Begin, *sqlparser.UnlockTables,
			*sqlparser.RollbackSavepoint, *sqlparser.Prepare, *sqlparser.Deallocate, *sqlparser.Signal:
		default:
			return false
		}
	}
	return true
}

func TestSecondOpinion(t *testing.T) {
	parsed := 0
	for _, text := range seeds(t) {
		if check(t, text) {
			parsed++
		}
	}
	if parsed < 100 {
		t.Errorf("the parser took %d statements, want more", parsed)
	}
	t.Logf("the parser took %d statements", parsed)
}

func FuzzSecondOpinion(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { check(t, text) })
}
