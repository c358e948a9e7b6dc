package suite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
)

// diffRun is one actor of a program at work with one driver.
type diffRun struct {
	w      *diffWorld
	driver string
	actor  int
	seed   uint64
	ctx    context.Context // ends if the program takes far too long
	shared *diffDB
	at     atomic.Int64 // the step under way, for those who find it stuck

	dbs     [diffHandles]*diffDB
	conns   [diffConns]*diffConn
	txs     [diffTxs]*diffTx
	stmts   [diffStmts]*diffStmt
	rows    *sql.Rows
	rowsOn  *diffDB
	guests  *diffDB // while a guest is at work
	answers []string
}

// diffDB is a handle and how many of its connections the actor holds.
type diffDB struct {
	*sql.DB
	diffHandle
	held int
}

type diffConn struct {
	*sql.Conn
	db   *diffDB
	slot int
	open bool
}

type diffTx struct {
	*sql.Tx
	cancel context.CancelFunc
	db     *diffDB
	conn   *diffConn // or nil
	open   bool
}

type diffStmt struct {
	*sql.Stmt
	db   *diffDB // if it was prepared on a handle
	conn *diffConn

	locks bool // it may lock rows of its lane's table in a transaction
}

// runDiff runs a program and returns each actor's answers.
func runDiff(w *diffWorld, driver string, p *diffProgram) (answers [][]string, err error) {
	w.slow.Store("none")
	ctx, cancel := context.WithTimeout(context.Background(), diffPatience)
	defer cancel()
	if err := w.makeOwn(p); err != nil {
		return nil, err
	}
	db, err := w.open(driver, p.shared)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if p.seed%2 == 0 {
		w.warm(driver, p)
	}
	runs := make([]*diffRun, len(p.actors))
	for i := range runs {
		runs[i] = &diffRun{w: w, driver: driver, actor: i, seed: p.seed, ctx: ctx, shared: &diffDB{DB: db, diffHandle: p.shared}}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		inParallel(len(runs), func(i int) { runs[i].all(p.actors[i]) })
	}()
	select {
	case <-done:
	case <-time.After(2 * diffPatience):
		stuck := ""
		for i, r := range runs {
			stuck += fmt.Sprintf("actor %d is at step %d; ", i, r.at.Load())
		}
		return nil, fmt.Errorf("%s: stuck: %s", driver, stuck)
	}
	for _, r := range runs {
		answers = append(answers, r.answers)
	}
	return answers, nil
}

// warm has a connection of each pool find out what it can do with schemas, which it does
// when it has switched often enough. Programs are too short for that.
func (w *diffWorld) warm(driver string, p *diffProgram) {
	for _, v := range p.variants() {
		for n := range 6 {
			h := diffHandle{schema: []string{"a", "b"}[n%2], variant: v, maxOpen: 1}
			if db, err := w.open(driver, h); err == nil {
				db.Exec("SELECT name FROM which_schema")
				db.Close()
			}
		}
	}
}

// diffPatience is how long a program may take. Most take some 20 ms.
const diffPatience = 15 * time.Second

// all runs an actor's steps, and closes what is open at the end.
func (r *diffRun) all(a diffActor) {
	defer func() {
		if p := recover(); p != nil {
			r.answers = append(r.answers, fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	for i, h := range a.handles {
		r.reopen(i, h)
	}
	for i, s := range a.steps {
		r.at.Store(int64(i))
		start := time.Now()
		answer := r.step(i, s)
		if took := time.Since(start); took > time.Second {
			r.w.slow.Store(fmt.Sprintf("actor %d, step %d took %v: %v", r.actor, i, took, s))
		}
		r.answers = append(r.answers, diffReplace(answer, r.w.name, "w"))
	}
	r.at.Store(-1)
	for i := range r.dbs {
		r.closeDB(i)
	}
	for _, s := range r.stmts {
		if s != nil {
			s.Close()
		}
	}
}

const nothingThere = "nothing there"

// step runs a step and returns its answer.
func (r *diffRun) step(n int, s diffStep) string {
	ctx := r.ctx
	if s.plain {
		ctx = context.Background()
	}
	if s.cancelled {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		cancel()
	}
	if do := diffDoes[s.do]; do != nil {
		return do(r, ctx, s)
	}
	q, ok := r.querier(s.on)
	if !ok || r.w.noKill && (s.do == "kill" || s.do == "sleep") {
		return nothingThere
	}
	switch s.do {
	case "kill":
		return r.kill(ctx, s, q)
	case "sleep":
		return r.sleep(ctx, n, q)
	}
	return r.statements(ctx, s, q)
}

// diffDoes is all that a step can do but to run statements.
var diffDoes map[string]func(*diffRun, context.Context, diffStep) string

func init() {
	diffDoes = map[string]func(*diffRun, context.Context, diffStep) string{
		"open": func(r *diffRun, _ context.Context, s diffStep) string { return r.reopen(s.on.n, s.open) },
		"conn": (*diffRun).openConn, "close": (*diffRun).closeConn, "evict": (*diffRun).evict,
		"raw": (*diffRun).raw, "leave": (*diffRun).leave,
		"begin": (*diffRun).begin, "commit": (*diffRun).end, "rollback": (*diffRun).end, "abandon": (*diffRun).abandon,
		"prepare": (*diffRun).prepare, "stmt": (*diffRun).stmt, "txstmt": (*diffRun).txStmt, "close stmt": (*diffRun).closeStmt,
		"rows": (*diffRun).openRows, "fetch": (*diffRun).fetch, "close rows": (*diffRun).closeRows,
		"ping": (*diffRun).ping, "stranger": (*diffRun).stranger,
		"guest": (*diffRun).guest, "remake": (*diffRun).remake, "kill itself": (*diffRun).killItself,
	}
}

// querier returns what runs statements at a place, unless that would wait for
// this actor itself.
func (r *diffRun) querier(on diffPlace) (querier, bool) {
	switch on.kind {
	case 'g':
		return r.shared, true
	case 'd':
		return r.dbs[on.n], r.dbs[on.n].free()
	case 'c':
		c := r.conns[on.n]
		return c, r.free(c)
	default:
		t := r.txs[on.n]
		return t, t != nil
	}
}

// free reports whether a sql.Conn is there and no transaction is open on it: if
// the connection is lost then, database/sql closes the sql.Conn, and that waits
// for the transaction, for ever.
func (r *diffRun) free(c *diffConn) bool {
	for _, t := range r.txs {
		if t != nil && t.open && t.conn == c {
			return false
		}
	}
	return c != nil
}

func (db *diffDB) free() bool { return db.maxOpen == 0 || db.held < db.maxOpen }

// lane is which session a place is. On a handle with one connection all is one
// session, whichever way it is used; a Tx on a sql.Conn is one with it.
func (r *diffRun) lane(on diffPlace) (lane string, db *diffDB) {
	switch on.kind {
	case 'g':
		db = r.shared
	case 'd':
		db = r.dbs[on.n]
	case 'x':
		return fmt.Sprintf("%dx0", r.actor), r.guests
	case 'c':
		db = r.conns[on.n].db
	case 't':
		t := r.txs[on.n]
		db = t.db
		if t.conn != nil {
			on = diffPlace{'c', t.conn.slot}
		}
	}
	if db.solo() && on.kind != 'g' {
		on = diffPlace{'d', r.handleNumber(db)}
	}
	return fmt.Sprintf("%d%c%d", r.actor, on.kind, on.n), db
}

// text fills in the names: {w} is the world, {t} the lane's table, {n} the one
// that it makes, {l} its named lock. A handle without a schema has to name one.
func (r *diffRun) text(on diffPlace, query string) string {
	if !strings.Contains(query, "{") {
		return query
	}
	lane, db := r.lane(on)
	in := ""
	if db.schema != "a" && db.schema != "b" {
		in = "{w}a."
	}
	query = r.ownText(diffReplace(query, "{actor}", fmt.Sprint(r.actor)), lane)
	query = diffReplace(query, "{t}", in+"t_"+lane)
	query = diffReplace(query, "{n}", in+"n_"+lane)
	return r.w.text(diffReplace(query, "{l}", "{w}_"+lane))
}

// mayStay reports whether what a step leaves keeps nobody waiting.
func (r *diffRun) mayStay(s diffStep) bool {
	switch s.ends {
	case "":
		return true
	case "session":
		_, db := r.lane(s.on)
		return s.on.kind != 'd' || db.solo()
	case "held":
		return s.on.kind == 'c' || s.on.kind == 't'
	}
	_, db := r.lane(s.on)
	return s.on.kind == 'c' || db.solo()
}

// statements runs a step's statements until one fails.
func (r *diffRun) statements(ctx context.Context, s diffStep, q querier) string {
	if !r.mayStay(s) {
		return nothingThere
	}
	var b strings.Builder
	for i, query := range s.queries {
		query = r.text(s.on, query)
		if i < len(s.queries)-1 {
			answer := diffResult(q.ExecContext(ctx, query))
			b.WriteString(answer + "\n")
			if !strings.HasPrefix(answer, "affected") {
				break
			}
			continue
		}
		for n := range 1 + s.repeat {
			if n > 0 && n <= len(s.others) {
				s.args = s.others[n-1]
			}
			b.WriteString(r.statement(ctx, s, q, query))
		}
	}
	return b.String()
}

// statement runs a step's last statement.
func (r *diffRun) statement(ctx context.Context, s diffStep, q querier, query string) string {
	args := r.args(s.on, s.args)
	switch s.do {
	case "exec":
		return diffResult(q.ExecContext(ctx, query, args...))
	case "query":
		rows, err := q.QueryContext(ctx, query, args...)
		return diffRows(rows, err, everyRow)
	case "part":
		rows, err := q.QueryContext(ctx, query, args...)
		return diffRows(rows, err, 1)
	case "row":
		var v any
		err := q.QueryRowContext(ctx, query, args...).Scan(&v)
		return diffValue(v) + " " + diffError(err)
	}
	return ""
}

func (r *diffRun) args(on diffPlace, args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		if text, ok := a.(string); ok {
			a = r.text(on, text)
		}
		out[i] = a
	}
	return out
}

// reopen closes a handle and all that is open on it, and opens another.
func (r *diffRun) reopen(n int, h diffHandle) string {
	r.closeDB(n)
	db, err := r.w.open(r.driver, r.own(h))
	if err != nil {
		return diffError(err)
	}
	r.dbs[n] = &diffDB{DB: db, diffHandle: h}
	return "ok"
}

// own puts the name of the actor's own schema into a handle.
func (r *diffRun) own(h diffHandle) diffHandle {
	if h.schema == "x" {
		h.schema = r.w.ownSchema(r.seed, r.actor)
	}
	return h
}

func (r *diffRun) closeDB(n int) {
	db := r.dbs[n]
	if db == nil {
		return
	}
	if r.rowsOn == db {
		r.closeRows(r.ctx, diffStep{})
	}
	for _, t := range r.txs {
		if t != nil && t.open && t.db == db && t.conn == nil {
			t.finish(t.Rollback())
		}
	}
	for _, c := range r.conns {
		if c != nil && c.open && c.db == db {
			r.release(c)
		}
	}
	db.Close()
}

func (r *diffRun) openConn(ctx context.Context, s diffStep) string {
	db := r.dbs[s.on.n]
	if c := r.conns[s.slot]; c != nil && c.open || !db.free() {
		return nothingThere
	}
	c, err := db.Conn(ctx)
	if err == nil {
		r.conns[s.slot] = &diffConn{Conn: c, db: db, slot: s.slot, open: true}
		db.held++
	}
	return diffError(err)
}

func (r *diffRun) closeConn(_ context.Context, s diffStep) string {
	c := r.conns[s.on.n]
	if c == nil {
		return nothingThere
	}
	return r.release(c)
}

// release puts a sql.Conn away. On a handle with several, what others would have
// to wait for must not stay on it.
func (r *diffRun) release(c *diffConn) string {
	r.endTxs(c)
	if c.open && !c.db.solo() {
		for _, query := range []string{"SET completion_type = 0", "ROLLBACK", "UNLOCK TABLES", "SET autocommit = 1", fmt.Sprintf("DO RELEASE_LOCK('{w}_%dc%d')", r.actor, c.slot), "HANDLER h CLOSE"} {
			c.ExecContext(r.ctx, r.w.text(query))
		}
	}
	return c.put()
}

func (c *diffConn) put() string {
	if c.open {
		c.open = false
		c.db.held--
	}
	return diffError(c.Close())
}

// endTxs ends the transactions on a sql.Conn, whose Close would wait for them.
func (r *diffRun) endTxs(c *diffConn) {
	for _, t := range r.txs {
		if t != nil && t.open && t.conn == c {
			t.finish(t.Rollback())
		}
	}
}

func (t *diffTx) finish(err error) string {
	t.cancel()
	if t.open {
		t.open = false
		if t.conn == nil {
			t.db.held--
		}
	}
	return diffError(err)
}

// evict makes database/sql throw a connection away.
func (r *diffRun) evict(_ context.Context, s diffStep) string {
	c := r.conns[s.on.n]
	if c == nil || !c.open {
		return nothingThere
	}
	r.endTxs(c)
	id, err := askConnectionID(c)
	if err != nil {
		return diffError(err)
	}
	err = c.Raw(func(any) error { return driver.ErrBadConn })
	answer := diffError(err) + c.put()
	if err := r.w.wantGone(id); err != nil {
		return answer + " " + err.Error()
	}
	return answer
}

// raw runs statements on the driver's connection.
func (r *diffRun) raw(ctx context.Context, s diffStep) string {
	c := r.conns[s.on.n]
	if !r.free(c) {
		return nothingThere
	}
	answer := ""
	err := c.Raw(func(dc any) error {
		for _, query := range s.queries {
			result, err := dc.(driver.ExecerContext).ExecContext(ctx, r.text(s.on, query), nil)
			answer += diffResult(result, err) + "\n"
			if err != nil {
				return err
			}
		}
		return nil
	})
	return answer + diffError(err)
}

// leave begins a transaction that database/sql does not know of, and writes.
func (r *diffRun) leave(ctx context.Context, s diffStep) string {
	c := r.conns[s.on.n]
	if !r.free(c) || !c.open {
		return nothingThere
	}
	lane, _ := r.lane(s.on)
	err := c.Raw(func(dc any) error {
		if _, err := dc.(driver.ConnBeginTx).BeginTx(ctx, driver.TxOptions{}); err != nil {
			return err
		}
		_, err := dc.(driver.ExecerContext).ExecContext(ctx, "INSERT INTO "+r.w.name+"a.t_"+lane+" (v) VALUES (99)", nil)
		return err
	})
	return diffError(err)
}

func (r *diffRun) handleNumber(db *diffDB) int {
	for i := range r.dbs {
		if r.dbs[i] == db {
			return i
		}
	}
	return 0
}

func (r *diffRun) begin(ctx context.Context, s diffStep) string {
	if t := r.txs[s.slot]; t != nil && t.open {
		return nothingThere
	}
	t := &diffTx{open: true}
	ctx, t.cancel = context.WithCancel(ctx)
	options := &diffTxOptions[s.options].TxOptions
	var err error
	switch s.on.kind {
	case 'd':
		t.db = r.dbs[s.on.n]
		if !t.db.free() {
			t.cancel()
			return nothingThere
		}
		t.Tx, err = t.db.BeginTx(ctx, options)
	case 'c':
		t.conn = r.conns[s.on.n]
		if !r.free(t.conn) {
			t.cancel()
			return nothingThere
		}
		t.db = t.conn.db
		t.Tx, err = t.conn.BeginTx(ctx, options)
	}
	if err != nil {
		t.cancel()
		return diffError(err)
	}
	if t.conn == nil {
		t.db.held++
	}
	r.txs[s.slot] = t
	return "ok"
}

func (r *diffRun) end(_ context.Context, s diffStep) string {
	t := r.txs[s.on.n]
	if t == nil {
		return nothingThere
	}
	if s.do == "commit" {
		return t.finish(t.Commit())
	}
	return t.finish(t.Rollback())
}

// abandon ends a transaction by its context. database/sql rolls it back on
// another goroutine; it is waited for.
func (r *diffRun) abandon(_ context.Context, s diffStep) string {
	t := r.txs[s.on.n]
	if t == nil || !t.open {
		return nothingThere
	}
	t.cancel()
	t.Rollback() // whoever comes first
	t.finish(nil)
	if t.conn != nil {
		return r.release(t.conn) // waits
	}
	if err := tryFor(patience, func() error {
		if n := t.db.Stats().InUse; n > t.db.held {
			return fmt.Errorf("%d connections are in use after the rollback, want %d", n, t.db.held)
		}
		return nil
	}); err != nil {
		return err.Error()
	}
	return "ok"
}

func (r *diffRun) prepare(ctx context.Context, s diffStep) string {
	q, ok := r.querier(s.on)
	if !ok {
		return nothingThere
	}
	if old := r.stmts[s.slot]; old != nil {
		old.Close()
	}
	r.stmts[s.slot] = nil
	stmt, err := q.PrepareContext(ctx, r.text(s.on, s.queries[0]))
	if err != nil {
		return diffError(err)
	}
	x := &diffStmt{Stmt: stmt, locks: strings.Contains(s.queries[0], "{t}")}
	if s.on.kind == 'd' {
		x.db = r.dbs[s.on.n]
	} else if s.on.kind == 'c' {
		x.conn = r.conns[s.on.n]
	}
	r.stmts[s.slot] = x
	return "ok"
}

// stmt runs a prepared statement. All of them answer with rows: those without
// columns for what has none.
func (r *diffRun) stmt(ctx context.Context, s diffStep) string {
	x := r.stmts[s.slot]
	if x == nil || x.db != nil && !x.db.free() || x.conn != nil && !r.free(x.conn) {
		return nothingThere
	}
	rows, err := x.QueryContext(ctx, s.args...)
	return diffRows(rows, err, everyRow)
}

func (r *diffRun) txStmt(ctx context.Context, s diffStep) string {
	x, t := r.stmts[s.slot], r.txs[s.on.n]
	if x == nil || t == nil || x.db == nil || x.db != t.db || x.locks && !x.db.solo() {
		return nothingThere
	}
	rows, err := t.StmtContext(ctx, x.Stmt).QueryContext(ctx, s.args...)
	return diffRows(rows, err, everyRow)
}

func (r *diffRun) closeStmt(_ context.Context, s diffStep) string {
	if r.stmts[s.slot] == nil {
		return nothingThere
	}
	return diffError(r.stmts[s.slot].Close())
}

func (r *diffRun) openRows(ctx context.Context, s diffStep) string {
	db := r.dbs[s.on.n]
	if r.rows != nil || !db.free() {
		return nothingThere
	}
	rows, err := db.QueryContext(ctx, s.queries[0])
	if err == nil {
		r.rows, r.rowsOn = rows, db
		db.held++
	}
	return diffError(err)
}

func (r *diffRun) fetch(context.Context, diffStep) string {
	if r.rows == nil {
		return nothingThere
	}
	var b strings.Builder
	diffFetch(&b, r.rows, 1)
	return b.String()
}

func (r *diffRun) closeRows(context.Context, diffStep) string {
	if r.rows == nil {
		return nothingThere
	}
	r.rowsOn.held--
	err := r.rows.Close()
	r.rows, r.rowsOn = nil, nil
	return diffError(err)
}

func (r *diffRun) ping(ctx context.Context, s diffStep) string {
	q, ok := r.querier(s.on)
	if p, can := q.(interface{ PingContext(context.Context) error }); ok && can {
		return diffError(p.PingContext(ctx))
	}
	return nothingThere
}

// kill makes the server close a connection that is held, so that it is nobody
// else's, and on a sql.Conn or sql.Tx notices.
func (r *diffRun) kill(ctx context.Context, s diffStep, q querier) string {
	if db, ok := q.(*diffDB); ok {
		c, err := db.Conn(ctx)
		if err != nil {
			return diffError(err)
		}
		defer c.Close()
		q = c
	}
	id, err := askConnectionID(q)
	if err != nil {
		return diffError(err)
	}
	if err := r.w.kill(id); err != nil {
		return err.Error()
	}
	if s.on.kind == 'd' {
		return "killed"
	}
	_, err = q.ExecContext(ctx, "DO 1")
	answer := diffError(err)
	// Whether the first one was sent is chance, and with it whether database/sql
	// has closed the sql.Conn. Then it surely has.
	q.ExecContext(ctx, "DO 1")
	q.ExecContext(ctx, "DO 1")
	return answer
}

// sleep cancels a query while it runs, and waits until the server has given up
// what the session held.
func (r *diffRun) sleep(ctx context.Context, n int, q querier) string {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	mark := fmt.Sprintf("%s-%d-%d-", r.w.name, r.actor, n)
	found, returned := make(chan int64), make(chan struct{})
	go func() {
		id := r.w.running(mark, returned)
		cancel()
		found <- id
	}()
	rows, err := q.QueryContext(ctx, "SELECT SLEEP(5) /* "+mark+" */")
	answer := diffRows(rows, err, everyRow)
	close(returned)
	if id := <-found; id != 0 {
		if err := r.w.kill(id); err != nil {
			answer += err.Error()
		}
	}
	return answer
}

// stranger asks as somebody who must not get in.
func (r *diffRun) stranger(_ context.Context, s diffStep) string {
	h := r.own(r.dbs[s.on.n].diffHandle)
	cfg, err := mysql.ParseDSN(r.w.dsnOf(h))
	if err != nil {
		return err.Error()
	}
	if s.slot == 0 {
		cfg.Passwd += "x"
	} else {
		cfg.DBName = r.w.name + "nothing"
	}
	answer := ""
	for range 2 { // what the first one met must not let the second one in
		db, err := sql.Open(r.driver, cfg.FormatDSN())
		if err != nil {
			return err.Error()
		}
		var one int
		answer += diffError(db.QueryRowContext(r.ctx, "SELECT 1").Scan(&one)) + fmt.Sprintln(one)
		db.Close()
	}
	return answer
}
