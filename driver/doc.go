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
// NewConnector is for sql.OpenDB. Stats says what each pool holds, package
// driver/debug shows it in a browser, and driver/prometheus and driver/otel, modules
// of their own, export it. Dispose closes everything at the end of a process.
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
//     120 s with a warning in the log; and one hour at most, so that a revoked
//     account or a changed global variable does not live for a day.
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
//     user: state, what its statements left in the session is undone;
//     always, the server resets it, whatever ran; never, nothing.
//   - pool_stmt_cache (auto): prepared statements kept for each physical
//     connection; 0 keeps none. auto is at most 256, and together no more than
//     half of the server's max_prepared_stmt_count. Those of a connection take
//     about 8 MB of the server's memory at most, as estimated from their texts, or
//     32 kB for each if more than 256 are asked for.
//   - pool_leak_after (0): a connection that is held for longer is logged, with
//     the stack that checked it out, and listed by Leaks; 0 is never.
//   - pool_kill (off): on: a statement whose context ended is ended on the
//     server as well, with KILL, if the server shows that the connection is ours.
//   - pool_pipeline (auto): how the pool sends what restores a session: auto, in one
//     write, and so in one round trip, once the server is known to answer that; off,
//     one statement after the other.
//   - pool_target (auto): which hosts are used, by what each says of itself:
//     auto, a host that takes writes if one does, else one that answers;
//     primary, only one that takes writes; replica, only those that are
//     read-only and whose replication, if they have any, has not stopped;
//     prefer_replica, those if there is one, else one that answers; any,
//     whichever answers.
//   - pool_balance (failover; round_robin for replica and prefer_replica): which
//     of several such hosts is logged in to: failover, the first in the DSN;
//     round_robin, the one with the fewest connections, in turn where several have
//     as few.
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
// the physical connection. A text is kept from its second use in the pool on; from
// then on it takes one round trip instead of two, after the first on each
// connection. It is kept for up to four lists of kinds of arguments (numbers, texts,
// NULL, ...), since a server remembers what a statement ran with. With
// interpolateParams=true nothing is prepared.
//
// These are prepared each time, as by the stock driver: a text that costs more than
// some 512 kB of the server's memory (about 700 names, numbers and placeholders); one
// that compares with a subquery (IN, ANY, ALL), unless the server is MySQL 8.0.22 or
// newer; and there, unless it only inserts values, one that has a number and a text
// beyond ASCII among its arguments.
//
// # Session state
//
// What statements leave in their session (variables, an open transaction,
// locks, temporary tables) stays with the handle's connection for as long as
// with the stock driver. Before anybody else gets the connection it is taken
// back: undone by statements, reset by COM_RESET_CONNECTION, or ended by closing
// the connection. The first time that this is to be done on a server the pool
// tries whether the server does it: some proxies answer OK and do nothing, and
// there every connection with more on it than a transaction or another schema is
// closed (see PoolStats.ResetProof).
//
// What a stored function, a trigger or a view leaves is not in any statement's
// text: a view on GET_LOCK leaves a lock, and on MariaDB a function that sets
// profiling leaves what SHOW PROFILES shows. pool_reset=always takes care of
// that, with some round trips more for each connection that is handed over after
// use. On MySQL nothing but closing the connection undoes what a routine or a
// view sets for it in performance_schema.threads; UPDATE of a table that is
// written with performance_schema before it closes the connection. What
// SHOW SESSION STATUS counts is counted from the login, or from the latest reset.
//
// # Hosts
//
// With tcp the address may name several hosts, tcp(db1:3306,db2:3306), which
// share one pool. Each says at login whether it takes writes (read_only,
// super_read_only, innodb_read_only), and whether it is ready (wsrep_ready of a
// Galera node, its state and role in Group Replication). pool_target says which
// are used. Two handles with one DSN but for pool_target=primary and
// pool_target=replica send writes to the primary and reads to the replicas; what
// was written may not be read at once.
//
// A host that fails is in back-off: it is probed in the background after 0.5 s,
// and then less and less often, every 30 s at least. When it is up again and
// wanted, the connections to others are closed after use, and opened there when
// somebody needs them. A write that a server refuses because it is read-only has
// the other hosts probed at once, and twice a second while none takes writes;
// meanwhile reads go on. The account needs SELECT on
// performance_schema.replication_group_members for the state in Group Replication,
// and REPLICATION CLIENT (MySQL) or REPLICA MONITOR (MariaDB) to see whether a
// replica's replication has stopped. Without that, the host counts as ready; the
// log says so.
//
// A host that the DSN names first and that comes back without being read-only gets
// the writes again, whatever another one has by then: have servers start with
// read_only on, and let what promotes them clear it.
//
// A host's name is looked up at each login. While connections to it are open it is
// looked up every 30 s as well: those to addresses that are not its own any more
// are closed after use.
//
// # Servers
//
// All pools of the process that log in to one server (one address) share a budget:
// no more connections than its max_connections less 5 %, at least 3, and for each
// account no more than its max_user_connections. A pool that gets none closes what
// another does not use, longest unused first; busy pools share evenly. What a spike
// opened beyond pool_size is closed after 3 s without use while it makes up more than
// a quarter of max_connections. The limits are asked for again within a minute.
// Servers says who has what. Other processes have budgets of their own: together
// they must fit, so set pool_size and pool_max_overflow where there are many.
//
// # Refused logins
//
// A server may lock an account after some failed logins in a row. So a process has
// fewer than ten in any ten seconds for each user and address, whatever the load
// and however many pools: a password that was refused is tried by one login at a
// time, after three refusals each two seconds, by whoever asks then, and every other
// checkout that needs a login with it gets the server's error at once. A password
// that was not refused is tried at once. No login is started that nobody asked for
// until one succeeds. Five logins of an account begin at once at most, and twice as
// many each time that a burst has lasted for longer than a login takes, and for 50 ms
// at least. It can be ten refusals or more only if the password is changed
// while that many are under way.
//
// # Lifetimes
//
// SetConnMaxLifetime, SetConnMaxIdleTime and SetMaxIdleConns of a handle close
// logical connections only. pool_recycle, pool_size and pool_idle_timeout rule
// the physical ones, which outlive the handle that opened them. They end when
// they are recycled, with Invalidate or Dispose, or with the process. Pools without
// handles keep 16 between them, for each server, and each that has had none for
// pool_idle_timeout keeps one.
package mysqlpool
