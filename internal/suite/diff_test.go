package suite

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"github.com/mysqlpool/mysqlpool/internal/corpus"
	"github.com/mysqlpool/mysqlpool/internal/pool"
)

// The variables for a long run, and for one program again.
const (
	envDiff         = "MYSQL_POOL_TEST_DIFF"          // how long, as 1h
	envDiffSeed     = "MYSQL_POOL_TEST_DIFF_SEED"     // only this program
	envDiffFailures = "MYSQL_POOL_TEST_DIFF_FAILURES" // after how many it ends; one
	envDiffShrink   = "MYSQL_POOL_TEST_DIFF_SHRINK"   // no: a program that fails is not shrunk
	envDiffWithout  = "MYSQL_POOL_TEST_DIFF_WITHOUT"  // names of texts, or parts of DSNs, that are left out: a,b
)

// diffSeeds is a file of programs that found something once.
const diffSeeds = "../../testdata/diff/seeds.txt"

// Random programs get the same answers from both drivers, leave the same rows,
// and leave nothing on a connection that is kept.
func TestSuiteDiff(t *testing.T) {
	diffTest(t, [2]string{stock, pooled}, 5*time.Second)
}

// The programs' answers are certain: the stock driver agrees with itself.
func TestSuiteDiffOfStockDriver(t *testing.T) {
	diffTest(t, [2]string{stock, stock}, 2*time.Second)
}

// diffPair runs programs in two worlds at once.
type diffPair struct {
	worlds  [2]*diffWorld
	drivers [2]string

	programs, steps, kept int
	kinds                 map[string]int
	slow                  []string
	pools                 mysqlpool.PoolStats // the sum of those that were disposed of
}

// diffFailure is how a program failed. It is an error.
type diffFailure struct {
	what        string
	actor, step int // -1: none
	answers     [2]string
}

func (f *diffFailure) Error() string {
	if f.answers == [2]string{} {
		return f.what
	}
	return fmt.Sprintf("%s\nfirst  %s\nsecond %s", f.what, f.answers[0], f.answers[1])
}

func diffTest(t *testing.T, drivers [2]string, short time.Duration) {
	s := needServer(t)
	x := &diffPair{drivers: drivers, kinds: map[string]int{}}
	x.worlds = [2]*diffWorld{newDiffWorld(t, s, "x"), newDiffWorld(t, s, "y")}
	lasts, err := time.ParseDuration(cmp.Or(os.Getenv(envDiff), short.String()))
	if err != nil {
		t.Fatalf("%s: %v", envDiff, err)
	}
	diffLeaveOut()
	most, _ := strconv.Atoi(cmp.Or(os.Getenv(envDiffFailures), "1"))
	first := rand.Uint64() >> 16
	seeds, err := corpus.Seeds(diffSeeds)
	if err != nil {
		t.Fatal(err)
	}
	if one := os.Getenv(envDiffSeed); one != "" {
		seed, err := strconv.ParseUint(one, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", envDiffSeed, err)
		}
		seeds, lasts = []uint64{seed}, 0
	}
	t.Logf("programs %v, and from seed %d on", seeds, first)
	logins := s.status(t, "Connections")
	start, said := time.Now(), time.Now()
	for i := 0; i < len(seeds) || time.Since(start) < lasts; i++ {
		seed := first + uint64(i)
		if i < len(seeds) {
			seed = seeds[i]
		}
		p := newDiffProgram(seed)
		f := x.run(p)
		if f != nil {
			t.Logf("found after %v", time.Since(start).Round(100*time.Millisecond))
			x.report(t, p, f)
			if most--; most <= 0 {
				break
			}
			x.renew(t, p)
		}
		x.makeRoom(t)
		if os.Getenv(envDiff) != "" && time.Since(said) > 10*time.Second {
			said = time.Now()
			fmt.Fprintf(os.Stderr, "%v: %v: %d programs, %d steps\n", t.Name(), time.Since(start).Round(time.Second), x.programs, x.steps)
		}
	}
	took := time.Since(start)
	t.Logf("%d programs, %.0f a minute, %d steps, %d kept connections looked at, %d logins", x.programs, float64(x.programs)/took.Minutes(), x.steps, x.kept, s.status(t, "Connections")-logins)
	t.Logf("steps: %v", x.kinds)
	if len(x.slow) > 0 {
		t.Logf("programs that took more than a second: %d\n%s", len(x.slow), strings.Join(x.slow, "\n"))
	}
	x.addPools()
	p := x.pools
	t.Logf("pools: %d logins, closed: %d broken, %d dirty, %d overflow; state restored: %d undone, %d reset; %d waits; statements: %d hits, %d misses, %d evictions",
		p.Opened, p.Broken, p.Dirty, p.Overflow, p.Undone, p.Reset, p.Waits, p.StmtHits, p.StmtMisses, p.StmtEvictions)
	for _, move := range slices.Sorted(maps.Keys(pool.Moves())) {
		t.Logf("moves: %s: %d", move, pool.Moves()[move])
	}
}

// diffKept is how many connections the pools may keep between two programs.
const diffKept = 40

// makeRoom disposes of the pools when they keep many connections, so that the
// server has room for the stock driver's.
func (x *diffPair) makeRoom(t *testing.T) {
	open := 0
	for _, p := range mysqlpool.Stats() {
		open += p.Open
	}
	if open > diffKept {
		x.addPools()
		dispose(t)
	}
}

// addPools adds up what the pools counted.
func (x *diffPair) addPools() {
	for _, p := range mysqlpool.Stats() {
		x.pools.Opened += p.Opened
		x.pools.Broken += p.Broken
		x.pools.Dirty += p.Dirty
		x.pools.Undone += p.Undone
		x.pools.Reset += p.Reset
		x.pools.Overflow += p.Overflow
		x.pools.Waits += p.Waits
		x.pools.StmtHits += p.StmtHits
		x.pools.StmtMisses += p.StmtMisses
		x.pools.StmtEvictions += p.StmtEvictions
	}
}

// status returns a counter of the server.
func (s *server) status(t *testing.T, name string) (n int) {
	t.Helper()
	if err := s.admin.QueryRow("SHOW GLOBAL STATUS LIKE '"+name+"'").Scan(&name, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// run runs a program in both worlds and compares.
func (x *diffPair) run(p *diffProgram) *diffFailure {
	start := time.Now()
	var answers [2][][]string
	var contents [2][]string
	var errs [2]error
	var took [2]time.Duration
	inParallel(2, func(i int) {
		defer func() { took[i] = time.Since(start) }()
		if answers[i], errs[i] = runDiff(x.worlds[i], x.drivers[i], p); errs[i] != nil {
			return
		}
		if contents[i], errs[i] = x.worlds[i].contents(p); errs[i] == nil {
			errs[i] = x.worlds[i].clean(contents[i])
		}
		own, err := x.worlds[i].dropOwn(p)
		contents[i], errs[i] = append(contents[i], own...), cmp.Or(errs[i], err)
	})
	for i, err := range errs {
		if err != nil {
			return &diffFailure{what: x.drivers[i] + ": " + err.Error(), actor: -1}
		}
	}
	switch stuck := [2]bool{took[0] > diffPatience, took[1] > diffPatience}; {
	case stuck[0] && stuck[1]:
		// It waits for itself, say for a row that it has locked, until its time
		// is up, and what came of that is chance.
		x.slow = append(x.slow, fmt.Sprintf("seed %d: not compared, waits for itself: %v, %v", p.seed, x.worlds[0].slow.Load(), x.worlds[1].slow.Load()))
		return nil
	case stuck[0] != stuck[1]:
		return &diffFailure{"one run is stuck", -1, -1, [2]string{took[0].String(), took[1].String()}}
	}
	if f := p.compare(answers, contents); f != nil {
		return f
	}
	if x.drivers[1] == pooled {
		n, err := diffLeaks(x.worlds[1], p)
		x.kept += n
		if err != nil {
			return &diffFailure{what: err.Error(), actor: -1}
		}
	}
	x.count(p, answers[0])
	if took := time.Since(start); took > time.Second {
		x.slow = append(x.slow, fmt.Sprintf("seed %d: %v, %v", p.seed, x.worlds[0].slow.Load(), x.worlds[1].slow.Load()))
	}
	return nil
}

func (x *diffPair) count(p *diffProgram, answers [][]string) {
	x.programs++
	for i, a := range p.actors {
		for n, s := range a.steps {
			if answers[i][n] == nothingThere {
				x.kinds[nothingThere]++
				continue
			}
			x.steps++
			x.kinds[s.do]++
		}
	}
}

func (p *diffProgram) compare(answers [2][][]string, contents [2][]string) *diffFailure {
	for actor := range answers[0] {
		a, b := answers[0][actor], answers[1][actor]
		for step := range max(len(a), len(b)) {
			if step >= len(a) || step >= len(b) {
				return &diffFailure{"one run ended early", actor, step, [2]string{fmt.Sprint(len(a)), fmt.Sprint(len(b))}}
			}
			if a[step] != b[step] && !p.actors[actor].steps[step].isFresh(b[step]) {
				return &diffFailure{"answers differ", actor, step, [2]string{a[step], b[step]}}
			}
		}
	}
	if !slices.Equal(contents[0], contents[1]) {
		return &diffFailure{"tables differ", -1, -1, [2]string{
			strings.Join(missing(contents[0], contents[1]), "\n"), strings.Join(missing(contents[1], contents[0]), "\n"),
		}}
	}
	return nil
}

// missing lists what is in a and not in b.
func missing(a, b []string) (all []string) {
	for _, line := range a {
		if !slices.Contains(b, line) {
			all = append(all, line)
		}
	}
	return all
}

// report shrinks a program that failed, and prints it.
func (x *diffPair) report(t *testing.T, p *diffProgram, f *diffFailure) {
	t.Helper()
	t.Errorf("seed %d (%s=%d runs it again), actor %d, step %d: %v", p.seed, envDiffSeed, p.seed, f.actor, f.step, f)
	if strings.Contains(f.what, "stuck") || strings.Contains(f.what, "too long") {
		t.Logf("the program:\n%v", p)
		return // what is stuck is in the way of further runs, which would take as long
	}
	if os.Getenv(envDiffShrink) == "no" {
		return
	}
	small, last, tries := x.shrink(t, p, f)
	t.Logf("shrunk from %d steps to %d in %d runs; it fails with actor %d, step %d: %v\n%v", p.steps(), small.steps(), tries, last.actor, last.step, last, small)
}

// again runs a program in worlds as new, and without any kept connection.
func (x *diffPair) again(t *testing.T, p *diffProgram) *diffFailure {
	t.Helper()
	x.renew(t, p)
	return x.run(p)
}

// renew makes the worlds as new after a program.
func (x *diffPair) renew(t *testing.T, p *diffProgram) {
	t.Helper()
	dispose(t)
	var wg sync.WaitGroup
	for _, w := range x.worlds {
		wg.Go(func() {
			if contents, err := w.contents(p); err == nil {
				w.clean(contents)
			}
			if _, err := w.dropOwn(p); err != nil {
				t.Log(err)
			}
			if err := w.reset(p); err != nil {
				t.Log(err)
			}
		})
	}
	wg.Wait()
}
