package mysqlpool_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every event that the code logs is in the table of docs/observability.md, with
// its level and its keys, and no other one.
func TestLogEventsAreDocumented(t *testing.T) {
	said := map[string]bool{}
	for _, dir := range []string{".", "../internal"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && path != dir && isFile(filepath.Join(path, "go.mod")) {
				return fs.SkipDir
			}
			if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			for _, decl := range file.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok {
					addEvents(said, f)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile("../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(b), "\n| event | level | keys |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	documented := map[string]bool{}
	quoted := regexp.MustCompile("`([^`]*)`")
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		if len(cells) != 5 {
			t.Fatalf("row %q", row)
		}
		var keys []string
		for _, key := range quoted.FindAllStringSubmatch(cells[3], -1) {
			keys = append(keys, key[1])
		}
		documented[eventRow(quoted.FindStringSubmatch(cells[1])[1], strings.Split(strings.TrimSpace(cells[2]), ", "), keys)] = true
	}
	if len(said) < 10 {
		t.Errorf("found only %d events in the code", len(said))
	}
	for _, e := range slices.Sorted(maps.Keys(said)) {
		if !documented[e] {
			t.Errorf("not in docs/observability.md: %s", e)
		}
	}
	for _, e := range slices.Sorted(maps.Keys(documented)) {
		if !said[e] {
			t.Errorf("nothing logs this: %s", e)
		}
	}
}

func isFile(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func eventRow(message string, levels, keys []string) string {
	slices.Sort(levels)
	return fmt.Sprintf("%s | %s | %s", message, strings.Join(slices.Compact(levels), ", "), strings.Join(keys, " "))
}

// addEvents adds what a function logs. If the message is a variable, so is the
// level, and they are set together.
func addEvents(all map[string]bool, f *ast.FuncDecl) {
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if s, ok := call.Fun.(*ast.SelectorExpr); !ok || s.Sel.Name != "LogAttrs" || len(call.Args) < 4 {
			return true
		}
		levels, messages := logValues(f, call.Args[1]), logValues(f, call.Args[2])
		var keys []string
		for _, attr := range call.Args[3:] {
			keys = append(keys, logTexts(attr)[0])
		}
		if len(messages) == 1 {
			all[eventRow(messages[0], levels, keys)] = true
			return true
		}
		for i, message := range messages {
			all[eventRow(message, levels[i:i+1], keys)] = true
		}
		return true
	})
}

// logValues returns the levels or the messages that an argument of LogAttrs may be:
// of a variable all that is assigned to it.
func logValues(f *ast.FuncDecl, arg ast.Expr) (all []string) {
	name, ok := arg.(*ast.Ident)
	if !ok {
		return logTexts(arg)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if set, ok := n.(*ast.AssignStmt); ok {
			for i, to := range set.Lhs {
				if id, ok := to.(*ast.Ident); ok && id.Name == name.Name {
					all = append(all, logTexts(set.Rhs[i])...)
				}
			}
		}
		return true
	})
	return all
}

// logTexts returns the levels in an expression, and its string literals: of a message
// what is before the first colon or semicolon.
func logTexts(e ast.Expr) (all []string) {
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if level, ok := strings.CutPrefix(n.Sel.Name, "Level"); ok {
				all = append(all, strings.ToLower(level))
			}
			if n.Sel.Name == "IDAttr" {
				all = append(all, "id")
			}
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				text, _ := strconv.Unquote(n.Value)
				text = strings.TrimPrefix(text, "mysqlpool: ")
				if i := strings.IndexAny(text, ":;"); i >= 0 {
					text = text[:i]
				}
				all = append(all, strings.TrimSpace(text))
			}
		}
		return true
	})
	return all
}
