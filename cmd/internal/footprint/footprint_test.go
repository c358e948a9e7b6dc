package footprint

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	stock   = "github.com/go-sql-driver/mysql"
	sqlmock = "github.com/DATA-DOG/go-sqlmock"
	module  = "github.com/mysqlpool/mysqlpool"
)

// program is a module with a program that imports one package.
type program struct{ dir string }

// newProgram makes the module with the commands that the README gives.
func newProgram(t *testing.T, importPath string, edits ...string) program {
	t.Helper()
	p := program{t.TempDir()}
	if err := os.WriteFile(filepath.Join(p.dir, "main.go"), []byte("package main\n\nimport _ \""+importPath+"\"\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(t, "mod", "init", "example.com/program")
	p.run(t, append([]string{"mod", "edit"}, edits...)...)
	p.run(t, "mod", "tidy")
	return p
}

// run runs the go command and returns the lines that it prints.
func (p program) run(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// more returns what is in a and not in b.
func more(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

func want(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q more than with the stock driver, want %q", what, got, want)
	}
}

func TestImportingTheDriver(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command in modules of its own")
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	version := program{root}.run(t, "list", "-m", "-f", "{{.Version}}", stock)[0]
	with := newProgram(t, module+"/driver", "-require="+module+"@v0.0.0", "-replace="+module+"="+root)
	without := newProgram(t, stock, "-require="+stock+"@"+version)

	// What a program compiles: our module, and the stock driver's.
	compiled := func(p program) []string {
		all := p.run(t, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", ".")
		slices.Sort(all)
		return slices.Compact(slices.DeleteFunc(all, func(s string) bool { return s == "" }))
	}
	want(t, "modules compiled", more(compiled(with), compiled(without)), module)

	// Package debug has what needs these.
	for _, path := range with.run(t, "list", "-deps", ".") {
		if slices.Contains([]string{"net/http", "html/template", "expvar"}, path) {
			t.Errorf("the driver brings %s into every program", path)
		}
	}

	// What is in its graph of modules, compiled or not.
	graph := func(p program) []string {
		var all []string
		for _, line := range p.run(t, "mod", "graph") {
			path, _, _ := strings.Cut(strings.Fields(line)[1], "@")
			all = append(all, path)
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	// sqlmock is for the driver's own tests: it is in the graph, and not compiled.
	want(t, "module graph", more(graph(with), graph(without)), module, sqlmock)

	t.Logf("module graph: %q", graph(with))
}
