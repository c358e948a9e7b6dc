// Package mysqlpool is a database/sql driver for MySQL and MariaDB, registered
// as "mysql_pool". It wraps the stock driver, github.com/go-sql-driver/mysql,
// and keeps physical connections when database/sql closes them, to hand them
// out again:
//
//	import _ "github.com/mysqlpool/mysqlpool/driver"
//
//	db, err := sql.Open("mysql_pool", dsn) // was: sql.Open("mysql", dsn)
//
// Every handle (sql.DB) of the process with the same DSN but for the schema shares
// one pool, and one cap: a checkout prefers a connection on the handle's schema,
// else it switches one. Rows, results and errors are the stock driver's own, but
// for ErrPoolTimeout and ErrDisposed.
//
// NewConnector is for sql.OpenDB. Stats says what each pool holds. Dispose closes
// everything at the end of a process.
//
// # Options
//
// The DSN is the stock driver's, with these parameters added. A time is a Go
// duration or a plain number of seconds. With a leading @ (@pool_size=10) the
// stock driver takes them too, as user variables that nobody reads; then the
// value is written as SQL has it, a number or a quoted literal
// (@pool_reset=%27always%27).
//
//   - pool_size (5): connections kept open once opened, until they are
//     recycled; 0 keeps none.
//   - pool_max_overflow (auto): how many more may be opened under load; 0 is
//     none. auto is what the server allows: max_connections less 5 %, at least
//     3, and no more than max_user_connections; no limit if it does not say, with
//     a warning in the log.
//   - pool_idle_timeout (10m): how long a connection beyond pool_size may be
//     idle before it is closed; 0 closes it at once.
//   - pool_timeout (30s): how long a checkout waits for a connection; above 0.
//     A context's deadline that comes first wins. It also bounds a login if the
//     DSN has no timeout.
//   - pool_recycle (auto): greatest age of a connection, shortened by up to
//     2.5 % at random; 0 is no limit. auto is one second less than the
//     session's wait_timeout, as the DSN sets it, else as the server says, else
//     120 s with a warning in the log.
//   - pool_ping_after (30s): a connection idle for at least this long is pinged
//     before it is handed out, for 2 s at most, or less if the DSN's timeout, or
//     half of what the context has left, is less; 0 pings each time.
//   - pool_keepalive (2m): an idle connection is pinged in the background this
//     often, less up to a fifth at random, one at a time, and closed if it does not
//     answer within 2 s, so that no request finds one that a router dropped; 0 is
//     never.
//   - pool_warm (0): connections kept ready for the next checkout, opened in
//     advance once the pool is in use, while nobody waits.
//   - pool_dial_limit (32): logins under way at once; at least 1. A pool starts with
//     8 at most, and comes to more while those who wait do not become fewer.
//   - pool_reset (state): what is done before a connection goes to another
//     user: state, what its statements left in the session is taken back;
//     always, the server resets it, whatever ran; never, nothing.
//   - pool_stmt_cache (auto): prepared statements kept for each physical
//     connection; 0 keeps none. auto is at most 256, and together no more than
//     half of the server's max_prepared_stmt_count.
//   - pool_leak_after (0): a connection that is held for longer is logged, with
//     the stack that checked it out; 0 is never.
//   - pool_kill (off): on: a statement whose context ended is ended on the
//     server as well, with KILL, if the server shows that the connection is ours.
//   - pool_balance (failover): which of several hosts is logged in to:
//     failover, the first in the DSN that can be used; round_robin, each in
//     turn.
//
// An unknown pool_* name or a bad value is an error from sql.Open.
//
// # Statements
//
// Exec and Query with arguments run on prepared statements that are kept with
// the physical connection. A text is kept from its second use in the pool on; from
// then on it takes one round trip instead of two, after the first on each
// connection. With interpolateParams=true nothing is prepared.
//
// # Session state
//
// What statements leave in their session (variables, an open transaction,
// locks, temporary tables) stays with the handle's connection for as long as
// with the stock driver. Before anybody else gets the connection it is taken
// back: undone by statements, reset by COM_RESET_CONNECTION, or ended by closing
// the connection. What a stored function or a trigger leaves is not in any
// statement's text; pool_reset=always takes care of that.
//
// # Hosts
//
// With tcp the address may name several hosts, tcp(db1:3306,db2:3306), which
// share one pool. One that fails, has no room, or takes no writes any more is
// left alone for a growing time, and looked at until it is back.
//
// # Refused logins
//
// A server may lock an account after some failed logins in a row. So a process has
// fewer than ten in any ten seconds for each user and address, whatever the load
// and however many pools: after three a password that was refused is tried again
// each two seconds, by whoever asks then, and every other checkout that needs a
// login with it gets the server's error at once. A password that was not refused
// is tried at once. No login is started that nobody asked for until one succeeds.
// It can be ten or more only if the password is changed while more logins than
// that are under way.
//
// # Lifetimes
//
// SetConnMaxLifetime, SetConnMaxIdleTime and SetMaxIdleConns of a handle close
// logical connections only. pool_recycle, pool_size and pool_idle_timeout rule
// the physical ones, which outlive the handle that opened them. They end when
// they are recycled, with Dispose, or with the process. A pool that has had no
// handle for pool_idle_timeout keeps one.
package mysqlpool
