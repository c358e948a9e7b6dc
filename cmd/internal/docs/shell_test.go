package docs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
)

// Targets of make that a page names exist. CI runs the important ones by itself.
func TestMakeTargetsExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for line := range strings.Lines(string(makefile)) {
		if name, _, ok := strings.Cut(line, ":"); ok && name != "" && !strings.ContainsAny(name, " \t#$=.") {
			targets[name] = true
		}
	}
	for _, p := range readPages(t, "*.md", "docs/*.md") {
		named := map[string]int{} // the line
		for i, line := range p.prose() {
			for rest := line; ; {
				_, after, ok := strings.Cut(rest, "`make ")
				if !ok {
					break
				}
				command, _, _ := strings.Cut(after, "`")
				for _, target := range targetsOf(command) {
					named[target] = i + 1
				}
				rest = after
			}
		}
		for _, b := range p.blocks {
			for i, line := range strings.Split(b.text, "\n") {
				if command, ok := strings.CutPrefix(line, "make "); ok {
					for _, target := range targetsOf(command) {
						named[target] = b.line + i + 1
					}
				}
			}
		}
		for _, target := range sortedKeys(named) {
			if !targets[target] {
				t.Errorf("%s:%d: make has no target %s", p.name, named[target], target)
			}
		}
	}
}

// targetsOf returns the targets in what stands after "make".
func targetsOf(command string) (all []string) {
	command, _, _ = strings.Cut(command, "#")
	for _, word := range strings.Fields(command) {
		if strings.Contains(word, "=") { // a variable, and what follows is its value
			break
		}
		all = append(all, word)
	}
	return all
}

// address is the server's in what is printed, and dsn the account's, which may do all.
const (
	address = "127.0.0.1:3306"
	login   = "app:secret@tcp(" + address + ")/app"
)

// Shell blocks run as they are printed, and programs print what the block after them
// says. Each page has a server to itself, since some count its logins or set its global
// variables.
func TestCommandsRun(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs and starts a server")
	}
	command := filepath.Join(t.TempDir(), "mysqlpool")
	if out, err := goCommand(filepath.Join(absolute(t, root), "cmd"), "build", "-o", command, "./mysqlpool").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	pages := 0
	for _, p := range readPages(t, "*.md", "docs/*.md") {
		if script := p.script(); script != nil {
			pages++
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				script.needs(t)
				script.run(t, startServer(t), command)
			})
		}
	}
	if pages < 5 {
		t.Errorf("only %d pages have something to run", pages)
	}
}

// script is what a reader of a page types, from its top to its bottom.
type script struct {
	page   *page
	blocks []step
}

type step struct {
	block
	shell  string // what is run
	output string // lines that it prints
}

// script is nil if nothing on the page runs.
func (p *page) script() *script {
	s := &script{page: p}
	for _, b := range p.blocks {
		_, isOutput := b.marks["output"]
		switch name := b.marks["file"]; {
		case isOutput:
			if n := len(s.blocks); n > 0 {
				s.blocks[n-1].output = b.text
			}
		case b.skip() != "":
		case name != "":
			s.blocks = append(s.blocks, step{block: b, shell: "cat > " + name + " <<'END OF FILE'\n" + b.text + "END OF FILE\n"})
		case b.language == "sh":
			if shell := withoutMake(b.text); shell != "" {
				s.blocks = append(s.blocks, step{block: b, shell: shell})
			}
		case b.language == "go" && strings.HasPrefix(b.text, "package main"):
			shell := "mkdir -p program && cat > program/main.go <<'END OF FILE'\n" + b.text + "END OF FILE\ngo run ./program\n"
			s.blocks = append(s.blocks, step{block: b, shell: shell})
		}
	}
	if !slices.ContainsFunc(s.blocks, func(b step) bool { return b.marks["file"] == "" }) {
		return nil
	}
	return s
}

// needs skips the test where a program is missing that the page calls.
func (s *script) needs(t *testing.T) {
	t.Helper()
	for _, program := range []string{"bash", "mariadb", "/usr/sbin/mariadbd"} {
		calls := func(b step) bool { return strings.Contains(b.shell, program+" ") }
		if _, err := exec.LookPath(program); err == nil || program != "bash" && !slices.ContainsFunc(s.blocks, calls) {
			continue
		}
		if os.Getenv("MYSQL_POOL_REQUIRE_REAL") != "" {
			t.Fatalf("%s calls %s, which is not there", s.page.name, program)
		}
		t.Skipf("%s calls %s, which is not there", s.page.name, program)
	}
}

// withoutMake is the text without lines of make, comments and blank lines.
func withoutMake(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if word, _, _ := strings.Cut(strings.TrimSpace(line), " "); word != "make" && word != "" && word != "#" {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// run runs the blocks in one shell, and says of which the output is not as printed.
func (s *script) run(t *testing.T, server *mysql.Config, command string) {
	dir := filepath.Join(t.TempDir(), "app")
	checkout := absolute(t, root)
	writeModule(t, dir)
	writeFile(t, filepath.Join(dir, "base.go"), "package main\n")
	for _, link := range []string{dir, filepath.Dir(dir)} { // a page may be read beside the clone, or above it
		if err := os.Symlink(checkout, filepath.Join(link, "mysqlpool")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "base.go")); err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(server.Addr, ":")
	const mark = "@@ block "
	var text strings.Builder
	for i, b := range s.blocks {
		shell := strings.NewReplacer(address, server.Addr, "./bin/mysqlpool", command).Replace(b.shell)
		fmt.Fprintf(&text, "echo; echo '%s%d'; echo '%s%d' >&2\n", mark, i, mark, i)
		if status := b.marks["status"]; status != "" {
			fmt.Fprintf(&text, "{\n%s} || [ $? -eq %s ]\n", shell, status)
		} else {
			text.WriteString(shell)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-eu", "-o", "pipefail", "-c", text.String())
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "MYSQL_HOST="+host, "MYSQL_TCP_PORT="+port, "NO_COLOR=1")
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	parts := strings.Split(string(out), mark)
	if err != nil {
		last := parts[len(parts)-1]
		number, said, _ := strings.Cut(last, "\n")
		i, _ := strconv.Atoi(number)
		t.Fatalf("%s:%d: %v\n%s", s.page.name, s.blocks[i].line, err, said)
	}
	printed := make([]string, len(s.blocks))
	for _, part := range parts[1:] {
		number, said, _ := strings.Cut(part, "\n")
		i, err := strconv.Atoi(number)
		if err != nil {
			t.Fatalf("%s: %q: %v", s.page.name, part, err)
		}
		printed[i] += said
	}
	for i, b := range s.blocks {
		for line := range strings.Lines(b.output) {
			if line = strings.TrimSpace(line); !strings.Contains(printed[i], line) {
				t.Errorf("%s:%d: want a line with %q, got\n%s", s.page.name, b.line, line, printed[i])
			}
		}
	}
}

// startServer returns the config of an account on a server of the test's own.
func startServer(t *testing.T) *mysql.Config {
	t.Helper()
	s, err := servers.Find(t.Context(), servers.Options{Kinds: []servers.Kind{servers.Local, servers.Docker}, RealOnly: true, Logf: t.Logf})
	if err != nil {
		if os.Getenv("MYSQL_POOL_REQUIRE_REAL") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(s.Stop)
	for _, text := range []string{
		"CREATE USER app@'%' IDENTIFIED BY 'secret'", "GRANT ALL ON *.* TO app@'%'", "CREATE DATABASE app",
	} {
		if _, err := s.Monitor().ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := mysql.ParseDSN(s.DSN)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
