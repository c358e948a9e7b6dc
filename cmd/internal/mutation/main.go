// Command mutation does mutation testing: it puts known bugs into a copy of the
// module, one at a time, and a test must fail.
//
//	withserver --server=real -- go run ./mutation
//	withserver --server=real -- go run ./mutation -named
//
// The first includes the bugs that the random differential test finds, which is
// given -for for each. The second runs only those that name a test.
// It must be run in cmd, or be told where the root is. At the end it prints a
// table: which test found each bug, and after how many seconds. A bug of which
// the old text is no longer in the code, once, does not apply; one that is about
// another server is skipped. The exit status is 1 unless each of the others was
// found.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	_ "github.com/go-sql-driver/mysql"
)

func main() {
	root := flag.String("root", "..", "the root of the module")
	lasts := flag.Duration("for", 30*time.Second, "how long the test may look for each bug")
	only := flag.String("run", "", "only the bugs whose name matches this regular expression")
	named := flag.Bool("named", false, "only the bugs that name a test, which takes seconds each: not the differential test")
	server := flag.String("server", "", "only the bugs that show on this server alone: MariaDB or MySQL")
	race := flag.Bool("race", false, "with the race detector")
	base := flag.Bool("base", true, "first run the tests without a bug, which must pass")
	flag.Parse()
	matches, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutation: -run:", err)
		os.Exit(2)
	}
	version, err := serverVersion(os.Getenv("MYSQL_POOL_TEST_DSN"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutation: needs a server: set MYSQL_POOL_TEST_DSN, or run it under withserver:", err)
		os.Exit(2)
	}
	t := tester{root: *root, lasts: *lasts, race: *race}
	defer t.close()
	var todo []mutant
	for _, p := range mutants {
		if matches.MatchString(p.name) && strings.HasPrefix(p.server, *server) && (p.test != "" || !*named) {
			todo = append(todo, p)
		}
	}
	// Without a bug each test must pass, or that it fails means nothing.
	if err := t.mutateAll(todo); err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(2)
	}
	if *base {
		todo = append(withoutBug(todo, version), todo...)
	}
	var all []outcome
	ok := true
	for _, p := range todo {
		o := outcome{mutant: p, verdict: skipped}
		if p.runsOn(version) {
			o = t.try(p)
		}
		ok = ok && o.isGood()
		all = append(all, o)
		fmt.Printf("%-14s %6.1fs  %s\n", o.verdict, o.took.Seconds(), p.name)
		if o.why != "" {
			fmt.Printf("    %s\n", o.why)
		}
	}
	printTable(all, version)
	if !ok {
		t.close()
		os.Exit(1)
	}
}

// outcome is what became of a bug.
type outcome struct {
	mutant
	verdict string
	took    time.Duration // the test alone, without the build
	why     string        // how the test failed, or could not run
}

const (
	found    = "found"
	notFound = "NOT FOUND"
	passes   = "passes"
	fails    = "FAILS"
	noPlace  = "DOES NOT APPLY"
	broken   = "BROKEN" // it does not build, or the test did not run
	skipped  = "other server"
)

func (o outcome) isGood() bool {
	return o.verdict == found || o.verdict == passes || o.verdict == skipped
}

func printTable(all []outcome, version string) {
	fmt.Printf("\non %s\n\n", version)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "bug\tfound by\tseconds")
	var gone []string
	for _, o := range all {
		by, seconds := o.verdict, "-"
		switch o.verdict {
		case found:
			by = o.testName()
			seconds = fmt.Sprintf("%.1f", o.took.Seconds())
		case passes, fails:
			by = o.testName() + " " + o.verdict
			seconds = fmt.Sprintf("%.1f", o.took.Seconds())
		case noPlace:
			gone = append(gone, o.name+" ("+o.file+")")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", o.name, by, seconds)
	}
	w.Flush()
	if len(gone) > 0 {
		fmt.Printf("\nthe code has changed, and these do not apply any more: %s\n", strings.Join(gone, "; "))
	}
}

func serverVersion(dsn string) (version string, err error) {
	if dsn == "" {
		return "", errors.New("no DSN")
	}
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return "", err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err = db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version)
	return version, err
}

// runsOn reports whether a server of that version can show the bug.
func (p mutant) runsOn(version string) bool {
	name, release, _ := strings.Cut(p.server, " ")
	return name == "" || (name == "MariaDB") == strings.Contains(version, "MariaDB") && strings.HasPrefix(version, release)
}

// theDiff is the test that finds a bug unless the bug says otherwise.
const theDiff = "TestSuiteDiff"

func (p mutant) testName() string {
	if p.test == "" {
		return theDiff
	}
	return p.test
}

func (p mutant) packageName() string {
	switch {
	case p.pkg != "":
		return p.pkg
	case p.test == "", strings.HasPrefix(p.test, "TestSuite"):
		return "./internal/suite"
	}
	return "./driver"
}

// withoutBug returns the tests that find the bugs that show on a server of that
// version, each once, without any bug.
func withoutBug(all []mutant, version string) (tests []mutant) {
	seen := map[string]bool{}
	for _, p := range all {
		name := p.packageName() + " " + p.testName()
		if !seen[name] && p.runsOn(version) {
			seen[name] = true
			tests = append(tests, mutant{name: "no bug", pkg: p.pkg, test: p.test})
		}
	}
	return tests
}

// tester runs the test on copies of a module.
type tester struct {
	root  string
	lasts time.Duration
	race  bool

	together string           // a copy with many bugs, of which a variable says which it has
	numbers  map[string]int   // those bugs' numbers there, by their names
	built    map[string]error // how the builds there ended, by package
}

// mutateAll makes the copy with many bugs.
func (t *tester) mutateAll(mutants []mutant) (err error) {
	t.built = map[string]error{}
	t.together, err = os.MkdirTemp("", "mutants-")
	if err == nil {
		err = t.copyTo(t.together)
	}
	if err == nil {
		t.numbers, err = buildTogether(t.together, mutants)
	}
	return err
}

func (t *tester) close() {
	if t.together != "" {
		os.RemoveAll(t.together)
	}
}

// try applies a mutant and runs the test.
func (t *tester) try(p mutant) outcome {
	why, took, err := t.run(p)
	o := outcome{mutant: p, took: took, why: why}
	switch isBase := p.file == ""; {
	case errors.Is(err, errNoPlace):
		o.verdict, o.why = noPlace, err.Error()
	case err != nil:
		o.verdict, o.why = broken, err.Error()
	case isBase && why == "":
		o.verdict = passes
	case isBase:
		o.verdict = fails
	case why == "":
		o.verdict = notFound
	default:
		o.verdict = found
	}
	return o
}

// run returns how the test failed, or "".
func (t *tester) run(p mutant) (why string, took time.Duration, err error) {
	dir, number := t.together, t.numbers[p.name]
	if p.file == "" || number != 0 {
		pkg := p.packageName()
		if _, ok := t.built[pkg]; !ok {
			t.built[pkg] = t.build(dir, pkg)
		}
		err = t.built[pkg]
	} else {
		dir, err = os.MkdirTemp("", "mutant-")
		if err != nil {
			return "", 0, err
		}
		defer os.RemoveAll(dir)
		if err = t.copyTo(dir); err == nil {
			err = p.apply(dir)
		}
		if err == nil {
			err = t.build(dir, p.packageName())
		}
	}
	if err != nil {
		return "", 0, err
	}
	// The helpers' own patience comes on top.
	run := exec.Command(testBinary(dir, p.packageName()), "-test.run", "^("+p.testName()+")$", "-test.v", "-test.timeout", (t.lasts + 3*time.Minute).String())
	run.Dir = filepath.Join(dir, filepath.FromSlash(p.packageName()))
	run.Env = append(os.Environ(), "MYSQL_POOL_TEST_DIFF="+t.lasts.String(), "MYSQL_POOL_TEST_DIFF_SHRINK=no", fmt.Sprintf("%s=%d", switchVariable, number))
	start := time.Now()
	out, err := run.Output()
	took = time.Since(start)
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		return reason(out), foundAfter(out, took), nil
	case err != nil:
		return "", took, err
	case !strings.Contains(string(out), "--- PASS"):
		return "", took, fmt.Errorf("the test did not run:\n%s", out)
	}
	return "", took, nil
}

// testBinary is where the tests of a package are built in a copy.
func testBinary(dir, pkg string) string {
	return filepath.Join(dir, strings.ReplaceAll(strings.TrimPrefix(pkg, "./"), "/", "-")+".test")
}

// copyTo copies the module to dir.
func (t *tester) copyTo(dir string) error {
	for _, name := range []string{"driver", "internal", "testdata"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(t.root, name))); err != nil {
			return err
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(t.root, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			return err
		}
	}
	// The newest stock driver that is tested, which cmd has; go.mod asks for the oldest.
	version, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", stock).Output()
	if err != nil {
		return fmt.Errorf("the version of %s: %w", stock, err)
	}
	get := exec.Command("go", "get", stock+"@"+strings.TrimSpace(string(version)))
	get.Dir = dir
	if out, err := get.CombinedOutput(); err != nil {
		return fmt.Errorf("go get: %w\n%s", err, out)
	}
	return nil
}

const stock = "github.com/go-sql-driver/mysql"

// build builds the tests of a package in a copy.
func (t *tester) build(dir, pkg string) error {
	args := []string{"test", "-c", "-ldflags=-s -w", "-o", testBinary(dir, pkg)}
	if t.race {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, pkg)...)
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("the copy does not build: %w\n%s", err, out)
	}
	return nil
}

// errNoPlace means that the code that the bug goes into has changed.
var errNoPlace = errors.New("the old text is not there once")

// apply applies the mutant.
func (p mutant) apply(dir string) error {
	if p.file == "" {
		return nil
	}
	path := filepath.Join(dir, filepath.FromSlash(p.file))
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: there is no %s", errNoPlace, p.file)
	}
	if err != nil {
		return err
	}
	if n := strings.Count(string(text), p.old); n != 1 {
		return fmt.Errorf("%w: %s has %q %d times", errNoPlace, p.file, p.old, n)
	}
	return os.WriteFile(path, []byte(strings.Replace(string(text), p.old, p.new, 1)), 0o666)
}

var (
	seedLine   = regexp.MustCompile(`seed \d+ \(.*`)
	failLine   = regexp.MustCompile(`--- FAIL: \S+`)
	foundLine  = regexp.MustCompile(`found after ([0-9.a-zµ]+)`)
	panicLine  = regexp.MustCompile(`(?m)^(panic: .*|fatal error: .*|WARNING: DATA RACE)`)
	deepestOne = regexp.MustCompile(`    --- FAIL: \S+`)
)

// reason finds the line that says how the test failed.
func reason(out []byte) string {
	for _, line := range []*regexp.Regexp{seedLine, panicLine, deepestOne, failLine} {
		if text := line.Find(out); text != nil {
			return strings.TrimSpace(string(text))
		}
	}
	return "it failed without naming a program"
}

// foundAfter is how long the test took until the bug showed. The differential test
// says so itself, as its start and its end take time too.
func foundAfter(out []byte, took time.Duration) time.Duration {
	if m := foundLine.FindSubmatch(out); m != nil {
		if d, err := time.ParseDuration(string(m[1])); err == nil {
			return d
		}
	}
	return took
}
