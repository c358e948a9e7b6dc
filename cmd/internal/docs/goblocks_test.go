package docs

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// packages is what a fragment may name without an import.
var packages = map[string]string{
	"context":         "context",
	"errors":          "errors",
	"expvar":          "expvar",
	"fmt":             "fmt",
	"http":            "net/http",
	"log":             "log",
	"signal":          "os/signal",
	"slog":            "log/slog",
	"sql":             "database/sql",
	"syscall":         "syscall",
	"time":            "time",
	"tls":             "crypto/tls",
	"x509":            "crypto/x509",
	"os":              "os",
	"debug":           module + "/driver/debug",
	"gorm":            "gorm.io/gorm",
	"mysql":           "github.com/go-sql-driver/mysql",
	"mysqlpool":       module + "/driver",
	"prometheus":      "github.com/prometheus/client_golang/prometheus",
	"sdkmetric":       "go.opentelemetry.io/otel/sdk/metric",
	"mysqlprometheus": module + "/driver/prometheus",
	"mysqlotel":       module + "/driver/otel",
}

const module = "github.com/mysqlpool/mysqlpool"

// prelude is what a fragment may use of the program around it.
const prelude = `
var (
	ctx = context.Background()
	dsn string
	db  *sql.DB
	mux *http.ServeMux
	server *http.Server
	registry *prometheus.Registry
	exporter sdkmetric.Exporter
)

func token() string { return "" }
`

// The Go blocks of all pages compile: a program as it is printed, a fragment in a
// function, with the imports and variables that its page takes as given. All are
// packages of one module, which go vet looks at once.
func TestGoBlocksCompile(t *testing.T) {
	dir := t.TempDir()
	places := map[string]string{} // where a package is from
	count := 0
	for _, p := range readPages(t, "*.md", "docs/*.md") {
		for _, b := range p.blocks {
			if b.language != "go" || b.skip() != "" {
				continue
			}
			count++
			place := fmt.Sprintf("%s:%d", p.name, b.line)
			source, err := goFile(b.text)
			if err != nil {
				t.Errorf("%s: %v", place, err)
				continue
			}
			name := fmt.Sprintf("block%03d", count)
			places[name] = place
			writeFile(t, filepath.Join(dir, name, "main.go"), source)
		}
	}
	if count < 10 {
		t.Errorf("found only %d blocks of Go", count)
	}
	writeModule(t, dir)
	out, err := goCommand(dir, "vet", "-mod=mod", "./...").CombinedOutput()
	if err == nil {
		return
	}
	for line := range strings.Lines(string(out)) {
		for name, place := range places {
			line = strings.ReplaceAll(line, name+"/main.go", "the block at "+place)
		}
		t.Error(strings.TrimSpace(line))
	}
}

// goFile returns the file that a block is, or that is made around a fragment.
func goFile(text string) (string, error) {
	if strings.HasPrefix(text, "package ") {
		if out, err := format.Source([]byte(text)); err != nil || string(out) != text {
			return "", cmp.Or(err, fmt.Errorf("the program is not formatted as gofmt does it"))
		}
		return text, nil
	}
	imports := map[string]string{}
	body := text
	for strings.HasPrefix(body, "import ") {
		line, rest, _ := strings.Cut(body, "\n")
		body = strings.TrimLeft(rest, "\n")
		fields := strings.Fields(line)
		imported := strings.Trim(fields[len(fields)-1], `"`)
		name := path.Base(imported)
		if len(fields) == 3 {
			name = fields[1]
		}
		imports[name] = imported
	}
	around := func(more string) string { return "func _() {\n" + body + more + "}\n" }
	if strings.HasPrefix(body, "func ") || strings.HasPrefix(body, "type ") {
		around = func(string) string { return body }
	}
	source := "package main\n" + around("") + prelude
	file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	var unused strings.Builder // a fragment may set what the rest of the program uses
	f, isFunction := file.Decls[0].(*ast.FuncDecl)
	if isFunction && f.Name.Name == "_" {
		for _, s := range f.Body.List {
			set, ok := s.(*ast.AssignStmt)
			if !ok || set.Tok != token.DEFINE {
				continue
			}
			for _, to := range set.Lhs {
				if name := to.(*ast.Ident).Name; name != "_" {
					fmt.Fprintf(&unused, "_ = %s\n", name)
				}
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && packages[x.Name] != "" && imports[x.Name] == "" {
				imports[x.Name] = packages[x.Name]
			}
		}
		return true
	})
	b := bytes.NewBufferString("package main\n")
	for _, name := range sortedKeys(imports) {
		fmt.Fprintf(b, "import %s %q\n", name, imports[name])
	}
	b.WriteString(around(unused.String()) + prelude + "\nfunc main() {}\n")
	return b.String(), nil
}

// writeModule writes a go.mod with this checkout's modules, and each library in the
// version that a module of ours has.
func writeModule(t *testing.T, dir string) {
	t.Helper()
	checkout := absolute(t, root)
	edits := []string{"mod", "edit", "-go=1.25.0"}
	for _, sub := range []string{"", "/driver/prometheus", "/driver/otel"} {
		edits = append(edits, "-require="+module+sub+"@v0.0.0-00010101000000-000000000000", "-replace="+module+sub+"="+checkout+sub)
	}
	var sums bytes.Buffer
	for _, sub := range []string{"", "driver/prometheus", "driver/otel", "cmd/internal/compat"} {
		sum, err := os.ReadFile(filepath.Join(checkout, sub, "go.sum"))
		if err != nil {
			t.Fatal(err)
		}
		sums.Write(sum)
		mod, err := os.ReadFile(filepath.Join(checkout, sub, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(mod)) {
			fields := strings.Fields(line)
			if len(fields) >= 2 && slices.ContainsFunc(libraries, func(l string) bool { return fields[0] == l }) {
				edits = append(edits, "-require="+fields[0]+"@"+fields[1])
			}
		}
	}
	writeFile(t, filepath.Join(dir, "go.mod"), "module example.com/blocks\n")
	writeFile(t, filepath.Join(dir, "go.sum"), sums.String())
	if out, err := goCommand(dir, edits...).CombinedOutput(); err != nil {
		t.Fatalf("go mod edit: %v\n%s", err, out)
	}
}

// libraries is the modules that blocks import besides ours.
var libraries = []string{
	"github.com/go-sql-driver/mysql", "github.com/prometheus/client_golang",
	"go.opentelemetry.io/otel/sdk/metric", "gorm.io/driver/mysql", "gorm.io/gorm",
}

func goCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	return cmd
}
