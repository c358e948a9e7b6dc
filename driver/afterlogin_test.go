package mysqlpool

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/hosts"
	"github.com/mysqlpool/mysqlpool/internal/physical"
)

// afterFunc is what WithAfterLogin takes.
type afterFunc = func(ctx context.Context, conn driver.Conn) error

// afterHandle opens a handle with a function after each login.
func afterHandle(t testing.TB, s *fakeServer, params string, f afterFunc, opts ...Option) *sql.DB {
	t.Helper()
	c, err := newConnector(mustParse(t, "app:secret@tcp("+s.addr+")/app?"+params), append(opts, WithAfterLogin(f))...)
	if err != nil {
		t.Fatal(err)
	}
	c.Dial, c.Resolve = s.dial, nil
	db := sql.OpenDB(c)
	t.Cleanup(func() { db.Close() })
	return db
}

// runs is a function that runs statements.
func runs(queries ...string) afterFunc {
	return func(ctx context.Context, conn driver.Conn) error {
		for _, query := range queries {
			if _, err := conn.(driver.ExecerContext).ExecContext(ctx, query, nil); err != nil {
				return err
			}
		}
		return nil
	}
}

const (
	measures = "SELECT DATABASE(), @@autocommit, @@character_set_client, @@character_set_results, @@collation_connection, @@time_zone, @@wait_timeout"
	resets   = "reset; SET NAMES utf8mb4 COLLATE utf8mb4_bin; USE `app`"
)

// What is sent when a user's state is restored, for what the function left.
func TestAfterLoginRestores(t *testing.T) {
	const closes = "closes"
	for _, test := range []struct {
		name          string
		after         []string
		params, query string
		want          string
	}{
		{"nothing is left", []string{"SET @a = 1"}, "", "SELECT 2", ""},
		{"undo", []string{"SET @a = 1"}, "", "SET time_zone = '+00:00'", "SET time_zone = 'SYSTEM'"},
		{"reset", []string{"SET @a = 1", "SET @b = 1"}, "", "SET @a = 2", resets + "; SET @a = 1; SET @b = 1; " + measures},
		{"always", []string{"SET @a = 1"}, "pool_reset=always", "SELECT 2", resets + "; SET @a = 1; " + measures},
		{"never", []string{"SET @a = 1"}, "pool_reset=never", "SET @a = 2", ""},
		{"a temporary table", []string{"CREATE TEMPORARY TABLE t (a INT)"}, "", "SELECT 2", "ROLLBACK; " + resets + "; CREATE TEMPORARY TABLE t (a INT); " + measures},
		{"a temporary table that is gone", []string{"CREATE TEMPORARY TABLE t (a INT)", "DROP TEMPORARY TABLE t"}, "", "SELECT 2", ""},
		{"what is not understood", []string{"CALL p()"}, "", "SELECT 2", "ROLLBACK; " + resets + "; CALL p(); " + measures},
		{"a variable that is not known", []string{"SET SESSION unknown_one = 1"}, "", "SELECT 2", ""},
		{"a transaction that ended", []string{"BEGIN", "INSERT INTO log VALUES (1)", "COMMIT"}, "", "SELECT 2", ""},
		{"a schema, undone", []string{"USE `other`"}, "", "USE third", "USE `other`"},
		{"a schema, reset", []string{"USE `other`"}, "", "SET @a = 1",
			strings.Replace(resets, "app", "other", 1) + "; USE `app`; USE `other`; " + measures},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				s.resets = true
				db := afterHandle(t, s, test.params, runs(test.after...), WithShareKey("same"))
				mustExec(t, db, test.query)
				before := len(s.conns[0].sent())
				db.Close()
				synctest.Wait()
				got := s.conns[0].sent()[before:]
				if s.conns[0].closed {
					got = append(got, closes)
				}
				if got := strings.Join(got, "; "); got != test.want {
					t.Errorf("got  %q\nwant %q", got, test.want)
				}
			})
		})
	}
}

// The values that the function set are those that an undo sets.
func TestExpectAfterLoginUndo(t *testing.T) {
	expecting(t, func(t *testing.T, s *mockServer) {
		c := s.expectLogin()
		c.expectBaseline()
		c.expectExec("SET time_zone = '+05:00'")
		c.expectRow(measures, "app", "1", "utf8mb4", "utf8mb4", "utf8mb4_bin", "+05:00", "28800")
		c.expectExec("SET time_zone = '+09:00'", "SET time_zone = '+05:00'")
		c.expectRow("SELECT 1", int64(1))
		open := func() *sql.DB {
			cfg := mustParse(t, "app:secret@tcp(mock)/app")
			conn, err := newConnector(cfg, WithAfterLogin(runs("SET time_zone = '+05:00'")), WithShareKey("same"))
			if err != nil {
				t.Fatal(err)
			}
			conn.Dial, conn.Resolve = s.dial, nil
			db := sql.OpenDB(conn)
			s.handles = append(s.handles, db)
			return db
		}
		db := open()
		mustExec(t, db, "SET time_zone = '+09:00'")
		db.Close()
		synctest.Wait()
		wantRow(t, open(), "SELECT 1")
	})
}

// A reset that the function cannot repeat becomes a close, and nobody has an error.
func TestAfterLoginThatCannotBeRepeated(t *testing.T) {
	for name, repeat := range map[string]func(s *fakeServer, ctx context.Context) error{
		"an error": func(*fakeServer, context.Context) error { return errors.New("no more") },
		"a panic":  func(*fakeServer, context.Context) error { panic("no more") },
		"other variables": func(s *fakeServer, _ context.Context) error {
			s.others = map[string]string{"time_zone": "+01:00"}
			return nil
		},
		"no end":  func(_ *fakeServer, ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"no heed": func(*fakeServer, context.Context) error { time.Sleep(time.Hour); return nil },
	} {
		for _, params := range []string{"", "pool_reset=always"} {
			t.Run(name+params, func(t *testing.T) {
				bubble(t, func(t *testing.T, s *fakeServer) {
					s.resets = true
					var calls atomic.Int64
					db := afterHandle(t, s, params, func(ctx context.Context, _ driver.Conn) error {
						if calls.Add(1) == 2 {
							return repeat(s, ctx)
						}
						return nil
					})
					db.SetMaxIdleConns(-1)
					mustExec(t, db, "SET @a = 1")
					time.Sleep(2 * physical.RestoreTimeout)
					if id := ask(t, db); id != 2 {
						t.Errorf("connection %d, want another", id)
					}
					if open, _ := s.open(); open != 1 {
						t.Errorf("%d connections are open, want 1", open)
					}
					if n := s.conns[0].late; n != 0 {
						t.Errorf("%d statements after it was closed", n)
					}
					time.Sleep(time.Hour) // for what does not heed
				})
			})
		}
	}
}

// errOwn is the function's own error.
var errOwn = errors.New("the token server is away")

// A function that fails fails the login with its error, once for each who asks; the
// host, the account and the pool are as they were.
func TestAfterLoginThatFails(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		is   error
		text string
	}{
		{"its own error", fmt.Errorf("no settings: %w", errOwn), errOwn, "no settings: the token server is away"},
		{"ErrBadConn", fmt.Errorf("on the way: %w", driver.ErrBadConn), mysql.ErrInvalidConn, "driver: bad connection"},
		{"another server's refusal", &mysql.MySQLError{Number: 1045, Message: "fake"}, &mysql.MySQLError{Number: 1045}, "1045"},
		{"another server that is full", &mysql.MySQLError{Number: 1040, Message: "fake"}, &mysql.MySQLError{Number: 1040}, "1040"},
		{"another pool's end", fmt.Errorf("settings: %w", ErrDisposed), ErrDisposed, "settings"},
		{"another pool's timeout", fmt.Errorf("settings: %w", ErrPoolTimeout), ErrPoolTimeout, "settings"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				c := newCluster(s)
				c.primaryIs("a:1")
				s.maxConnections = "151"
				var fails atomic.Bool
				fails.Store(true)
				db := afterHandle(t, s, "pool_warm=3", func(context.Context, driver.Conn) error {
					if fails.Load() {
						return test.err
					}
					return nil
				}, WithShareKey("same"))
				for range 12 {
					err := db.PingContext(t.Context())
					if !errors.Is(err, test.is) || errors.Is(err, driver.ErrBadConn) || !strings.Contains(err.Error(), test.text) || !strings.Contains(err.Error(), "WithAfterLogin") {
						t.Fatalf("got %v", err)
					}
				}
				time.Sleep(time.Minute)
				if open, ever := s.open(); open != 0 || ever != 12 {
					t.Errorf("%d connections are open, of %d, want 0 of 12: one login each", open, ever)
				}
				if n := len(Stats()); n != 1 {
					t.Errorf("%d pools, want 1", n)
				}
				for _, h := range Stats()[0].Hosts {
					if h.State != "up" && h.State != "unknown" {
						t.Errorf("host %s is %s", h.Addr, h.State)
					}
				}
				fails.Store(false)
				if err := db.PingContext(t.Context()); err != nil {
					t.Errorf("when it does not fail any more: %v", err)
				}
				if got := c.addrOf(ask(t, db)); got != "a:1" {
					t.Errorf("host %s, want the first", got)
				}
			})
		})
	}
}

// What a function may not leave, and how it may not end.
func TestAfterLoginRefused(t *testing.T) {
	query := func(ctx context.Context, conn driver.Conn) (driver.Rows, error) {
		return conn.(driver.QueryerContext).QueryContext(ctx, "SELECT 1", nil)
	}
	for _, test := range []struct {
		name  string
		after afterFunc
		want  string
	}{
		{"a transaction", runs("BEGIN"), "transaction"},
		{"a driver.Tx", func(ctx context.Context, conn driver.Conn) error {
			_, err := conn.(driver.ConnBeginTx).BeginTx(ctx, driver.TxOptions{})
			return err
		}, "transaction"},
		{"a transaction to come", runs("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"), "SET SESSION TRANSACTION"},
		{"a lock", runs("DO GET_LOCK('a', 1)"), "locks"},
		{"locked tables", runs("LOCK TABLES t READ"), "table locks"},
		{"rows", func(ctx context.Context, conn driver.Conn) error { _, err := query(ctx, conn); return err }, "rows"},
		{"Goexit", func(context.Context, driver.Conn) error { runtime.Goexit(); return nil }, "Goexit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				err := afterHandle(t, s, "", test.after).Ping()
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want an error that names %q", err, test.want)
				}
				if open, _ := s.open(); open != 0 {
					t.Errorf("%d connections are open", open)
				}
			})
		})
	}
}

// A panic is an error, and is not provoked again at once; one is no outage.
func TestAfterLoginThatPanics(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		var log bytes.Buffer
		var panics atomic.Bool
		panics.Store(true)
		db := afterHandle(t, s, "", func(context.Context, driver.Conn) error {
			if panics.Load() {
				panic("in the function")
			}
			return nil
		}, WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		for _, step := range []struct {
			wait   time.Duration
			logins int
		}{{0, 1}, {hosts.MinPanicBackoff - 1, 1}, {1, 2}, {2*hosts.MinPanicBackoff - 1, 2}, {1, 3}} {
			time.Sleep(step.wait)
			if err := db.Ping(); err == nil || !strings.Contains(err.Error(), "in the function") {
				t.Errorf("got %v, want what it panicked with", err)
			}
			if s.logins != step.logins {
				t.Errorf("%d logins, want %d", s.logins, step.logins)
			}
		}
		if !strings.Contains(log.String(), "afterlogin_test.go") {
			t.Errorf("no stack in the log: %s", &log)
		}
		panics.Store(false)
		time.Sleep(hosts.MaxPanicBackoff)
		ask(t, db)
		if open, _ := s.open(); open != 1 {
			t.Errorf("%d connections are open, want 1", open)
		}
	})
}

// A function that blocks is ended by the login's time limit, whether or not it heeds it,
// and its connection is closed and of no use to it.
func TestAfterLoginThatBlocks(t *testing.T) {
	for _, heeds := range []bool{true, false} {
		t.Run(fmt.Sprint("heeds ", heeds), func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				later := make(chan error, 1)
				var calls atomic.Int64
				db := afterHandle(t, s, "timeout=3s", func(ctx context.Context, conn driver.Conn) error {
					if calls.Add(1) > 1 {
						return nil
					}
					if heeds {
						<-ctx.Done()
						return ctx.Err()
					}
					time.Sleep(time.Hour)
					later <- runs("SET @a = 1")(context.Background(), conn)
					return nil
				})
				start := time.Now()
				err := db.Ping()
				if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took < 3*time.Second || took > 3*time.Second+physical.AfterLoginCancelGrace {
					t.Errorf("after %v: %v", took, err)
				}
				if open, _ := s.open(); open != 0 {
					t.Errorf("%d connections are open", open)
				}
				ask(t, db)
				if !heeds {
					if err := <-later; err == nil || !strings.Contains(err.Error(), "had returned") {
						t.Errorf("a statement later: got %v", err)
					}
				}
				if n := s.conns[0].late; n != 0 {
					t.Errorf("%d statements after it was closed", n)
				}
			})
		})
	}
}

// A statement of the function ends with the login, whatever context it has.
func TestAfterLoginStatementEndsWithTheLogin(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.query = func(ctx context.Context, _ *fakeConn, text string) error {
			if text == "DO SLEEP(1000)" {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		db := afterHandle(t, s, "timeout=3s", func(_ context.Context, conn driver.Conn) error {
			return runs("DO SLEEP(1000)")(context.Background(), conn)
		})
		start := time.Now()
		if err := db.Ping(); err == nil || time.Since(start) > 3*time.Second+physical.AfterLoginCancelGrace {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

// A function that keeps what it was given cannot use it.
func TestAfterLoginConnIsOfNoUseAfterwards(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		var kept driver.Conn
		var stmt driver.Stmt
		var rows driver.Rows
		db := afterHandle(t, s, "", func(ctx context.Context, conn driver.Conn) (err error) {
			kept = conn
			if stmt, err = conn.(driver.ConnPrepareContext).PrepareContext(ctx, "SELECT 2"); err != nil {
				return err
			}
			if rows, err = conn.(driver.QueryerContext).QueryContext(ctx, "SELECT 3", nil); err != nil {
				return err
			}
			return rows.Close()
		})
		id := ask(t, db)
		before := len(s.conns[0].sent())
		if n := s.conns[0].stmts; n != 0 {
			t.Errorf("%d prepared statements are open", n)
		}
		_, prepareErr := kept.Prepare("SELECT 1")
		_, beginErr := kept.Begin()   //lint:ignore SA1019 it is there
		_, stmtErr := stmt.Query(nil) //lint:ignore SA1019 it is there
		for _, err := range []error{
			runs("SET @a = 1")(t.Context(), kept), prepareErr, beginErr, stmtErr, rows.Next(nil), kept.(driver.Pinger).Ping(t.Context()),
		} {
			if err == nil || err == io.EOF || !strings.Contains(err.Error(), "had returned") {
				t.Errorf("got %v, want an error that says why", err)
			}
		}
		for _, err := range []error{kept.Close(), stmt.Close(), rows.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
		if got := s.conns[0].sent()[before:]; len(got) > 0 {
			t.Errorf("sent %q", got)
		}
		if got := ask(t, db); got != id {
			t.Errorf("connection %d, want %d", got, id)
		}
	})
}

// A probe's connection is never handed out, and so not readied; warm ones are.
func TestAfterLoginRunsWhereConnectionsAreHandedOut(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.primaryIs("b:2")
		db := afterHandle(t, s, "pool_warm=2", runs("SET @ready = 1"))
		ask(t, db)
		time.Sleep(time.Minute) // hosts that are not wanted are watched
		c.is("b:2", isDown)
		c.primaryIs("c:3")
		for _, p := range s.conns {
			p.set(func() { p.dead = p.addr == "b:2" })
		}
		time.Sleep(time.Minute)
		for range 3 {
			db.Ping()
			time.Sleep(time.Second)
		}
		readied := 0
		for _, p := range s.conns {
			ready := false
			for _, text := range p.sent() {
				switch text {
				case "SET @ready = 1":
					ready = true
				case "SELECT 1", "ping":
					if text == "SELECT 1" && !ready {
						t.Errorf("connection %d was handed out without", p.id)
					}
				}
			}
			if ready {
				readied++
			}
		}
		opened := int64(0)
		for _, h := range Stats()[0].Hosts {
			opened += h.Opened
			if h.Probes == 0 && h.Addr == "a:1" {
				t.Errorf("host %s was not probed: %+v", h.Addr, h)
			}
		}
		if _, ever := s.open(); readied == ever {
			t.Errorf("all %d connections were readied, probes' too", ever)
		}
		if int64(readied) < opened {
			t.Errorf("%d were readied of %d that joined the pool", readied, opened)
		}
	})
}

// A function that writes fails on a host that takes no writes. That one is known as
// read-only then, and the next is tried.
func TestAfterLoginThatWritesFindsThePrimary(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := newCluster(s)
		c.primaryIs("b:2")
		s.query = func(_ context.Context, p *fakeConn, text string) error {
			if text == "INSERT INTO logins VALUES (1)" && p.get(func() bool { return s.readOnly[p.addr] }) {
				return &mysql.MySQLError{Number: 1290, Message: "fake: running with the --read-only option"}
			}
			return nil
		}
		db := afterHandle(t, s, "", runs("INSERT INTO logins VALUES (1)"))
		if got := c.addrOf(ask(t, db)); got != "b:2" {
			t.Errorf("host %s, want the primary", got)
		}
	})
}

// A wait_timeout that the function sets rules pool_recycle.
func TestAfterLoginSetsWaitTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := afterHandle(t, s, "", func(ctx context.Context, conn driver.Conn) error {
			s.others = map[string]string{"wait_timeout": "60"}
			return runs("SET wait_timeout = 60")(ctx, conn)
		})
		ask(t, db)
		time.Sleep(60 * time.Second)
		if id := ask(t, db); id != 2 {
			t.Errorf("connection %d is used after its wait_timeout", id)
		}
	})
}

// While the function fails no login is started that nobody asked for.
func TestAfterLoginThatFailsIsNotProvoked(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		var fails atomic.Bool
		db := afterHandle(t, s, "pool_warm=3", func(context.Context, driver.Conn) error {
			if fails.Load() {
				return errOwn
			}
			return nil
		})
		c, err := db.Conn(t.Context()) // or the pool would not be in use
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ask(t, c)
		synctest.Wait()
		if open, _ := s.open(); open != 4 {
			t.Fatalf("%d connections are open, want 4", open)
		}
		fails.Store(true)
		Invalidate(nil)
		synctest.Wait()
		before := s.logins
		time.Sleep(time.Hour)
		if got := s.logins - before; got > 0 {
			t.Errorf("%d logins that nobody asked for", got)
		}
	})
}
