package floors

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/mysqlpool/mysqlpool"
	stock  = "github.com/go-sql-driver/mysql"
)

// floors is the packages from the ground up. A package imports those of the floors
// below its own, and none of its own floor or above.
var floors = [][]string{
	{"internal/session", "internal/stmtcache", "internal/failover", "internal/histogram", "internal/mysqlerr", "internal/peer", "internal/stockdriver", "internal/corpus"},
	{"internal/pool", "internal/dsn", "internal/serverinfo"},
	{"internal/budget", "internal/loginpace"},
	{"internal/physical"}, // one session on the server
	{"internal/hosts"},    // which server a session is on
	{"internal/registry"}, // whose session it is
	{"driver"},            // database/sql's edges
	{"driver/debug"},      // what users may import besides
}

// apart is what some packages must not know, besides what is above them.
var apart = map[string][]string{
	"internal/pool":      {stock, module + "/internal/session", module + "/internal/stmtcache", module + "/internal/failover"},
	"internal/session":   {stock},
	"internal/stmtcache": {stock},
	"internal/failover":  {stock},
}

// alone is where a package of the standard library may be imported.
var alone = map[string][]string{
	"unsafe":  {"internal/stockdriver"},
	"reflect": {"internal/stockdriver", "internal/dsn"}, // in dsn for the pool's key
}

// floorOf returns the floor of a package, -1 if it has none.
func floorOf(dir string) int {
	return slices.IndexFunc(floors, func(f []string) bool { return slices.Contains(f, dir) })
}

// problem says what is wrong with an import, "" if nothing.
func problem(dir, file, imported string) string {
	if where, ok := alone[imported]; ok && !slices.Contains(where, dir) {
		return fmt.Sprintf("only %v may", where)
	}
	if imported == "reflect" && dir == "internal/dsn" && !strings.HasPrefix(file, "key") {
		return "in dsn only the pool's key may"
	}
	if slices.Contains(apart[dir], imported) {
		return "it must not know that"
	}
	other, ours := strings.CutPrefix(imported, module+"/")
	if !ours {
		return ""
	}
	switch from, to := floorOf(dir), floorOf(other); {
	case from < 0:
		return "it has no floor: give it one"
	case to < 0:
		return "what it imports has no floor"
	case to >= from:
		return "imports go down only"
	}
	return ""
}

func TestImportsGoDown(t *testing.T) {
	const root = "../.."
	seen := map[string]bool{}
	for _, top := range []string{"driver", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && isModule(name) || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return nil
			}
			rel, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			dir, file := path.Split(filepath.ToSlash(rel))
			dir = path.Clean(dir)
			seen[dir] = true
			parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, spec := range parsed.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					return err
				}
				if why := problem(dir, file, imported); why != "" {
					t.Errorf("%s imports %s: %s", rel, imported, why)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range slices.Concat(floors...) {
		if !seen[dir] {
			t.Errorf("there is no package %s", dir)
		}
	}
}

// isModule reports whether a folder is a module of its own.
func isModule(dir string) bool {
	found, _ := filepath.Glob(filepath.Join(dir, "go.mod"))
	return found != nil
}

func TestForbiddenImports(t *testing.T) {
	for _, test := range []struct{ dir, file, imported string }{
		{"internal/physical", "conn.go", module + "/driver"},
		{"internal/physical", "conn.go", module + "/internal/hosts"},
		{"internal/hosts", "probe.go", module + "/internal/registry"},
		{"internal/budget", "budget.go", module + "/internal/physical"},
		{"internal/budget", "budget.go", module + "/internal/loginpace"},
		{"internal/pool", "pool.go", stock},
		{"internal/pool", "pool.go", module + "/internal/failover"},
		{"internal/session", "scan.go", module + "/internal/stmtcache"},
		{"internal/stmtcache", "cache.go", stock},
		{"internal/failover", "tracker.go", stock},
		{"internal/physical", "conn.go", "unsafe"},
		{"internal/dsn", "key.go", "unsafe"},
		{"internal/dsn", "options.go", "reflect"},
		{"driver", "conn.go", "reflect"},
		{"internal/another", "another.go", module + "/internal/pool"},
		{"internal/physical", "conn.go", module + "/internal/another"},
	} {
		if problem(test.dir, test.file, test.imported) == "" {
			t.Errorf("%s/%s may import %s, want that it may not", test.dir, test.file, test.imported)
		}
	}
	for _, test := range []struct{ dir, file, imported string }{
		{"driver", "conn.go", module + "/internal/registry"},
		{"internal/physical", "conn.go", module + "/internal/session"},
		{"internal/physical", "conn.go", stock},
		{"internal/dsn", "keytls.go", "reflect"},
		{"internal/stockdriver", "conn.go", "unsafe"},
		{"internal/pool", "pool.go", "sync"},
	} {
		if why := problem(test.dir, test.file, test.imported); why != "" {
			t.Errorf("%s/%s may not import %s: %s", test.dir, test.file, test.imported, why)
		}
	}
}
