package mysqlpool

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// defaultWaitTimeout is taken where neither the DSN nor the server says one.
const defaultWaitTimeout = 120 * time.Second

// serverFacts is what the pool wants to know of a server.
type serverFacts struct {
	waitTimeout        time.Duration
	maxConnections     int      // 0: unknown
	maxUserConnections int      // 0: none
	maxStmts           int      // max_prepared_stmt_count; below 0: unknown
	variables          []string // the session variables that it has of those that can be put back
	hasProfiles        bool     // SHOW PROFILES
	hasTraces          bool     // optimizer_trace_offset
	maxPacket          int      // bytes; 0: unknown
	hasRoles           bool
	asks               hostQuestions // what it is asked of itself at each login
	fixesTypes         bool          // see there
	cachesSubqueries   bool          // see there
	mariaDB            bool
	runsAtPrepare      bool // functions of constants run when a statement is prepared (TiDB)
}

// Of each connection the pool wants to know its id, for logs, and the variables
// that it may have to put back. The first one answers for the server as well,
// and says which variables there are: one query for all.
var askServer = "SHOW SESSION VARIABLES WHERE Variable_name IN ('" +

	strings.Join(slices.Concat(session.VariableNames(), serverVariables, limitVariables, hostVariables), "', '") + "')"
var serverVariables = []string{"pseudo_thread_id", "version", "init_connect", "max_connections", "max_user_connections", "max_prepared_stmt_count", "read_only"}

// limitVariables is what does without an answer.
var limitVariables = []string{"max_allowed_packet", "net_buffer_length", "have_profiling", "optimizer_trace_offset"}

// askConn is what any server can answer.
const askConn = "SELECT CONNECTION_ID(), @@autocommit"

// askFor is what a later connection is asked for. A user variable or a column
// cannot be meant, so that the names need no quotes.
func (s *serverFacts) askFor() []string {
	asks := append(make([]string, 0, len(s.variables)+5), strings.Split(strings.TrimPrefix(askConn, "SELECT "), ", ")...)
	asks = append(asks, "@@init_connect")
	for _, name := range s.variables {
		asks = append(asks, "@@"+name)
	}
	if s.hasRoles {
		asks = append(asks, "CURRENT_ROLE()")
	}
	return append(asks, s.asks.columns()...)
}

// ask finds out about a new connection, and about its server if it is the
// pool's first. A server that does not know the variables, as a proxy might
// not, is no reason to fail; nor is one that wants a new password first. Any
// other error is: it must not decide for all the connections to come.
func (l *login) ask(ctx context.Context, p *physical) error {
	if p.opaque {
		row, err := queryRow(ctx, p, "SELECT DATABASE()")
		if err != nil {
			return unlessExpired(err)
		}
		p.home, p.schema = row[0], row[0]
	}
	if p.host.learned.Load() == nil {
		values, err := p.showVariables(ctx)
		if err == nil && values["version"] == "" {
			values, err = selectVariables(ctx, p) // sql_select_limit cut it off
		}
		if err == nil && values["pseudo_thread_id"] == "" {
			err = p.askID(ctx)
		}
		if err == nil {
			values["role"], err = askRole(ctx, p)
		}
		switch {
		case err == nil:
			l.learn(ctx, p.host, values)
			l.know(p, values)
			return l.askFirst(ctx, p, values)
		case !cannotTell(err):
			return unlessExpired(err)
		}
		if mayPass(err) {
			if !p.host.toldBlind.Swap(true) {
				l.log().LogAttrs(ctx, slog.LevelWarn, "mysqlpool: the server does not tell its variables now: each login asks again, and until then pool_max_overflow has no limit, and connections with session state on them are closed",
					slog.String("login", l.name), slog.Any("error", err))
			}
			l.stmts.learn(-1)
			return unlessExpired(p.askID(ctx))
		}
		l.log().LogAttrs(ctx, slog.LevelWarn, "mysqlpool: the server does not tell its variables: pool_max_overflow has no limit, wait_timeout is taken to be what the DSN says, else 120 s, and connections with session state on them are closed; set pool_max_overflow and pool_recycle",
			slog.String("login", l.name), slog.Any("error", err))
		l.learn(ctx, p.host, nil)
	}
	server := p.host.learned.Load()
	if len(server.variables) == 0 {
		return unlessExpired(p.askID(ctx))
	}
	row, err := p.selectRow(ctx, server.askFor())
	switch {
	case errors.Is(err, errNoRow), mayPass(err):
		return unlessExpired(p.askID(ctx))
	case errorNumber(err) == 1193 && p.host.learned.CompareAndSwap(server, nil): // ER_UNKNOWN_SYSTEM_VARIABLE: it is another server by now
		return l.ask(ctx, p)
	case server.asks != 0 && cannotAnswer(err) && l.dropQuestions(ctx, p.host, server, err):
		return l.ask(ctx, p)
	case err != nil:
		return unlessExpired(err)
	}
	values := map[string]string{"pseudo_thread_id": row[0], "autocommit": row[1], "init_connect": row[2]}
	for i, name := range server.variables {
		values[name] = row[3+i]
	}
	rest := row[3+len(server.variables):]
	if server.hasRoles {
		values["role"], rest = rest[0], rest[1:]
	}
	l.know(p, values)
	p.answer = server.asks.answer(rest)
	return p.askReplication(ctx)
}

// askID asks for as little as can be. Without an answer autocommit counts as
// off: then every statement may leave a transaction open.
func (p *physical) askID(ctx context.Context) error {
	p.initConnect = true // the server may have run one
	row, err := queryRow(ctx, p, askConn)
	if err != nil {
		if cannotTell(err) {
			return nil
		}
		return err
	}
	p.id, _ = strconv.ParseUint(row[0], 10, 64)
	p.autocommitAtLogin = isOn(row[1])
	return nil
}

// know takes what a connection's variables are after the login. Most have the
// same, and share the memory.
func (l *login) know(p *physical, values map[string]string) {
	if id, err := strconv.ParseUint(values["pseudo_thread_id"], 10, 64); err == nil {
		p.id = id
	}
	p.autocommitAtLogin = isOn(values["autocommit"])
	p.initConnect = values["init_connect"] != ""
	p.roleAtLogin = values["role"]
	s := p.host.learned.Load()
	p.baseline = session.NewBaseline(values, session.Charsets{
		CollatesClient: s == nil || !s.fixesTypes,
		OneByOne:       p.config.oneByOne || p.initConnect && p.config.setNames == nil,
	})
	if latest := p.host.baseline.Load(); latest != nil && *latest == *p.baseline {
		p.baseline = latest
	} else {
		p.host.baseline.Store(p.baseline)
	}
}

func isOn(value string) bool { return value == "1" || value == "ON" }

// isReadOnlyValue reports whether a value of read_only means that writes are
// refused. Newer MariaDBs have more of them than ON: NO_LOCK, NO_LOCK_NO_ADMIN
// (MariaDB manual, "read_only").
func isReadOnlyValue(value string) bool { return value != "" && value != "0" && value != "OFF" }

// showVariables returns the answer to askServer, with others if that text is too
// long.
func (p *physical) showVariables(ctx context.Context) (map[string]string, error) {
	query := askServer
	if limit := p.maxText(); limit > 0 && len(query) > limit {
		query = "SHOW SESSION VARIABLES"
	}
	all, err := queryRows(ctx, p, query)
	if err != nil {
		return nil, err
	}
	values := make(map[string]string, len(all))
	for _, row := range all {
		if len(row) != 2 {
			return nil, fmt.Errorf("mysqlpool: SHOW SESSION VARIABLES: got %d columns, want 2", len(row))
		}
		values[strings.ToLower(row[0])] = row[1]
	}
	return values, nil
}

// selectVariables asks for the server's variables alone, in one row.
func selectVariables(ctx context.Context, c driver.QueryerContext) (map[string]string, error) {
	names := append([]string{"autocommit", "wait_timeout"}, serverVariables[1:]...)
	row, err := queryRow(ctx, c, "SELECT CONNECTION_ID(), @@"+strings.Join(names, ", @@"))
	if err != nil {
		return nil, err
	}
	values := map[string]string{"pseudo_thread_id": row[0]}
	for i, name := range names {
		values[name] = row[1+i]
	}
	return values, nil
}

// askRole asks for the session's role; noRoles of a server that has none.
func askRole(ctx context.Context, c driver.QueryerContext) (string, error) {
	row, err := queryRow(ctx, c, "SELECT CURRENT_ROLE()")
	switch {
	case err == nil:
		return row[0], nil
	case isUnready(err):
	case errorNumber(err) != 0 || errors.Is(err, errNoRow):
		return noRoles, nil
	}
	return "", err
}

// noRoles is no role's name.
const noRoles = "\x00"

// cannotTell reports whether the server does not know what it was asked.
func cannotTell(err error) bool {
	if errors.Is(err, errNoRow) {
		return true
	}
	switch errorNumber(err) {
	case 1064, 1105, 1193, 1235: // ER_PARSE_ERROR, ER_UNKNOWN_ERROR, ER_UNKNOWN_SYSTEM_VARIABLE, ER_NOT_SUPPORTED_YET
		return true
	}
	return false
}

// mayPass reports whether an error that says that the server does not know may be
// of the moment: Vitess and proxies answer with it what they have no number for,
// such as that no backend is healthy.
func mayPass(err error) bool { return errorNumber(err) == 1105 } // ER_UNKNOWN_ERROR

// unlessExpired returns nil for an expired password: the user can do one thing
// on the connection, which is to set another (MySQL manual, "Server Handling of
// Expired Passwords").
func unlessExpired(err error) error {
	if errorNumber(err) == 1820 { // ER_MUST_CHANGE_PASSWORD
		return nil
	}
	return err
}

// learn takes what the pool's first connection says of the server; nil if that
// says nothing. The DSN's wait_timeout counts more: it is what the session was
// set to.
func (l *login) learn(ctx context.Context, h *host, values map[string]string) {
	s := serverFacts{
		hasRoles:         values != nil && values["role"] != noRoles,
		fixesTypes:       fixesTypes(values["version"]),
		cachesSubqueries: cachesSubqueries(values["version"]),
		mariaDB:          strings.Contains(values["version"], "MariaDB"),
		runsAtPrepare:    strings.Contains(values["version"], "-TiDB-"),
	}
	s.hasProfiles = values["have_profiling"] == "YES"
	s.hasTraces = values["optimizer_trace_offset"] != ""
	s.maxConnections, _ = strconv.Atoi(values["max_connections"])
	packet, _ := strconv.Atoi(values["max_allowed_packet"])
	buffer, _ := strconv.Atoi(values["net_buffer_length"])
	s.maxPacket = max(packet, buffer)
	s.maxUserConnections, _ = strconv.Atoi(values["max_user_connections"])
	for _, name := range session.VariableNames() {
		if _, ok := values[name]; ok && name != "autocommit" {
			s.variables = append(s.variables, name)
		}
	}
	if l.hosts.tracks {
		s.asks = questionsOf(values)
	}
	var ok bool
	if s.waitTimeout, ok = waitTimeoutOf(h.config.params["wait_timeout"]); !ok {
		if s.waitTimeout, ok = waitTimeoutOf(values["wait_timeout"]); !ok {
			s.waitTimeout = defaultWaitTimeout
			if l.recycle == auto {
				l.log().LogAttrs(ctx, slog.LevelWarn, "mysqlpool: neither the DSN nor the server says wait_timeout: taking 120 s; set wait_timeout in the DSN, or pool_recycle",
					slog.String("login", l.name))
			}
		}
	}
	var err error
	switch s.maxStmts, err = strconv.Atoi(values["max_prepared_stmt_count"]); {
	case err != nil:
		s.maxStmts = -1
	case s.maxStmts < 0: // no limit (TiDB)
		s.maxStmts = math.MaxInt32
	}
	if !h.learned.CompareAndSwap(nil, &s) {
		return
	}
	l.applyLimits()
	h.share.learn(&s, values["wait_timeout"])
}

// least is the least that any host said of something, where unknown is nothing.
func (l *login) least(of func(*serverFacts) int, unknown int) int {
	n := unknown
	for _, h := range l.hosts.hosts {
		if s := h.learned.Load(); s != nil {
			if v := of(s); v != unknown && (n == unknown || v < n) {
				n = v
			}
		}
	}
	return n
}

// limit is how many connections the server lets one pool open: what it allows
// less a reserve of 5 %, at least 3, for everybody else who must log in. It is
// never less than 1; 0 means that the server did not say, or has no limit (TiDB).
func (s *serverFacts) limit() int {
	if s.maxConnections == 0 {
		return s.maxUserConnections
	}
	n := lessReserve(s.maxConnections)
	if s.maxUserConnections > 0 {
		n = min(n, s.maxUserConnections)
	}
	return max(n, 1)
}

// errorNumber is the number of an error that the server answered with, else 0.
func errorNumber(err error) uint16 {
	var answer *mysql.MySQLError
	if errors.As(err, &answer) {
		return answer.Number
	}
	return 0
}

// isServerFull reports whether a login failed because the server has no room
// for another, for anybody or for this user (MySQL manual, "Server Error Message
// Reference"). 1226 is about any of a user's resources, of which
// max_user_connections alone comes free by waiting.
func isServerFull(err error) bool {
	var answer *mysql.MySQLError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.Number {
	case 1040, 1203: // ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS
		return true
	case 1226: // ER_USER_LIMIT_REACHED
		return strings.Contains(answer.Message, "max_user_connections")
	}
	return false
}
