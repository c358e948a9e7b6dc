package examples

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// page shows these examples, and says when to use which.
const page = "../../../docs/testing.md"

// apart is the files that are not shown.
var apart = []string{"page_test.go", "server_test.go"}

// The page shows what is in the files, and all declarations of the examples.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("%s: got no block of Go", page)
	}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, name := range names {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, string(source))
		if slices.Contains(apart, name) {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			code := string(source[fset.Position(f.Pos()).Offset:fset.Position(f.End()).Offset])
			if strings.HasSuffix(name, "_test.go") && !slices.ContainsFunc(blocks, func(b string) bool { return strings.Contains(b, code) }) {
				t.Errorf("%s: %s is not on %s as it is there", name, f.Name.Name, page)
			}
		}
	}
	for _, block := range blocks {
		if !slices.ContainsFunc(files, func(f string) bool { return strings.Contains(f, block) }) {
			first, _, _ := strings.Cut(block, "\n")
			t.Errorf("%s: the block that begins with %q is in none of %q as it is there", page, first, names)
		}
	}
}
