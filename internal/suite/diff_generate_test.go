package suite

import (
	"database/sql"
	"math/rand/v2"
	"strings"
)

// diffTxOptions is how a transaction is begun.
var diffTxOptions = []struct {
	name string
	sql.TxOptions
}{
	{name: "plain"},
	{"read only", sql.TxOptions{ReadOnly: true}},
	{"read committed", sql.TxOptions{Isolation: sql.LevelReadCommitted}},
	{"serializable", sql.TxOptions{Isolation: sql.LevelSerializable}},
	{"snapshot", sql.TxOptions{Isolation: sql.LevelSnapshot}}, // MySQL has none
}

// diffGen makes the steps of one actor. It keeps track of what is open, to make
// steps that mostly do something; where it is wrong the step answers that there
// is nothing.
type diffGen struct {
	r       *rand.Rand
	variant [2]int     // of which most of its program's handles are
	owner   bool       // it has a schema of its own
	often   []diffText // what its program has more often than other texts, so that it is kept
	handles [diffHandles]diffHandle
	conns   [diffConns]diffSlot
	txs     [diffTxs]diffSlot
	stmts   [diffStmts]diffPrepared
	cursor  bool
	then    func(*diffGen) (diffStep, bool) // the next step, if it can be made
}

// diffSlot is a sql.Conn or sql.Tx.
type diffSlot struct {
	open   bool
	handle int
	conn   int // that a Tx is on, or -1
}

type diffPrepared struct {
	made bool
	on   diffPlace
	text diffText
}

// newDiffProgram makes the program of a seed.
func newDiffProgram(seed uint64) *diffProgram {
	r := rand.New(rand.NewPCG(seed, 1))
	p := &diffProgram{seed: seed}
	// Most handles are of two pools, so that connections change hands.
	variant := [2]int{pick(r, 0, diffVariantAtOnce, diffVariantFewest, anyVariant(r)), anyVariant(r)}
	p.shared = diffHandle{variant: pick(r, variant[0], anyVariant(r)), schema: "a", maxOpen: pick(r, 0, 2, 3), maxIdle: pick(r, 0, 1, 2, 5)}
	if p.shared.variant == diffVariantAutocommit {
		p.shared.variant = 0
	}
	often := []diffText{pick(r, diffCompares...), pick(r, diffCompares...), pick(r, diffPlain...), diffWhich}
	for range 1 + r.IntN(diffActors) {
		p.actors = append(p.actors, newDiffActor(r, variant, often))
	}
	return p
}

func anyVariant(r *rand.Rand) int {
	for {
		if v := r.IntN(len(diffVariants)); !diffLeftOut(diffVariants[v]) {
			return v
		}
	}
}

func newDiffActor(r *rand.Rand, variant [2]int, often []diffText) (a diffActor) {
	g := &diffGen{r: r, variant: variant, often: often, owner: r.IntN(6) == 0 && !diffLeftOut("remake")}
	for i := range a.handles {
		a.handles[i] = g.handle()
	}
	g.handles = a.handles
	for range 10 + r.IntN(31) {
		a.steps = append(a.steps, g.step())
	}
	return a
}

func (g *diffGen) handle() diffHandle {
	h := diffHandle{schema: pick(g.r, "a", "a", "b", "b", "")}
	h.variant = pick(g.r, g.variant[0], g.variant[0], g.variant[0], g.variant[0], g.variant[0], g.variant[1], g.variant[1], g.variant[1], anyVariant(g.r))
	if g.r.IntN(20) == 0 && !diffLeftOut("before") {
		h.before = g.r.IntN(len(diffBefores))
	}
	if g.owner && g.r.IntN(2) == 0 {
		h.schema = "x"
	}
	h.maxOpen = pick(g.r, 1, 1, 1, 0, 2, 4)
	if h.variant == diffVariantAutocommit {
		h.maxOpen = 1
	}
	h.maxIdle = pick(g.r, 0, 1, 2, 2, 2)
	if h.solo() {
		h.maxIdle = pick(g.r, 0, 1, 1, 2)
	}
	return h
}

// diffWeights is how often each kind of step is tried.
var diffWeights = []struct {
	weight int
	make   func(*diffGen) (diffStep, bool)
}{
	{40, (*diffGen).plain},
	{30, (*diffGen).compare},
	{18, (*diffGen).probe},
	{34, (*diffGen).state},
	{24, (*diffGen).ask},
	{10, (*diffGen).hop},
	{10, (*diffGen).guest},
	{1, (*diffGen).killItself},
	{12, (*diffGen).remake},
	{4, (*diffGen).multi},
	{10, (*diffGen).conn},
	{8, (*diffGen).begin},
	{16, (*diffGen).end},
	{12, (*diffGen).closeConn},
	{6, (*diffGen).prepare},
	{24, (*diffGen).useStmt},
	{3, (*diffGen).closeStmt},
	{12, (*diffGen).changeMeaning},
	{6, (*diffGen).reopen},
	{4, (*diffGen).cursorStep},
	{1, (*diffGen).kill},
	{1, (*diffGen).sleep},
	{1, (*diffGen).evict},
	{2, (*diffGen).raw},
	{2, (*diffGen).ping},
	{1, (*diffGen).stranger},
	{12, (*diffGen).shared},
}

func (g *diffGen) step() diffStep {
	total := 0
	for _, w := range diffWeights {
		total += w.weight
	}
	for {
		next := g.then
		g.then = nil
		for n, i := g.r.IntN(total), 0; next == nil; i++ {
			if n -= diffWeights[i].weight; n < 0 {
				next = diffWeights[i].make
			}
		}
		if s, ok := next(g); ok {
			s.plain = g.r.IntN(2) == 0
			return s
		}
	}
}

// place chooses where a statement runs, and says which handle it is.
func (g *diffGen) place() (on diffPlace, handle int) {
	var all []diffPlace
	for i, c := range g.conns {
		if c.open && !g.inTx(i) {
			all = append(all, diffPlace{'c', i})
		}
	}
	for i, t := range g.txs {
		if t.open {
			all = append(all, diffPlace{'t', i}, diffPlace{'t', i})
		}
	}
	for i := range g.handles {
		if !g.full(i) {
			all = append(all, diffPlace{'d', i})
		}
	}
	if len(all) == 0 || g.r.IntN(50) == 0 { // also what is closed, or busy
		all = []diffPlace{{'d', g.r.IntN(diffHandles)}, {'c', g.r.IntN(diffConns)}, {'t', g.r.IntN(diffTxs)}}
	}
	on = pick(g.r, all...)
	return on, g.handleOf(on)
}

func (g *diffGen) inTx(conn int) bool {
	for _, t := range g.txs {
		if t.open && t.conn == conn {
			return true
		}
	}
	return false
}

func (g *diffGen) handleOf(on diffPlace) int {
	switch on.kind {
	case 'c':
		return g.conns[on.n].handle
	case 't':
		return g.txs[on.n].handle
	}
	return on.n
}

// full reports whether all connections of a handle are held.
func (g *diffGen) full(handle int) bool {
	held := 0
	for _, c := range g.conns {
		if c.open && c.handle == handle {
			held++
		}
	}
	for _, t := range g.txs {
		if t.open && t.handle == handle && t.conn < 0 {
			held++
		}
	}
	most := g.handles[handle].maxOpen
	return most > 0 && held >= most
}

// run makes a step of a text. What has arguments may run with or without rows.
func (g *diffGen) run(x diffText, on diffPlace) diffStep {
	s := diffStep{on: on, do: "exec", ends: x.ends, fresh: x.fresh}
	s.queries, s.args = x.fill(g.r)
	if x.read {
		s.do = pick(g.r, "query", "query", "query", "row", "part", "exec")
		if s.do == "exec" && len(s.args) > 0 {
			// On MariaDB the stock driver (1.10.1) waits for ever for columns that
			// the server leaves out.
			s.do = "query"
		}
		if x.fresh != "" {
			s.do = "query"
		}
	} else if g.r.IntN(12) == 0 {
		s.do = "query"
	}
	s.cancelled = g.r.IntN(60) == 0
	if len(s.args) > 0 && x.ends == "" { // only such statements are kept
		s.repeat = pick(g.r, 0, 0, 1, 2, 3)
		if g.r.IntN(2) == 0 {
			s.others = x.others(g.r, s.repeat)
		}
	}
	return s
}

// compare makes a step of a text that tells what kinds its arguments are of, and
// of what character set and collation.
func (g *diffGen) compare() (diffStep, bool) {
	on, _ := g.place()
	return g.run(pick(g.r, pick(g.r, diffCompares...), pick(g.r, g.often...)), on), true
}

// ask makes a step about the statement before, mostly on the handle that has one
// connection.
func (g *diffGen) ask() (diffStep, bool) {
	on, handle := g.place()
	if on.kind == 'd' && !g.handles[handle].solo() {
		return diffStep{}, false
	}
	x := pick(g.r, diffAsks...)
	return g.run(x, on), x.ends != "held" || on.kind != 'd'
}

// hop makes the first of some steps of one text with arguments, on one handle after the
// other: a connection on which it is kept goes from schema to schema.
func (g *diffGen) hop() (diffStep, bool) {
	x := pick(g.r, diffWhich, diffWhichText, pick(g.r, g.often...), pick(g.r, diffPlain...), pick(g.r, diffFails...))
	if x.ends != "" {
		x = diffWhich
	}
	return g.hops(x, 3+g.r.IntN(10))
}

func (g *diffGen) hops(x diffText, n int) (diffStep, bool) {
	handle := g.r.IntN(diffHandles)
	if g.full(handle) {
		return diffStep{}, false
	}
	if n > 1 {
		g.then = func(g *diffGen) (diffStep, bool) { return g.hops(x, n-1) }
	}
	on := diffPlace{'d', handle}
	switch g.r.IntN(12) {
	case 0:
		return g.run(diffWhichText, on), true
	case 1, 2: // a connection that comes from another schema is held
		if slot := g.r.IntN(diffConns); !g.conns[slot].open {
			g.then = func(g *diffGen) (diffStep, bool) { return g.hopOn(x, diffPlace{'c', slot}, n-1) }
			return g.openConn(slot, handle), true
		}
	case 3: // it may be about the session, as a prepared CALL
		if s, ok := g.useStmt(); ok && s.on == on {
			g.then = func(g *diffGen) (diffStep, bool) { return g.run(diffWhichText, on), true }
			return s, true
		}
	case 4:
		slot := g.r.IntN(diffStmts)
		if s, ok := g.prepareOn(slot, on, pick(g.r, diffCalls, diffWhich)); ok {
			return s, true
		}
	}
	return g.run(x, on), true
}

// hopOn has the first statement of a held connection be one with arguments, and asks
// about it.
func (g *diffGen) hopOn(x diffText, on diffPlace, n int) (diffStep, bool) {
	ask := pick(g.r, diffAsks...)
	if ask.args != nil {
		ask = diffWhichText
	}
	g.then = func(g *diffGen) (diffStep, bool) {
		g.then = func(g *diffGen) (diffStep, bool) {
			if n > 1 {
				g.then = func(g *diffGen) (diffStep, bool) { return g.hops(x, n-1) }
			}
			g.connClosed(on.n)
			return diffStep{do: "close", on: on}, true
		}
		return g.run(ask, on), true
	}
	return g.run(x, on), true
}

func (g *diffGen) plain() (diffStep, bool) {
	on, _ := g.place()
	return g.run(pick(g.r, diffPlain...), on), true
}

func (g *diffGen) probe() (diffStep, bool) {
	on, _ := g.place()
	return g.run(pick(g.r, diffProbes...), on), true
}

// state makes a step that leaves something in a session, if it may stay there.
func (g *diffGen) state() (diffStep, bool) {
	on, handle := g.place()
	solo := g.handles[handle].solo()
	x := pick(g.r, diffState...)
	if g.r.IntN(4) == 0 {
		x = pick(g.r, diffFails...)
	}
	switch {
	case x.ends == "session" && on.kind == 'd' && !solo,
		x.ends == "held" && on.kind == 'd',
		x.ends == "transaction" && on.kind != 'c' && !solo,
		x.ends == "lock" && on.kind != 'c' && !solo,
		on.kind == 'd' && !solo && g.r.IntN(2) == 0:
		return diffStep{}, false
	}
	return g.run(x, on), true
}

func (g *diffGen) multi() (diffStep, bool) {
	on, handle := g.place()
	if g.handles[handle].variant != diffVariantMulti && g.r.IntN(4) > 0 {
		return diffStep{}, false
	}
	return g.run(pick(g.r, diffMulti...), on), true
}

func (g *diffGen) conn() (diffStep, bool) {
	slot, handle := g.r.IntN(diffConns), g.r.IntN(diffHandles)
	if g.conns[slot].open || g.full(handle) {
		return diffStep{}, false
	}
	return g.openConn(slot, handle), true
}

func (g *diffGen) openConn(slot, handle int) diffStep {
	g.conns[slot] = diffSlot{open: true, handle: handle, conn: -1}
	return diffStep{do: "conn", on: diffPlace{'d', handle}, slot: slot}
}

func (g *diffGen) closeConn() (diffStep, bool) {
	slot := g.r.IntN(diffConns)
	if !g.conns[slot].open && g.r.IntN(10) > 0 {
		return diffStep{}, false
	}
	g.connClosed(slot)
	return diffStep{do: "close", on: diffPlace{'c', slot}}, true
}

func (g *diffGen) connClosed(slot int) {
	g.conns[slot].open = false
	for i := range g.txs {
		if g.txs[i].conn == slot {
			g.txs[i].open = false
		}
	}
}

func (g *diffGen) begin() (diffStep, bool) {
	slot := g.r.IntN(diffTxs)
	on, handle := g.place()
	if g.txs[slot].open || on.kind == 't' {
		return diffStep{}, false
	}
	tx := diffSlot{open: true, handle: handle, conn: -1}
	if on.kind == 'c' {
		tx.conn = on.n
	}
	s := diffStep{do: "begin", on: on, slot: slot, options: g.r.IntN(len(diffTxOptions))}
	if s.options == len(diffTxOptions)-1 { // fails
		tx.open = false
	}
	g.txs[slot] = tx
	return s, true
}

func (g *diffGen) end() (diffStep, bool) {
	slot := g.r.IntN(diffTxs)
	if !g.txs[slot].open && g.r.IntN(10) > 0 {
		return diffStep{}, false
	}
	s := diffStep{do: pick(g.r, "commit", "commit", "rollback", "abandon"), on: diffPlace{'t', slot}}
	wasOpen := g.txs[slot].open
	g.txs[slot].open = false
	if s.do == "abandon" && wasOpen && g.txs[slot].conn >= 0 {
		g.connClosed(g.txs[slot].conn)
	}
	return s, true
}

func (g *diffGen) prepare() (diffStep, bool) {
	slot := g.r.IntN(diffStmts)
	on, handle := g.place()
	solo := g.handles[handle].solo()
	x := pick(g.r, diffPlain...)
	switch g.r.IntN(6) {
	case 0, 1:
		if solo || on.kind == 'c' {
			x = pick(g.r, diffState...)
		}
	case 2, 3:
		x = diffQuotes
	case 4:
		x = pick(g.r, diffCompares...)
	}
	return g.prepareOn(slot, on, x)
}

func (g *diffGen) prepareOn(slot int, on diffPlace, x diffText) (diffStep, bool) {
	if x.name == diffCalls.name && on.kind == 'd' && !g.handles[on.n].solo() {
		return diffStep{}, false
	}
	if len(x.queries) > 1 || x.ends != "" || x.answersByEarlierRuns() && on.kind == 'd' {
		return diffStep{}, false
	}
	g.stmts[slot] = diffPrepared{made: true, on: on, text: x}
	s := g.run(x, on)
	return diffStep{do: "prepare", on: on, slot: slot, queries: s.queries, cancelled: s.cancelled}, true
}

// changeMeaning makes the text of a prepared statement mean something else from
// now on, where it was prepared. Mostly the statement runs next: it tells.
func (g *diffGen) changeMeaning() (diffStep, bool) {
	slot := g.r.IntN(diffStmts)
	s := g.stmts[slot]
	if !s.made || s.text.name != diffQuotes.name || s.on.kind == 'd' && !g.handles[s.on.n].solo() {
		return diffStep{}, false
	}
	if g.r.IntN(4) > 0 {
		g.then = func(g *diffGen) (diffStep, bool) { return g.useStmtOf(slot) }
	}
	return g.run(pick(g.r, diffSQLModes...), s.on), true
}

func (g *diffGen) useStmt() (diffStep, bool) { return g.useStmtOf(g.r.IntN(diffStmts)) }

// useStmtOf runs a prepared statement, on its own or in a transaction.
func (g *diffGen) useStmtOf(slot int) (diffStep, bool) {
	if !g.stmts[slot].made {
		return diffStep{}, false
	}
	x := g.stmts[slot].text
	s := diffStep{do: "stmt", on: g.stmts[slot].on, slot: slot}
	for i, tx := range g.txs {
		if x.read && s.on.kind == 'd' && tx.open && tx.handle == s.on.n && g.r.IntN(2) == 0 {
			s.do, s.on = "txstmt", diffPlace{'t', i}
		}
	}
	if x.args != nil {
		s.args = x.args(g.r)
	}
	s.cancelled = g.r.IntN(60) == 0
	return s, true
}

func (g *diffGen) closeStmt() (diffStep, bool) {
	slot := g.r.IntN(diffStmts)
	made := g.stmts[slot].made
	return diffStep{do: "close stmt", on: g.stmts[slot].on, slot: slot}, made
}

// reopen closes a handle and opens one in its place, often in the same pool.
func (g *diffGen) reopen() (diffStep, bool) {
	n := g.r.IntN(diffHandles)
	g.handleClosed(n)
	old := g.handles[n].variant
	g.handles[n] = g.handle()
	if g.r.IntN(2) == 0 && old != diffVariantAutocommit {
		g.handles[n].variant = old
	}
	return diffStep{do: "open", on: diffPlace{'d', n}, open: g.handles[n]}, true
}

func (g *diffGen) handleClosed(n int) {
	for i := range g.conns {
		if g.conns[i].handle == n {
			g.connClosed(i)
		}
	}
	for i := range g.txs {
		if g.txs[i].handle == n {
			g.txs[i].open = false
		}
	}
}

// cursorStep keeps rows open across other steps.
func (g *diffGen) cursorStep() (diffStep, bool) {
	if g.cursor {
		g.cursor = g.r.IntN(2) == 0
		if g.cursor {
			return diffStep{do: "fetch", slot: 0}, true
		}
		return diffStep{do: "close rows", slot: 0}, true
	}
	n := g.r.IntN(diffHandles)
	if g.handles[n].solo() || g.full(n) {
		return diffStep{}, false
	}
	g.cursor = true
	on := diffPlace{'d', n}
	s := g.run(diffText{queries: []string{"SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT %i"}}, on)
	return diffStep{do: "rows", on: on, queries: s.queries}, true
}

func (g *diffGen) kill() (diffStep, bool) {
	on, handle := g.place()
	// Of several idle connections the stock driver's handle takes the next one
	// when it finds the last dead; ours gives that a new physical one.
	ok := on.kind != 'd' || g.handles[handle].solo()
	return diffStep{do: "kill", on: on}, ok
}

func (g *diffGen) sleep() (diffStep, bool) {
	on, _ := g.place()
	return diffStep{do: "sleep", on: on}, g.r.IntN(3) == 0 // it takes long
}

func (g *diffGen) evict() (diffStep, bool) {
	slot := g.r.IntN(diffConns)
	if !g.conns[slot].open {
		return diffStep{}, false
	}
	g.connClosed(slot)
	return diffStep{do: "evict", on: diffPlace{'c', slot}}, true
}

// raw runs statements on the driver's connection, and now and then leaves a
// transaction behind that database/sql knows nothing of.
func (g *diffGen) raw() (diffStep, bool) {
	slot := g.r.IntN(diffConns)
	if !g.conns[slot].open {
		return diffStep{}, false
	}
	on := diffPlace{'c', slot}
	if g.r.IntN(3) == 0 {
		return diffStep{do: "leave", on: on}, true
	}
	x := pick(g.r, pick(g.r, diffPlain...), pick(g.r, diffState...))
	s := g.run(x, on)
	if len(s.args) > 0 {
		return diffStep{}, false
	}
	return diffStep{do: "raw", on: on, queries: s.queries, ends: s.ends}, true
}

func (g *diffGen) ping() (diffStep, bool) {
	on, _ := g.place()
	return diffStep{do: "ping", on: on, cancelled: g.r.IntN(10) == 0}, on.kind != 't'
}

// stranger is somebody with a wrong password, or for a schema that is not there.
func (g *diffGen) stranger() (diffStep, bool) {
	return diffStep{do: "stranger", on: diffPlace{'d', g.r.IntN(diffHandles)}, slot: g.r.IntN(2)}, true
}

// shared runs something on the handle that all actors use.
func (g *diffGen) shared() (diffStep, bool) {
	x := pick(g.r, pick(g.r, diffPlain...), pick(g.r, diffCompares...), diffProbes[0], diffProbes[1], diffCounter)
	s := diffStep{on: diffPlace{'g', 0}, do: "exec"}
	s.queries, s.args = x.fill(g.r)
	if x.read {
		s.do = pick(g.r, "query", "row", "part")
		if strings.Contains(strings.Join(s.queries, " "), "FOR UPDATE") {
			s.do = "query"
		}
	}
	return s, true
}
