package main

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

const envDSN = "MYSQL_POOL_TEST_DSN"

// rounds is how often each program runs with each driver. Its handles are new
// each time, and from the second time on the pool has connections, and
// statements that it keeps.
const rounds = 3

// A site is the server with one connection for ourselves.
type site struct {
	cfg     *mysql.Config
	admin   *sql.DB // the stock driver, one connection
	version string
	loud    bool // programs say what they note

	isolationQuery string // asks for the session's isolation level
}

func openSite(ctx context.Context, dsn string) (*site, error) {
	if dsn == "" {
		return nil, fmt.Errorf("want the DSN of a server in %s, got none: try make compat", envDSN)
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", envDSN, err)
	}
	admin, err := sql.Open(stock, dsn)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", envDSN, err)
	}
	admin.SetMaxOpenConns(1)
	s := &site{cfg: cfg, admin: admin}
	if err := admin.QueryRowContext(ctx, "SELECT VERSION()").Scan(&s.version); err != nil {
		admin.Close()
		return nil, fmt.Errorf("%s: %w", envDSN, err)
	}
	// The variable's older name is the only one in MariaDB before 11.1, and gone
	// from MySQL 8.0 on.
	for _, name := range []string{"tx_isolation", "transaction_isolation"} {
		s.isolationQuery = "SELECT @@" + name
		if err = admin.QueryRowContext(ctx, s.isolationQuery).Scan(new(string)); err == nil {
			return s, nil
		}
	}
	admin.Close()
	return nil, fmt.Errorf("%s: the isolation level: %w", envDSN, err)
}

func (s *site) close() { s.admin.Close() }

// dsn is what all programs use: with a time zone for the server and one for the
// client, and a pool_* option, which the stock driver takes too.
func (s *site) dsn(schema, params string) string {
	cfg := s.cfg.Clone()
	cfg.DBName = schema
	dsn := cfg.FormatDSN()
	if strings.Contains(dsn[strings.LastIndexByte(dsn, '/'):], "?") {
		dsn += "&"
	} else {
		dsn += "?"
	}
	dsn += "parseTime=true&loc=Europe%2FBerlin&time_zone=%27%2B02%3A00%27&@pool_size=4"
	if params != "" {
		dsn += "&" + params
	}
	return dsn
}

// logins is the server's own count of logins, ours and everybody's.
func (s *site) logins(ctx context.Context) (n int64, err error) {
	var name string
	err = s.admin.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Connections'").Scan(&name, &n)
	return n, err
}

// running returns how many connections to the schema run a statement that has
// this in it.
func (s *site) running(r *run, part string) int {
	var n int
	r.must(s.admin.QueryRowContext(r.ctx,
		"SELECT COUNT(*) FROM information_schema.processlist WHERE db = ? AND command IN ('Query', 'Execute') AND info LIKE ?",
		schema, "%"+part+"%").Scan(&n))
	return n
}

// An outcome is what came of a library's program with one driver.
type outcome struct {
	driver string
	values int   // that the program noted, in each round
	logins int64 // in all rounds
	err    error // nil: ok
}

type result struct {
	library  library
	outcomes []outcome // stock, pooled
}

// compare runs a library's program with both drivers in turn.
func (s *site) compare(ctx context.Context, l library) result {
	res := result{library: l}
	var want, wantState []string
	for _, driver := range []string{stock, pooled} {
		o := outcome{driver: driver}
		for round := 0; round < rounds && o.err == nil; round++ {
			trace, logins, err := s.runOnce(ctx, l, driver)
			o.logins += logins
			o.values = len(trace)
			if driver == stock && round == 0 {
				want = trace
			}
			if err == nil {
				err = difference(want, trace)
			}
			if err != nil {
				o.err = fmt.Errorf("round %d: %w", round+1, err)
			}
		}
		if o.err == nil {
			state, err := s.sessions(ctx, l, driver)
			if driver == stock {
				wantState = state
			}
			if err == nil {
				err = difference(wantState, state)
			}
			if err != nil {
				o.err = fmt.Errorf("the sessions that the next user gets: %w", err)
			}
		}
		limited, cancel := context.WithTimeout(ctx, 10*time.Second)
		if err := mysqlpool.Dispose(limited); err != nil && o.err == nil {
			o.err = err
		}
		cancel()
		res.outcomes = append(res.outcomes, o)
	}
	return res
}

const schema = "mp_compat" // always the same, since errors name it

// runOnce runs the program on a new schema, and returns its trace and its logins.
func (s *site) runOnce(ctx context.Context, l library, driver string) (trace []string, logins int64, err error) {
	for _, query := range []string{"DROP DATABASE IF EXISTS " + schema, "CREATE DATABASE " + schema + " CHARACTER SET utf8mb4"} {
		if _, err := s.admin.ExecContext(ctx, query); err != nil {
			return nil, 0, err
		}
	}
	before, err := s.logins(ctx)
	if err != nil {
		return nil, 0, err
	}
	limited, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r := &run{ctx: limited, driver: driver, dsn: s.dsn(schema, l.params), site: s, loud: s.loud}
	if err := r.do(l.program); err != nil {
		return r.trace, 0, err
	}
	if err := wantNothingInUse(ctx); err != nil {
		return r.trace, 0, err
	}
	after, err := s.logins(ctx)
	return r.trace, after - before, err
}

// sessions returns the state of the sessions that the next user of the same DSN
// gets.
func (s *site) sessions(ctx context.Context, l library, driver string) ([]string, error) {
	r := &run{ctx: ctx, driver: driver, dsn: s.dsn(schema, l.params), site: s}
	err := r.do((*run).noteSessions)
	return r.trace, err
}

// wantNothingInUse waits until the program has given back what it had.
func wantNothingInUse(ctx context.Context) error {
	const patience = 10 * time.Second
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		left := slices.DeleteFunc(mysqlpool.Stats(), func(p mysqlpool.PoolStats) bool {
			return p.InUse+p.Pinned+p.LoggingIn+p.Waiting == 0
		})
		if len(left) == 0 || ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the program has ended, and after %v this is still in use: %+v", patience, left)
		}
	}
}

// noteSessions notes every session variable, what locks are held, and which
// user variables there are, of as many connections as the pool keeps.
func (r *run) noteSessions() {
	varies := []string{
		"timestamp", "pseudo_thread_id", "rand_seed1", "rand_seed2", "last_insert_id", "identity", "insert_id",
		"error_count", "warning_count", "last_gtid", "gtid_seq_no", "in_transaction_start", "statement_id",
	}
	db := r.open()
	for range 4 {
		c, err := db.Conn(r.ctx)
		r.must(err)
		r.later(func() { c.Close() })
		rows, err := c.QueryContext(r.ctx, "SHOW SESSION VARIABLES")
		r.must(err)
		for rows.Next() {
			var name, value string
			r.must(rows.Scan(&name, &value))
			if !slices.Contains(varies, name) && !strings.HasPrefix(value, "0x") {
				r.note("session variable "+name, value)
			}
		}
		r.must(rows.Err())
		var schema, user, mine sql.NullString
		r.must(c.QueryRowContext(r.ctx, "SELECT DATABASE(), CURRENT_USER(), @compat").Scan(&schema, &user, &mine))
		r.note("session", schema, user, mine)
		for _, lock := range lockNames {
			var owner sql.NullInt64
			r.must(c.QueryRowContext(r.ctx, "SELECT IS_USED_LOCK(?)", lock).Scan(&owner))
			r.note("owner of lock "+lock, owner)
		}
	}
}

// lockNames are the named locks that programs take.
var lockNames = []string{"compat", "compat.goose"}

// difference says in which place a trace is not as it should be.
func difference(want, got []string) error {
	for i := range max(len(want), len(got)) {
		w, g := "nothing", "nothing"
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			return fmt.Errorf("value %d differs from the first round of %q:\n\twant %s\n\tgot  %s", i+1, stock, w, g)
		}
	}
	return nil
}
