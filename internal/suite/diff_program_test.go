package suite

import (
	"fmt"
	"slices"
	"strings"
)

// The differential test runs random programs with both drivers and wants the
// same answers. A program is data, so that it can be printed and shrunk.
//
// What makes the answers of a program certain, whatever else runs:
//   - A handle belongs to one goroutine, the actor, but for the one that all
//     share, on which only statements run that neither leave state nor see any.
//   - Each session writes tables of its own: see lane. Only counters are
//     shared, each changed by one statement in a transaction of its own.
//   - Nothing asks for connection ids, the time, or how much longer the server
//     takes to notice that a connection was closed.
type diffProgram struct {
	seed   uint64
	shared diffHandle // the handle that all actors use
	actors []diffActor
}

// diffActor is one goroutine.
type diffActor struct {
	handles [diffHandles]diffHandle // as they are at first
	steps   []diffStep
}

// How many of each an actor has at a time.
const (
	diffActors  = 4
	diffHandles = 2
	diffConns   = 2
	diffTxs     = 2
	diffStmts   = 3
	diffCursors = 1
)

// diffHandle is how a handle is opened.
type diffHandle struct {
	variant int    // of diffVariants
	before  int    // of diffBefores
	schema  string // "a", "b", "x" for the actor's own, or "" for none
	maxOpen int
	maxIdle int
}

// solo reports whether a handle has one connection, so that each statement on
// it meets the state that the one before left, as long as the stock driver's
// handle keeps the connection. Of several idle connections database/sql takes
// the one put away last, which is certain too while one goroutine uses the
// handle; but a transaction left open on one of them would block the others.
func (h diffHandle) solo() bool { return h.maxOpen == 1 }

func (h diffHandle) String() string {
	return fmt.Sprintf("schema=%q open<=%d idle<=%d %s%s", h.schema, h.maxOpen, h.maxIdle, diffVariants[h.variant], diffBefores[h.before].name)
}

// diffVariants is what stands in the DSN. Each makes a pool of its own.
var diffVariants = []string{
	"@pool_size=3&@pool_max_overflow=60&@pool_timeout=20",
	"@pool_size=1&@pool_max_overflow=60&@pool_timeout=20&@pool_stmt_cache=1",
	"@pool_size=3&@pool_max_overflow=60&@pool_timeout=20&interpolateParams=true",
	"@pool_size=3&@pool_max_overflow=60&@pool_timeout=20&multiStatements=true",
	"@pool_size=3&@pool_max_overflow=60&@pool_timeout=20&charset=latin1",
	"@pool_size=3&@pool_max_overflow=60&@pool_timeout=20&time_zone=%27%2B02%3A00%27&parseTime=true",
	"@pool_size=3&@pool_max_overflow=60&@pool_timeout=20&@pool_reset=%27always%27",
	"@pool_size=3&@pool_max_overflow=60&@pool_timeout=20&clientFoundRows=true&sql_mode=%27ANSI%27",
	"@pool_size=3&@pool_max_overflow=60&@pool_timeout=20&autocommit=0",
	"@pool_size=3&@pool_max_overflow=60&@pool_timeout=20&collation=utf8mb4_unicode_ci",
	"@pool_size=3&@pool_max_overflow=60&@pool_timeout=20&charset=latin1&collation=latin1_german2_ci",
	"@pool_size=2&@pool_max_overflow=60&@pool_timeout=20&charset=utf8mb4",
	"@pool_size=2&@pool_max_overflow=60&@pool_timeout=20&maxAllowedPacket=1000",
	// Its connections change hands more often than those of any other.
	"@pool_size=1&@pool_max_overflow=60&@pool_timeout=20&@pool_idle_timeout=0",
	"@pool_size=2&@pool_max_overflow=60&@pool_timeout=20&@pool_reset=%27always%27&charset=utf8mb4&group_concat_max_len=99",
	"@pool_size=2&@pool_max_overflow=60&@pool_timeout=20&foreign_key_checks=0&lc_time_names=%27de_DE%27&group_concat_max_len=77&@a=5",
	// Whoever comes next gets its connections, of whatever schema.
	"@pool_size=2&@pool_max_overflow=60&@pool_timeout=20&@pool_ping_after=%2710ms%27",
}

const (
	diffVariantMulti      = 3
	diffVariantAutocommit = 8 // off; only for handles with one connection
	diffVariantFewest     = 13
	diffVariantAtOnce     = 16
)

// resets reports whether the pool resets each connection, so that nothing may be
// left of what a text does not show.
func (h diffHandle) resets() bool { return strings.Contains(diffVariants[h.variant], "always") }

// diffPlace is where a statement runs.
type diffPlace struct {
	kind byte // 'd' a handle, 'g' the shared one, 'c' a sql.Conn, 't' a sql.Tx, 'x' a guest's handle
	n    int
}

func (p diffPlace) String() string {
	if p.kind == 'g' {
		return "shared"
	}
	return fmt.Sprintf("%c%d", p.kind, p.n)
}

// diffStep is one thing that an actor does. A step on something that is not
// there, or for which the handle has no connection left, answers so and does
// nothing: any steps can be left out of a program.
type diffStep struct {
	do        string // of diffDoes
	then      string // what a guest does
	on        diffPlace
	slot      int        // the conn, tx, stmt or cursor that it makes or uses
	queries   []string   // one after the other, until one fails; see text
	args      []any      // of the last one
	others    [][]any    // those of its repetitions, if they have others
	ends      string     // as in diffText
	fresh     string     // as in diffText
	options   int        // of diffTxOptions
	open      diffHandle // for do == "open"
	repeat    int        // how often the last statement runs once more
	cancelled bool       // under a context that is over
	plain     bool       // under context.Background, which drivers treat apart
}

func (s diffStep) String() string {
	var b strings.Builder
	switch s.do {
	case "open":
		fmt.Fprintf(&b, "reopen %v: %v", s.on, s.open)
	case "remake":
		fmt.Fprintf(&b, "%v remake %q, then reopen: %v", s.on, diffRemakes[s.slot], s.open)
	case "kill itself":
		fmt.Fprintf(&b, "%v kill itself: %v", s.on, diffSuicides[s.slot])
	case "exec", "query", "row", "part", "raw", "ping", "kill", "sleep", "evict", "leave", "stranger", "guest":
		fmt.Fprintf(&b, "%v %s", s.on, s.do)
	default:
		fmt.Fprintf(&b, "%v %s %d", s.on, s.do, s.slot)
	}
	if s.do == "begin" {
		fmt.Fprintf(&b, " %s", diffTxOptions[s.options].name)
	}
	for _, q := range s.queries {
		fmt.Fprintf(&b, " %q", q)
	}
	if len(s.args) > 0 {
		fmt.Fprintf(&b, " %#v", s.args)
	}
	for _, args := range s.others {
		fmt.Fprintf(&b, " then %#v", args)
	}
	if s.repeat > len(s.others) {
		fmt.Fprintf(&b, " (%d times)", 1+s.repeat)
	}
	if s.cancelled {
		b.WriteString(" (cancelled before)")
	}
	return b.String()
}

func (p *diffProgram) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "shared handle: %v\n", p.shared)
	for i, a := range p.actors {
		for n, h := range a.handles {
			fmt.Fprintf(&b, "actor %d: d%d %v\n", i, n, h)
		}
		for n, s := range a.steps {
			fmt.Fprintf(&b, "actor %d: %3d. %v\n", i, n, s)
		}
	}
	return b.String()
}

func (p *diffProgram) steps() (n int) {
	for _, a := range p.actors {
		n += len(a.steps)
	}
	return n
}

// variants lists the pools that a program uses.
func (p *diffProgram) variants() (all []int) {
	all = append(all, p.shared.variant)
	for _, a := range p.actors {
		for _, h := range a.handles {
			all = append(all, h.variant)
		}
		for _, s := range a.steps {
			if s.do == "open" || s.do == "remake" {
				all = append(all, s.open.variant)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// diffLanes is what an actor may have sessions for at the same time. A session
// writes only the table, the temporary table and the named lock of its lane, so
// that no two sessions of a program wait for each other.
var diffLanes = []string{"d0", "d1", "c0", "c1", "t0", "t1", "g0", "x0"}
