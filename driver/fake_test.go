package mysqlpool

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// fakeServer stands in for a server behind the stock driver, so that tests can
// run on fake time. It answers every query with the connection's id.
type fakeServer struct {
	mu     sync.Mutex
	conns  []*fakeConn // every one that logged in, in this order
	logins int         // tried

	// Hooks, set before use.
	login func(ctx context.Context, n int) error                    // of the n-th login, from 1
	query func(ctx context.Context, c *fakeConn, text string) error // of every statement
	reach func(ctx context.Context, addr string) error              // of every login

	tellsLimits bool // it answers serverinfo.LimitsQuery; set before use

	addr               string // of the DSN
	waitTimeout        string // the answers to serverinfo.VariablesQuery; guarded by mu while serverinfo.LimitsQuery may be answered
	maxConnections     string
	sessionWaitTimeout string // what init_connect sets; "": nothing
	maxUserGlobal      string
	maxUserOf          map[string]string // by user, where it is not the global one
	autocommit         string
	initConnect        string
	readOnly           map[string]bool   // hosts that take no writes
	unready            map[string]bool   // hosts that are no part of their cluster; nil: there is none
	members            map[string]string // state and role of each host in its replication group; nil: there is none
	others             map[string]string // variables that the server has besides
	stopped            map[string]bool   // hosts whose replication has stopped
	role               string            // the session's; "": the server has no roles
	resets             bool              // it knows COM_RESET_CONNECTION
	bare               bool              // connections have none of the stock driver's fields
	bareStmts          bool              // ... nor statements
	unproved           bool              // it is not known yet how it restores a session
	proved             sync.Once         // that is noted, at the first login
}

func newFakeServer() *fakeServer {
	return &fakeServer{addr: "fake", waitTimeout: "28800", maxConnections: "151", maxUserGlobal: "0", autocommit: "1"}
}

// connector returns a connector for the server, with the options of a DSN's
// parameters. Each call makes a handle; those with equal params share a pool.
func (s *fakeServer) connector(t testing.TB, params string) *connector {
	t.Helper()
	return s.connectorTo(t, "app", params)
}

func (s *fakeServer) connectorTo(t testing.TB, schema, params string) *connector {
	t.Helper()
	cfg, err := dsn.Parse("app:secret@tcp(" + s.addr + ")/" + schema + "?" + params)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.Dial, c.Resolve = s.dial, nil
	return c
}

func (s *fakeServer) maxUser(user string) string {
	if own, ok := s.maxUserOf[user]; ok {
		return own
	}
	return s.maxUserGlobal
}

func (s *fakeServer) dial(ctx context.Context, h *physical.Host, schema string) (driver.Conn, error) {
	if !s.unproved {
		s.proved.Do(func() {
			const forever = 100 * 365 * 24 * time.Hour
			h.Server.Proofs.Undo.Set(serverinfo.Works, forever)
			h.Server.Proofs.Reset.Set(serverinfo.Works, forever)
			h.Server.Proofs.Pipeline.Set(serverinfo.Works, forever)
		})
	}
	s.mu.Lock()
	s.logins++
	n := s.logins
	s.mu.Unlock()
	if s.login != nil {
		if err := s.login(ctx, n); err != nil {
			return nil, err
		}
	}
	if s.reach != nil {
		if err := s.reach(ctx, h.Addr); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &fakeConn{server: s, id: len(s.conns) + 1, addr: h.Addr, user: h.Cfg.User, schema: schema, waitTimeout: cmp.Or(s.sessionWaitTimeout, s.waitTimeout)}
	if s.autocommit == "1" || s.autocommit == "ON" {
		c.status = stockdriver.StatusAutocommit
	}
	if s.resets {
		c.netConn = fakeSocket{fakeConn: c}
	}
	s.conns = append(s.conns, c)
	if s.bare {
		return struct{ physical.StockConn }{c}, nil
	}
	return c, nil
}

// fakeSocket answers commands that return no rows.
type fakeSocket struct {
	net.Conn
	*fakeConn
}

func (s fakeSocket) Close() error                  { return nil }
func (s fakeSocket) LocalAddr() net.Addr           { return nil }
func (s fakeSocket) RemoteAddr() net.Addr          { return nil }
func (s fakeSocket) SetDeadline(t time.Time) error { return nil }

func (s fakeSocket) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := 4 + (int(rest[0]) | int(rest[1])<<8 | int(rest[2])<<16)
		text := string(rest[5:n])
		switch code := rest[4]; code {
		case 0x03:
		case 0x0e:
			text = "ping"
		case 0x1f:
			text = "reset"
		default:
			panic(fmt.Sprintf("fake: got command %#x", code))
		}
		rest = rest[n:]
		err := s.run(context.Background(), text)
		if number := mysqlerr.Number(err); number != 0 {
			text := "#08S01" + err.(*mysql.MySQLError).Message
			s.answer = append(s.answer, byte(3+len(text)), 0, 0, 1, 0xff, byte(number), byte(number>>8))
			s.answer = append(s.answer, text...)
			continue
		} else if err != nil {
			return 0, err
		}
		s.answer = append(s.answer, 7, 0, 0, 1, 0, 0, 0, byte(s.status), byte(s.status>>8), 0, 0)
	}
	return len(b), nil
}

func (s fakeSocket) Read(b []byte) (int, error) {
	n := copy(b, s.answer)
	s.answer = s.answer[n:]
	return n, nil
}

// open returns how many connections are open, and how many ever were.
func (s *fakeServer) open() (open, ever int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if !c.closed {
			open++
		}
	}
	return open, len(s.conns)
}

// fakeConn is what the stock driver's connection is to the pool. Its fields are
// guarded by server.mu.
type fakeConn struct {
	server *fakeServer
	id     int
	addr   string // of the host that was logged in to
	user   string
	schema string
	closed bool
	dead   bool     // the socket is: what the liveness check sees
	looks  int      // how often that looked
	log    []string // what was sent
	stmts  int      // prepared and not closed
	late   int      // statements that were tried on it when it was closed or dead
	owner  int      // statements under way; more than one is a bug
	hidden bool     // a transaction was begun, which no answer showed

	waitTimeout string // the session's

	// The fields of the stock driver's connection that are read.

	status   uint16
	netConn  net.Conn
	compress bool //lint:ignore U1000 physical.fieldsOf looks for it

	answer []byte // not read from netConn yet
}

// run is a round trip.
func (c *fakeConn) run(ctx context.Context, text string) error {
	c.server.mu.Lock()
	if c.closed || c.dead {
		c.closed = true
		c.late++
		c.server.mu.Unlock()
		return driver.ErrBadConn
	}
	c.log = append(c.log, text)
	c.owner++
	if c.owner > 1 {
		panic("fake: two at once on one physical connection")
	}
	c.server.mu.Unlock()
	defer func() {
		c.server.mu.Lock()
		c.owner--
		c.server.mu.Unlock()
	}()
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.server.query != nil {
		err := c.server.query(ctx, c, text)
		if ctx.Err() != nil {
			c.server.mu.Lock()
			c.closed = true // as the stock driver does when it is cancelled
			c.server.mu.Unlock()
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
	c.status &^= stockdriver.StatusUnknown // each answer but an error has the flags
	if c.hidden {
		c.status |= stockdriver.StatusInTransaction
		c.hidden = false
	}
	switch text {
	case "BEGIN", "begin":
		c.status |= stockdriver.StatusInTransaction
	case "COMMIT", "ROLLBACK", "commit", "rollback", "reset":
		c.status &^= stockdriver.StatusInTransaction
	}
	if schema, ok := strings.CutPrefix(text, "USE "); ok {
		c.set(func() { c.schema = strings.Trim(schema, "`") })
	}
	return nil
}

// refuse makes a statement fail with the server's error.
func refuse(text string, number uint16) func(context.Context, *fakeConn, string) error {
	return func(_ context.Context, _ *fakeConn, got string) error {
		if got == text {
			return &mysql.MySQLError{Number: number, Message: "fake: refused"}
		}
		return nil
	}
}

func (c *fakeConn) sent() []string {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return slices.Clone(c.log)
}

func (c *fakeConn) set(f func()) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	f()
}

func (c *fakeConn) get(f func() bool) bool {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return f()
}

func (c *fakeConn) Close() error {
	c.set(func() { c.closed = true })
	return nil
}

func (c *fakeConn) IsValid() bool { return c.get(func() bool { return !c.closed }) }

func (c *fakeConn) ResetSession(context.Context) error {
	c.set(func() { c.looks++ })
	if c.get(func() bool { return c.closed || c.dead }) {
		return driver.ErrBadConn
	}
	return nil
}

func (c *fakeConn) Ping(ctx context.Context) error { return c.run(ctx, "ping") }

// CheckNamedValue converts as the stock driver does, to what it can send.
func (c *fakeConn) CheckNamedValue(nv *driver.NamedValue) (err error) {
	nv.Value, err = driver.DefaultParameterConverter.ConvertValue(nv.Value)
	return err
}

func (c *fakeConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) > 0 {
		return nil, driver.ErrSkip
	}
	return driver.RowsAffected(1), c.run(ctx, query)
}

func (c *fakeConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) > 0 {
		return nil, driver.ErrSkip
	}
	if strings.Contains(query, "CURRENT_ROLE()") && c.server.role == "" {
		return nil, &mysql.MySQLError{Number: 1305, Message: "fake: no roles"}
	}
	if query == serverinfo.LimitsQuery && !c.server.tellsLimits {
		return nil, &mysql.MySQLError{Number: 1193, Message: "fake: no limits"}
	}
	if err := c.run(ctx, query); err != nil {
		return nil, err
	}
	row := []driver.Value{int64(c.id)}
	switch {
	case query == serverinfo.LimitsQuery:
		c.server.mu.Lock()
		row = []driver.Value{c.server.maxConnections, c.server.maxUser(c.user), c.server.maxUserGlobal, c.server.waitTimeout, c.waitTimeout, "-1", c.server.initConnect}
		c.server.mu.Unlock()
	case query == serverinfo.VariablesQuery, query == "SHOW SESSION VARIABLES":
		rows := &fakeRows{}
		for name, value := range c.variables() {
			rows.rows = append(rows.rows, []driver.Value{name, value})
		}
		return rows, nil
	case query == "SELECT CURRENT_ROLE()":
		row = []driver.Value{c.server.role}
	case query == serverinfo.ConnQuery:
		row = append(row, c.server.autocommit)
	case strings.HasPrefix(query, serverinfo.ConnQuery):
		row = append(row, c.server.autocommit)
		query, answers := c.answers(query)
		query, asksRole := strings.CutSuffix(query, ", CURRENT_ROLE()")
		for name := range strings.SplitSeq(strings.TrimPrefix(query, serverinfo.ConnQuery+", @@"), ", @@") {
			row = append(row, c.variables()[name])
		}
		if asksRole {
			row = append(row, c.server.role)
		}
		row = append(row, answers...)
	case strings.HasPrefix(query, "SELECT DATABASE(), @@autocommit"):
		row = []driver.Value{c.schema, c.server.autocommit}
		query, asksRole := strings.CutSuffix(query, ", CURRENT_ROLE()")
		for name := range strings.SplitSeq(strings.TrimPrefix(query, "SELECT DATABASE(), @@autocommit, @@"), ", @@") {
			row = append(row, c.variables()[name])
		}
		if asksRole {
			row = append(row, c.server.role)
		}
	case query == "SELECT DATABASE()":
		row = []driver.Value{c.schema}
	case strings.HasPrefix(query, "SELECT @@global.read_only"):
		_, row = c.answers(query)
	case query == "SHOW REPLICA STATUS":
		return c.replicaStatus(), nil
	}
	return &fakeRows{rows: [][]driver.Value{row}}, nil
}

// answers answers the questions of a host that a query ends with, and returns it
// without them.
func (c *fakeConn) answers(query string) (rest string, values []driver.Value) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	for _, q := range slices.Backward(serverinfo.RoleColumns) {
		cut, ok := strings.CutSuffix(query, q.Column)
		if !ok {
			continue
		}
		query = strings.TrimSuffix(cut, ", ")
		var value driver.Value
		switch q.Query {
		case serverinfo.QueryReadOnly:
			value = int64(0)
			if c.server.readOnly[c.addr] {
				value = int64(1)
			}
		case serverinfo.QueryWsrepReady:
			value = "ON"
			if c.server.unready[c.addr] {
				value = "OFF"
			}
		case serverinfo.QueryMember:
			value = c.server.members[c.addr]
		}
		values = append([]driver.Value{value}, values...)
	}
	return query, values
}

func (c *fakeConn) replicaStatus() *fakeRows {
	running := "Yes"
	if c.get(func() bool { return c.server.stopped[c.addr] }) {
		running = "No"
	}
	return &fakeRows{names: []string{"Replica_IO_Running", "Replica_SQL_Running"}, rows: [][]driver.Value{{"Yes", running}}}
}

// variables is the answers to serverinfo.VariablesQuery.
func (c *fakeConn) variables() map[string]string {
	all := c.sessionVariables()
	if c.server.unready != nil {
		all["version"], all["wsrep_on"], all["wsrep_provider"] = "10.11.6-MariaDB", "ON", "/usr/lib/galera/libgalera_smm.so"
	}
	maps.Copy(all, c.server.others)
	if c.server.members != nil {
		all["group_replication_group_name"] = "aaaaaaaa"
	}
	return all
}

func (c *fakeConn) sessionVariables() map[string]string {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return map[string]string{
		"pseudo_thread_id": strconv.Itoa(c.id), "version": "8.4.0", "init_connect": c.server.initConnect,
		"max_connections": c.server.maxConnections, "max_user_connections": c.server.maxUser(c.user),
		"read_only":    map[bool]string{true: "ON", false: "OFF"}[c.server.readOnly[c.addr]],
		"wait_timeout": c.waitTimeout, "autocommit": c.server.autocommit, "time_zone": "SYSTEM",
		"character_set_client": "utf8mb4", "character_set_results": "utf8mb4", "collation_connection": "utf8mb4_bin",
	}
}

func (c *fakeConn) Exec(query string, args []driver.Value) (driver.Result, error) {
	return c.ExecContext(context.Background(), query, make([]driver.NamedValue, len(args)))
}

func (c *fakeConn) Query(query string, args []driver.Value) (driver.Rows, error) {
	return c.QueryContext(context.Background(), query, make([]driver.NamedValue, len(args)))
}

func (c *fakeConn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c *fakeConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.run(ctx, "prepare "+query); err != nil {
		return nil, err
	}
	c.set(func() { c.stmts++ })
	if c.server.bareStmts {
		return struct{ physical.StockStmt }{&fakeStmt{c: c, query: query}}, nil
	}
	return &fakeStmt{c: c, query: query}, nil
}

func (c *fakeConn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

func (c *fakeConn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	if err := c.run(ctx, "begin"); err != nil {
		return nil, err
	}
	return fakeTx{c}, nil
}

type fakeTx struct{ c *fakeConn }

func (t fakeTx) Commit() error   { return t.c.run(context.Background(), "commit") }
func (t fakeTx) Rollback() error { return t.c.run(context.Background(), "rollback") }

type fakeStmt struct {
	c     *fakeConn
	query string

	columns []string //lint:ignore U1000 stockdriver.ColumnsOf looks for it
}

func (s *fakeStmt) Close() error {
	s.c.set(func() {
		s.c.stmts--
		s.c.log = append(s.c.log, "close "+s.query)
	})
	return nil
}

func (s *fakeStmt) NumInput() int                            { return strings.Count(s.query, "?") }
func (s *fakeStmt) CheckNamedValue(*driver.NamedValue) error { return nil }
func (s *fakeStmt) ColumnConverter(int) driver.ValueConverter {
	return driver.DefaultParameterConverter
}
func (s *fakeStmt) Exec([]driver.Value) (driver.Result, error) {
	return s.ExecContext(context.Background(), nil)
}
func (s *fakeStmt) Query([]driver.Value) (driver.Rows, error) {
	return s.QueryContext(context.Background(), nil)
}

func (s *fakeStmt) ExecContext(ctx context.Context, _ []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), s.c.run(ctx, "execute "+s.query)
}

func (s *fakeStmt) QueryContext(ctx context.Context, _ []driver.NamedValue) (driver.Rows, error) {
	if err := s.c.run(ctx, "execute "+s.query); err != nil {
		return nil, err
	}
	return &fakeRows{rows: [][]driver.Value{{int64(s.c.id)}}}, nil
}

type fakeRows struct {
	names []string
	rows  [][]driver.Value
}

func (r *fakeRows) Columns() []string {
	if r.names != nil {
		return r.names
	}
	if len(r.rows) == 0 {
		return nil
	}
	return make([]string, len(r.rows[0]))
}
func (r *fakeRows) Close() error { return nil }
func (r *fakeRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}

// disposeAfter disposes of every pool when the test ends, and holds the sums.
func disposeAfter(t testing.TB) {
	t.Cleanup(func() {
		checkSums(t)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := Dispose(ctx); err != nil {
			t.Error(err)
		}
	})
}

// checkSums checks what PoolStats says always holds.
func checkSums(t testing.TB) {
	t.Helper()
	for _, s := range Stats() {
		if s.Open != s.InUse+s.Idle+s.Pinned {
			t.Errorf("open is not in use + idle + pinned: %+v", s)
		}
		if s.Opened != int64(s.Open)+s.Recycled+s.IdleClosed+s.Broken+s.Dirty+s.Overflow+s.Unclosed+s.Disposed+s.Invalidated {
			t.Errorf("opened is not open + closed: %+v", s)
		}
	}
}

// onePool returns the only pool there is.
func onePool(t testing.TB) PoolStats {
	t.Helper()
	all := Stats()
	if len(all) != 1 {
		t.Fatalf("got %d pools, want 1: %+v", len(all), all)
	}
	return all[0]
}

var errServer = &mysql.MySQLError{Number: 1064, Message: "fake: no"}
