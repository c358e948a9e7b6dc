package mysqlpool

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// defaultWaitTimeout is taken where neither the DSN nor the server says one.
const defaultWaitTimeout = 120 * time.Second

// serverLimits is what the pool wants to know of a server.
type serverLimits struct {
	waitTimeout        time.Duration
	maxConnections     int // 0: unknown
	maxUserConnections int // 0: none
}

// Of a connection the pool wants to know its id, for logs, and whether
// statements commit by themselves on it. The first one answers for the server
// as well: one query for all.
const (
	askConn   = "SELECT CONNECTION_ID(), @@autocommit"
	askServer = askConn + ", @@wait_timeout, @@max_connections, @@max_user_connections"
)

// ask finds out about a new connection, and about its server if it is the
// pool's first. A server that does not know the variables, as a proxy might
// not, is no reason to fail; nor is one that wants a new password first. Any
// other error is: it must not decide for all the connections to come.
func (l *login) ask(ctx context.Context, p *physical) error {
	if l.learned.Load() == nil {
		row, err := queryRow(ctx, p, askServer)
		switch {
		case err == nil:
			l.learn(ctx, row[2:])
			p.know(row)
			return nil
		case !cannotTell(err):
			return unlessExpired(err)
		}
		l.log().LogAttrs(ctx, slog.LevelWarn, "mysqlpool: the server does not tell its limits: pool_max_overflow has none, and wait_timeout is taken to be what the DSN says, else 120 s; set pool_max_overflow and pool_recycle",
			slog.String("login", l.name), slog.Any("error", err))
		l.learn(ctx, []string{"", "", ""})
	}
	row, err := queryRow(ctx, p, askConn)
	switch {
	case err == nil:
		p.know(row)
	case !cannotTell(err):
		return unlessExpired(err)
	}
	return nil
}

// cannotTell reports whether the server does not know what it was asked.
func cannotTell(err error) bool {
	switch errorNumber(err) {
	case 1064, 1105, 1193, 1235: // ER_PARSE_ERROR, ER_UNKNOWN_ERROR, ER_UNKNOWN_SYSTEM_VARIABLE, ER_NOT_SUPPORTED_YET
		return true
	}
	return false
}

// unlessExpired returns nil for an expired password: the user can do one thing
// on the connection, which is to set another (MySQL manual, "Server Handling of
// Expired Passwords").
func unlessExpired(err error) error {
	if errorNumber(err) == 1820 { // ER_MUST_CHANGE_PASSWORD
		return nil
	}
	return err
}

// know takes the answer to askConn. Without an answer autocommit counts as
// off: then every statement may leave a transaction open.
func (p *physical) know(row []string) {
	p.id, _ = strconv.ParseUint(row[0], 10, 64)
	p.autocommit = row[1] == "1" || row[1] == "ON"
}

// learn takes the server's limits. The DSN's wait_timeout counts more: it is
// what the session was set to.
func (l *login) learn(ctx context.Context, row []string) {
	var s serverLimits
	s.maxConnections, _ = strconv.Atoi(row[1])
	s.maxUserConnections, _ = strconv.Atoi(row[2])
	var ok bool
	if s.waitTimeout, ok = waitTimeoutOf(l.asks); !ok {
		if s.waitTimeout, ok = waitTimeoutOf(row[0]); !ok {
			s.waitTimeout = defaultWaitTimeout
			if l.recycle == auto {
				l.log().LogAttrs(ctx, slog.LevelWarn, "mysqlpool: neither the DSN nor the server says wait_timeout: taking 120 s; set wait_timeout in the DSN, or pool_recycle",
					slog.String("login", l.name))
			}
		}
	}
	if !l.learned.CompareAndSwap(nil, &s) {
		return
	}
	if l.maxOverflow == auto {
		l.setLimit(s.limit())
	}
}

// limit is how many connections the server lets one pool open: what it allows
// less a reserve of 5 %, at least 3, for everybody else who must log in. It is
// never less than 1; 0 means that the server did not say.
func (s *serverLimits) limit() int {
	if s.maxConnections == 0 {
		return 0
	}
	n := s.maxConnections - max(3, s.maxConnections/20)
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

// queryRow returns the first row of a query as text.
func queryRow(ctx context.Context, c driver.QueryerContext, query string) ([]string, error) {
	rows, err := c.QueryContext(ctx, query, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	values := make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(values); err != nil {
		if err == io.EOF {
			err = fmt.Errorf("mysqlpool: %s: got no row, want one", query)
		}
		return nil, err
	}
	row := make([]string, len(values))
	for i, v := range values {
		if b, ok := v.([]byte); ok {
			row[i] = string(b)
		} else {
			row[i] = fmt.Sprint(v)
		}
	}
	return row, nil
}
