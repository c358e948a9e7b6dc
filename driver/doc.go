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
// one pool and one limit: a checkout prefers a connection on the handle's schema,
// else it switches one. Rows, results and errors are the stock driver's own, but
// for [ErrPoolTimeout] and [ErrDisposed].
//
// [NewConnector] is for sql.OpenDB. [Stats] says what each pool holds, and
// [Servers] what the process has on each server. Package driver/debug shows the
// pools in a browser; driver/prometheus and driver/otel, modules of their own,
// export them. [AddTracer] tells of what a pool adds to a request. [Invalidate]
// replaces connections after a password was changed. [Dispose] closes everything at
// the end of a process.
//
// The pages in docs, with docs/README.md as the contents, say more about each of
// what follows.
//
// # Options
//
// The DSN is the stock driver's, with these parameters added. A time is a Go
// duration or a plain number of seconds. With a leading @ (@pool_size=10) the
// stock driver takes them too, as user variables that nobody reads. Then the
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
//     session's wait_timeout and one hour at most. wait_timeout is as the DSN
//     sets it, else as the server says, else 120 s with a warning in the log.
//   - pool_ping_after (30s): a connection idle for at least this long is pinged
//     before it is handed out, for 2 s at most, or less if the DSN's timeout, or
//     half of what the context has left, is less; 0 pings each time.
//   - pool_keepalive (2m): an idle connection is pinged in the background this
//     often, less up to a fifth at random, one at a time, and closed if it does
//     not answer within 2 s; 0 is never.
//   - pool_warm (0): connections kept ready for the next checkout, opened in
//     advance once the pool is in use, while nobody waits.
//   - pool_dial_limit (32): logins that may run at once; at least 1. A pool starts
//     with 8 at most, and uses more while the queue does not become shorter.
//   - pool_reset (state): what is done before a connection goes to another
//     user. state undoes what its statements left in the session; always has the
//     server reset it, whatever ran; never does nothing.
//   - pool_stmt_cache (auto): prepared statements kept for each physical
//     connection; 0 keeps none. auto is at most 256, and together no more than
//     half of the server's max_prepared_stmt_count. Those of a connection take
//     about 8 MB of the server's memory at most, as estimated from their texts, or
//     32 kB for each if more than 256 are asked for.
//   - pool_leak_after (0): a connection that is held for longer is logged, with
//     the stack that checked it out, and listed by [Leaks]; 0 is never.
//   - pool_kill (off): with on, a statement whose context ended is ended on the
//     server as well, with KILL, if the server shows that the connection is ours.
//   - pool_pipeline (auto): how the pool sends what restores a session. auto is in
//     one write, and so in one round trip, once the server is known to answer
//     that; off is one statement after the other.
//   - pool_schema_switch (auto): when a connection selects the schema of its next
//     user. auto is when a statement needs that: where the server is MySQL or
//     MariaDB, reached directly, a kept one does not, and a plain text takes USE
//     along; always is before it is used.
//   - pool_target (auto): which hosts are used, by what each says of itself.
//     auto is a host that takes writes if one does, else one that answers;
//     primary only one that takes writes; replica only those that are read-only
//     and whose replication, if they have any, has not stopped; prefer_replica
//     those if there is one, else one that answers; any whichever answers.
//   - pool_balance (failover; round_robin for replica and prefer_replica): which
//     of several such hosts to log in to. failover is the first in the DSN;
//     round_robin the one with the fewest connections, in turn where several have
//     equally few.
//   - pool_name (none): names the pool in Stats, metrics, logs and errors: up to
//     64 letters, digits, and any of . _ : / -. Handles with other names have
//     other pools.
//
// An unknown pool_* name or a bad value is an error from sql.Open. The longest
// duration, 2562047h47m16.854775807s, means for ever.
//
// # Statements
//
// Exec and Query with arguments run on prepared statements that are kept with
// the physical connection, from the second use of their text in the pool on, once
// for up to four lists of kinds of arguments (numbers, strings, NULL and so on).
// They take one round trip instead of two. Texts that are large, and some on
// which a server would answer differently the second time, are prepared each
// time, as by the stock driver. With interpolateParams=true nothing is prepared.
//
// # Session state
//
// What statements leave in their session (variables, an open transaction,
// locks, temporary tables) stays with the handle's connection for as long as
// with the stock driver. Before anybody else gets the connection its session is
// restored: undone by statements, reset by COM_RESET_CONNECTION, or ended by
// closing the connection. The first time, the pool tries whether the server does
// it (see [PoolStats].ResetProof).
//
// What a stored function, a trigger or a view leaves is not in any statement's
// text. pool_reset=always restores that too, except for what a routine or a view
// on MySQL sets for its connection in performance_schema.threads.
//
// # Hosts
//
// With tcp the address may name several hosts, tcp(db1:3306,db2:3306), which
// share one pool. Each says at login whether it takes writes and whether it is
// ready; pool_target says which are used. A host that fails is in back-off and
// probed in the background. A write that a server refuses because it is read-only
// has the other hosts probed at once. [HostStats] has the states.
//
// Have servers start with read_only on, and let what promotes them clear it: a
// host that the DSN names first and that comes back writable gets the writes
// again, whatever another one has by then.
//
// # Servers
//
// All pools of the process that log in to one address share a budget: its
// max_connections less 5 %, at least 3, and for each account its
// max_user_connections. A pool that gets no place closes an unused connection of
// another one, longest idle first. The limits are read again within a minute.
// Other processes have budgets of their own: together they must fit, so set
// pool_size and pool_max_overflow where there are many.
//
// Fewer than ten logins per user and address are refused in ten seconds, so that no
// account is locked. A refused password is retried by one login at a time, and after
// three refusals every two seconds; other checkouts that need it fail at once with the
// server's error. At most five logins of an account run at once; in a burst the limit
// doubles each time a login has waited longer than a login takes (at least 50 ms). Only a
// password change in such a burst can exceed ten.
//
// # Lifetimes
//
// SetConnMaxLifetime, SetConnMaxIdleTime and SetMaxIdleConns of a handle close
// logical connections only. pool_recycle, pool_size and pool_idle_timeout rule
// the physical ones, which outlive the handle that opened them. They end when
// they are recycled, with Invalidate or Dispose, or with the process. Pools without
// handles keep 16 between them for each server, and each that has had none for
// pool_idle_timeout keeps one.
package mysqlpool
