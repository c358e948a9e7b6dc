// Command plant checks that the differential test finds bugs: it plants them one
// at a time in a copy of the module, and the test must fail.
//
//	withserver --server=real -- go run ./plant
//
// It must be run in cmd, or be told where the root is.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	root := flag.String("root", "..", "the root of the module")
	lasts := flag.Duration("for", 30*time.Second, "how long the test may look for each bug")
	only := flag.String("run", "", "only the bugs whose name contains this")
	test := flag.String("test", "^TestSuiteDiff$", "the test")
	race := flag.Bool("race", false, "with the race detector")
	flag.Parse()
	if os.Getenv("MYSQL_POOL_TEST_DSN") == "" {
		fmt.Fprintln(os.Stderr, "plant: needs a server: set MYSQL_POOL_TEST_DSN, or run it under withserver")
		os.Exit(2)
	}
	t := tester{root: *root, test: *test, lasts: *lasts, race: *race}
	ok := true
	// Without a bug it must pass, or that it fails means nothing.
	for _, p := range append([]plant{{name: noBug}}, plants...) {
		if p.name != noBug && !strings.Contains(p.name, *only) {
			continue
		}
		start := time.Now()
		why, err := t.try(p)
		if err != nil {
			fmt.Fprintf(os.Stderr, "plant: %s: %v\n", p.name, err)
			os.Exit(2)
		}
		found := why != ""
		verdict := "found"
		switch {
		case found == (p.name == noBug):
			ok = false
			verdict = "NOT FOUND"
			if found {
				verdict = "FAILS"
			}
		case !found:
			verdict = "passes"
		}
		fmt.Printf("%-9s %6.1fs  %s\n           %s\n", verdict, time.Since(start).Seconds(), p.name, why)
	}
	if !ok {
		os.Exit(1)
	}
}

const noBug = "no bug"

// tester runs the test on copies of a module.
type tester struct {
	root, test string
	lasts      time.Duration
	race       bool
}

// try plants a bug and runs the test. It returns how the test failed, or "".
func (t tester) try(p plant) (why string, err error) {
	dir, err := os.MkdirTemp("", "plant-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"driver", "internal"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(t.root, name))); err != nil {
			return "", err
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(t.root, name))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			return "", err
		}
	}
	if err := p.apply(dir); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "plant.test")
	args := []string{"test", "-c", "-o", binary}
	if t.race {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "./driver")...)
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the copy does not build: %w\n%s", err, out)
	}
	// Shrinking and the helpers' own patience come on top.
	run := exec.Command(binary, "-test.run", t.test, "-test.v", "-test.timeout", (t.lasts + 3*time.Minute).String())
	run.Dir = filepath.Join(dir, "driver")
	run.Env = append(os.Environ(), "MYSQL_POOL_TEST_DIFF="+t.lasts.String())
	out, err := run.Output()
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		return reason(out), nil
	case err != nil:
		return "", err
	case !strings.Contains(string(out), "--- PASS"):
		return "", fmt.Errorf("the test did not run:\n%s", out)
	}
	return "", nil
}

// apply plants the bug.
func (p plant) apply(dir string) error {
	if p.file == "" {
		return nil
	}
	path := filepath.Join(dir, filepath.FromSlash(p.file))
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if n := strings.Count(string(text), p.old); n != 1 {
		return fmt.Errorf("%s has %q %d times, want it once", p.file, p.old, n)
	}
	return os.WriteFile(path, []byte(strings.Replace(string(text), p.old, p.new, 1)), 0o666)
}

var seedLine = regexp.MustCompile(`seed \d+ \(.*`)

// reason finds the line that says how the test failed.
func reason(out []byte) string {
	if line := seedLine.Find(out); line != nil {
		return string(line)
	}
	return "it failed without naming a program"
}
