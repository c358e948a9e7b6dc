package mysqlpool

import (
	"context"
	"database/sql/driver"
	"errors"
)

// WithShareKey says that every connector with this key has functions that do the same
// (DialFunc, BeforeConnect, WithAfterLogin), and a Logger and a TLS config that are
// alike, which the pool cannot compare. Such connectors share one pool, which outlives
// their handles as that of a DSN does, instead of having one each.
//
// They share only if everything that can be compared is alike as well, but for the
// schema: user, address, password, every other field of the config and of its TLS
// config, every option, and which functions there are. Connectors that differ in any of
// that, or in the key, have separate pools; so has one without a key. So a wrong key never
// hands a connection to another user or address that is written in the config. But
// what BeforeConnect or DialFunc decides by itself (a user, an address) is not seen: put
// into the key what these depend on, such as a tenant or a region.
//
// The functions, and both loggers, are those of the connector that was used first, for
// as long as there is the pool, even after that connector's handle is closed: they must
// not depend on anything that ends with the handle.
//
// The key is only compared. It appears in no log, error or statistic; use WithName for
// that. Do not put a secret in it. An empty key is an error of NewConnector.
func WithShareKey(key string) Option {
	return func(s *settings) error {
		if key == "" {
			return errors.New("mysqlpool: WithShareKey: got an empty key, want a name for what the functions do; leave the option off for a pool that is not shared")
		}
		s.shareKey = key
		return nil
	}
}

// WithAfterLogin has f called on each physical connection after its login, before it is
// handed out for the first time, to set what a DSN's parameters cannot. What f leaves on
// the session is its baseline: the session is restored to that before it goes to another
// user. The connector has a pool to itself unless WithShareKey is given. A nil f is none.
//
// conn is the stock driver's connection behind a wrapper, which implements
// driver.ExecerContext, QueryerContext, ConnPrepareContext, ConnBeginTx, Pinger and
// NamedValueChecker:
//
//	mysqlpool.WithAfterLogin(func(ctx context.Context, conn driver.Conn) error {
//		_, err := conn.(driver.ExecerContext).ExecContext(ctx, "SET SESSION sql_mode = 'ANSI', @app = 'orders'", nil)
//		return err
//	})
//
// As with the stock driver, ExecContext with arguments returns driver.ErrSkip unless
// interpolateParams is set: prepare such a statement. conn is of no use once f returned;
// to close it is to say so early. Statements end with ctx, whatever contexts they
// are given. Prepared statements that f leaves open are closed; rows that it leaves open
// are an error.
//
// # When f is called
//
// On every connection that may be handed out, also on those opened in advance
// (pool_warm), on each host. Not on those that probe a host or end a statement. It is called
// again on a connection that is reset (COM_RESET_CONNECTION), so with pool_reset=always
// before each handover after use, and when it is tried whether a server resets. Then it must leave the same variables and role as
// after the login, within the time that a reset has (1 s; 5 s with pool_reset=always); if it
// fails or does not, the connection is closed, and no caller has an error for it.
// It may be called for several connections at a time.
//
// # What f may leave
//
//   - Session variables, user variables, a role, another schema (USE), kept as they are
//     by all users of the connection. Variables, role and schema are read after f, and
//     so may come from anything that it does. If f selects a schema, that is the
//     one which the connection has instead of the config's; handles on a third schema have
//     connections of their own.
//   - Temporary tables, SQL statements that are prepared (PREPARE), and whatever a
//     statement that the pool does not understand leaves, such as CALL. An INSERT
//     changes a temporary table and no text shows whose that is. So these connections are
//     reset after each use, which costs what pool_reset=always does.
//   - Not an open transaction (commit it), SET TRANSACTION for the next one (use SET
//     SESSION TRANSACTION), or a lock (GET_LOCK, LOCK TABLES): the login fails, with an
//     error that names it, since the first user would end it.
//
// Where the server does not tell its variables, or cannot be reset, or has init_connect,
// connections are closed instead of being reset. With pool_reset=never nothing is
// restored.
//
// # When f fails
//
// The login fails with an error that wraps f's (driver.ErrBadConn becomes
// mysql.ErrInvalidConn), and the connection is closed. No host is blamed and the
// account counts as logged in. Whoever asks for a connection next tries again; none
// is opened in advance until f succeeds. With several hosts, the next one is tried only if this
// one is not what pool_target wants. If the connection breaks in f by itself, that is
// the host's failure, and is treated as in a login.
//
// A panic of f is an error too, and is logged with its stack; for 0.1 s to 10 s after it,
// twice as long each time, checkouts that need a login get it again without one. An f
// that does not return when ctx ends (the DSN's timeout, else pool_timeout) is left
// behind after 0.5 s, and its connection closed.
func WithAfterLogin(f func(ctx context.Context, conn driver.Conn) error) Option {
	return func(s *settings) error {
		s.AfterLogin = f
		return nil
	}
}
