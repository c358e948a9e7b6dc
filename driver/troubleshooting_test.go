package mysqlpool_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// errorFuncs make an error of a text, or a part of one.
var errorFuncs = []string{"errors.New", "fmt.Errorf", "fmt.Sprintf"}

// verb is one of a format. What it stands for differs, so that the page has … for it.
var verb = regexp.MustCompile(`"?'?%[-+#]*[0-9.]*[a-zA-Z]'?"?`)

// searched is the numbers of server errors that people search for.
var searched = []string{"1040", "1045", "1153", "1193", "1203", "1205", "1213", "1226", "1290", "1461", "1615", "1836", "2006", "2013"}

// Every error of ours is in docs/troubleshooting.md, with a cause and a fix, and so are
// those that the package exports, and the usual ones of the server.
func TestErrorsAreInTroubleshooting(t *testing.T) {
	b, err := os.ReadFile("../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	var messages []string // of rows
	for _, m := range regexp.MustCompile(`(?m)^\| (.*?) \| .*\|$`).FindAllStringSubmatch(string(b), -1) {
		for _, span := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(m[1], -1) {
			messages = append(messages, onlyDots(span[1]))
		}
	}
	texts := map[string]string{} // where each is made
	var exported []string
	for _, dir := range []string{".", "../internal"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && path != dir && (isFile(filepath.Join(path, "go.mod")) || d.Name() == "debug" || d.Name() == "suite") {
				return fs.SkipDir
			}
			if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					if name, ok := n.Fun.(*ast.Ident); ok && name.Name == "panic" {
						return false
					}
					if text, ok := errorText(n); ok {
						texts[text] = fset.Position(n.Pos()).String()
					}
				case *ast.ValueSpec:
					if name := n.Names[0].Name; dir == "." && strings.HasPrefix(name, "Err") {
						exported = append(exported, name)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(texts) < 35 || len(exported) < 2 {
		t.Errorf("found only %d texts and %d exported errors in the code", len(texts), len(exported))
	}
	for text, at := range texts {
		if !slices.Contains(messages, text) {
			t.Errorf("%s: no row has the message `%s`", at, text)
		}
	}
	for _, message := range messages {
		if _, ok := texts[message]; !ok && strings.HasPrefix(message, "mysqlpool: ") {
			t.Errorf("nothing makes the message `%s`", message)
		}
	}
	for _, number := range searched {
		if !regexp.MustCompile(`(?m)^\|[^|]*\b` + number + "\\b[^|]*`").Match(b) {
			t.Errorf("no row has the server's error %s", number)
		}
	}
	for _, name := range exported {
		if !slices.Contains(messages, name) {
			t.Errorf("no row has %s", name)
		}
	}
}

// errorText is the text of an error that a call makes, with … for what differs.
func errorText(call *ast.CallExpr) (text string, ok bool) {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return "", false
	}
	pkg, ok := f.X.(*ast.Ident)
	if !ok || !slices.Contains(errorFuncs, pkg.Name+"."+f.Sel.Name) {
		return "", false
	}
	ast.Inspect(call.Args[0], func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			part, _ := strconv.Unquote(lit.Value)
			text += part
		}
		return true
	})
	text = onlyDots(strings.ReplaceAll(verb.ReplaceAllString(text, "…"), "%%", "%"))
	return text, strings.HasPrefix(text, "mysqlpool: ") || strings.HasPrefix(text, "…: the ") || strings.HasPrefix(text, "… (… ago")
}

// onlyDots makes a text of a page, and one of the code, alike: … with whatever quotes.
func onlyDots(text string) string {
	return strings.NewReplacer("'…'", "…", `"…"`, "…").Replace(text)
}
