package mysqlpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/hosts"
	"github.com/mysqlpool/mysqlpool/internal/loginpace"
	"github.com/mysqlpool/mysqlpool/internal/physical"
)

// Each test here names a rule of database/sql that the driver lives by.

// bubble runs a test on fake time, against a fake server, and disposes of the
// pools before it ends.
func bubble(t *testing.T, test func(t *testing.T, s *fakeServer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		hosts.ForgetServers()          // what was known on another clock
		loginpace.Accounts.ForgetAll() // of another bubble, at the same time of another server
		disposeAfter(t)
		test(t, newFakeServer())
	})
}

// handle opens a handle that is closed when the test ends.
func handle(t *testing.T, s *fakeServer, params string) *sql.DB {
	t.Helper()
	db := sql.OpenDB(s.connector(t, params))
	t.Cleanup(func() { db.Close() })
	return db
}

// ask returns the id of the physical connection that answers.
func ask(t *testing.T, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) (id int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT 1").Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

// beginAll begins n transactions, so that n connections are in use.
func beginAll(t *testing.T, db *sql.DB, n int) (txs []*sql.Tx) {
	t.Helper()
	for range n {
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		txs = append(txs, tx)
	}
	return txs
}

func wantOpen(t *testing.T, s *fakeServer, open, ever int) {
	t.Helper()
	if gotOpen, gotEver := s.open(); gotOpen != open || gotEver != ever {
		t.Errorf("physical connections: got %d open of %d, want %d of %d", gotOpen, gotEver, open, ever)
	}
}

func wantNothingLate(t *testing.T, s *fakeServer) {
	t.Helper()
	for _, c := range s.conns {
		if c.late > 0 {
			t.Errorf("connection %d: %d statements were tried on it when it was dead", c.id, c.late)
		}
	}
}

func TestOpenDialsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		handle(t, s, "").Close()
		wantOpen(t, s, 0, 0)
		if all := Stats(); len(all) != 0 {
			t.Errorf("got pools before first use: %+v", all)
		}
	})
}

// putConn asks IsValid when it puts a healthy connection away.
func TestIsValidOffers(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const one = "pool_size=1&pool_max_overflow=0"
		a, b := handle(t, s, one), handle(t, s, one)
		for range 3 {
			ask(t, a) // each finds the connection in the other's hands, idle
			ask(t, b)
		}
		wantOpen(t, s, 1, 1)
	})
}

// conn passes on driver.ErrBadConn from ResetSession, and once SetMaxOpenConns
// is met it reaches the user.
func TestResetSessionOfATakenConnectionIsNoError(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const one = "pool_size=1&pool_max_overflow=0&pool_timeout=5"
		a, b := handle(t, s, one), handle(t, s, one)
		a.SetMaxOpenConns(1)
		ask(t, a)
		held, err := b.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ask(t, held) // on the connection that a put away
		if err := a.PingContext(t.Context()); !errors.Is(err, ErrPoolTimeout) {
			t.Errorf("while another handle holds the only connection: got %v, want ErrPoolTimeout", err)
		}
		held.Close()
		ask(t, a)
		wantOpen(t, s, 1, 1)
	})
}

// Neither a connection that somebody else took nor a dead one is an error of
// ResetSession, and neither is driver.ErrBadConn.
func TestResetSessionNeverFails(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := s.connector(t, "pool_size=1&pool_max_overflow=0")
		defer c.Close()
		connect := func() *conn {
			dc, err := c.Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return dc.(*conn)
		}
		taken := connect()
		other := connect()
		dead := other
		s.conns[0].set(func() { s.conns[0].dead = true })
		for _, lc := range []*conn{taken, dead} {
			if err := lc.ResetSession(t.Context()); err != nil {
				t.Errorf("got %v, want none", err)
			}
			if !lc.IsValid() {
				t.Error("an empty connection is not valid, want it to be")
			}
		}
		wantOpen(t, s, 0, 1)
		taken.Close()
		dead.Close()
	})
}

// putConn closes a connection that says it is not valid.
func TestBrokenConnectionIsNotOffered(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		ask(t, db)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s.query = func(ctx context.Context, _ *fakeConn, _ string) error {
			<-ctx.Done()
			return nil
		}
		if err := db.PingContext(ctx); err != context.DeadlineExceeded {
			t.Errorf("got %v, want the context's own error", err)
		}
		if p := onePool(t); p.Broken != 1 || p.Open != 0 {
			t.Errorf("got %+v, want it closed as broken, at once", p)
		}
		s.query = nil
		ask(t, db)
		wantNothingLate(t, s)
	})
}

// conn calls ResetSession on reuse, which finds the socket dead: no error
// reaches the user, and nothing is sent on it.
func TestDeadConnectionIsReplacedOnReuse(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		db.SetMaxOpenConns(1)
		first := ask(t, db)
		s.conns[0].set(func() { s.conns[0].dead = true })
		if second := ask(t, db); second == first {
			t.Error("a dead connection answered")
		}
		wantNothingLate(t, s)
		if p := onePool(t); p.Broken != 1 {
			t.Errorf("broken: got %d, want 1", p.Broken)
		}
	})
}

// conn calls no ResetSession after Connect.
func TestConnectChecksWhatItHandsOut(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		ask(t, db)
		db.Close()
		s.conns[0].set(func() { s.conns[0].dead = true })
		if id := ask(t, handle(t, s, "")); id != 2 {
			t.Errorf("connection: got %d, want a new one", id)
		}
		wantNothingLate(t, s)
	})
}

func TestConnectPingsAfterPoolPingAfter(t *testing.T) {
	for _, test := range []struct {
		idle time.Duration
		ping bool
	}{{30*time.Second - 1, false}, {30 * time.Second, true}} {
		t.Run(test.idle.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				db := handle(t, s, "")
				ask(t, db)
				db.Close()
				time.Sleep(test.idle)
				ask(t, handle(t, s, ""))
				if got := slices.Contains(s.conns[0].sent(), "ping"); got != test.ping {
					t.Errorf("pinged: got %v, want %v", got, test.ping)
				}
			})
		})
	}
}

func TestFailedPingReplacesTheConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "pool_ping_after=0")
		if ask(t, db) != 1 {
			t.Fatal("want the first connection")
		}
		s.query = func(_ context.Context, c *fakeConn, text string) error {
			if c.id == 1 && text == "ping" {
				return mysql.ErrInvalidConn
			}
			return nil
		}
		if id := ask(t, db); id != 2 {
			t.Errorf("connection: got %d, want a new one", id)
		}
		wantOpen(t, s, 1, 2)
	})
}

// A ping that hangs must not hang the checkout for longer than physical.PingTimeout.
func TestHangingPingEnds(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "pool_ping_after=0")
		ask(t, db)
		s.query = func(ctx context.Context, c *fakeConn, text string) error {
			if text == "ping" {
				<-ctx.Done()
			}
			return nil
		}
		start := time.Now()
		if id := ask(t, db); id != 2 {
			t.Errorf("connection: got %d, want a new one", id)
		}
		if took := time.Since(start); took != physical.PingTimeout {
			t.Errorf("took %v, want %v", took, physical.PingTimeout)
		}
	})
}

// retry asks again on driver.ErrBadConn: three times, with three logins each.
func TestConnectNeverReturnsErrBadConn(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.login = func(context.Context, int) error { return driver.ErrBadConn }
		err := handle(t, s, "").PingContext(t.Context())
		if errors.Is(err, driver.ErrBadConn) || !errors.Is(err, mysql.ErrInvalidConn) {
			t.Errorf("got %v, want mysql.ErrInvalidConn", err)
		}
		if s.logins != hosts.LoginTries {
			t.Errorf("logins: got %d, want %d", s.logins, hosts.LoginTries)
		}
	})
}

// putConn asks no IsValid after driver.ErrBadConn.
func TestCloseAfterErrBadConnDiscards(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		bad := 2
		s.query = func(_ context.Context, _ *fakeConn, text string) error {
			if text == "SELECT 1" && bad > 0 {
				bad--
				return driver.ErrBadConn
			}
			return nil
		}
		if id := ask(t, handle(t, s, "")); id != 3 {
			t.Errorf("connection: got %d, want the third", id)
		}
		wantOpen(t, s, 1, 3)
		if p := onePool(t); p.Broken != 2 {
			t.Errorf("broken: got %d, want 2", p.Broken)
		}
	})
}

// With rejectReadOnly the stock driver gives up a connection to a server that
// became read-only. Its others are to the same server, and database/sql would
// get them one after the other.
func TestRejectReadOnlyInvalidatesThePool(t *testing.T) {
	for params, wantOpened := range map[string]int{"rejectReadOnly=true": 6, "": 5} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			db := handle(t, s, params)
			var held []*sql.Conn
			for range 5 {
				c, err := db.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				ask(t, c)
				held = append(held, c)
			}
			for _, c := range held {
				c.Close()
			}
			s.query = func(_ context.Context, c *fakeConn, text string) error {
				if text == "UPDATE t" && c.id <= 5 {
					return driver.ErrBadConn
				}
				return nil
			}
			_, err := db.ExecContext(t.Context(), "UPDATE t")
			if (err == nil) != (params != "") {
				t.Errorf("%q: got %v", params, err)
			}
			if _, opened := s.open(); opened != wantOpened {
				t.Errorf("%q: connections opened: got %d, want %d", params, opened, wantOpened)
			}
		})
	}
}

// Conn.Raw evicts a connection on driver.ErrBadConn, or if the function panics.
func TestRawEvicts(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		ask(t, db) // the connection is one that was put away before
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.Raw(func(any) error { return driver.ErrBadConn })
		wantOpen(t, s, 0, 1)

		c, err = db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ask(t, c)
		func() {
			defer func() { recover() }()
			c.Raw(func(any) error { panic("user") })
		}()
		wantOpen(t, s, 0, 2)

		// And from a handle of which database/sql has put nothing away yet.
		other := handle(t, s, "")
		if c, err = other.Conn(t.Context()); err != nil {
			t.Fatal(err)
		}
		ask(t, c)
		c.Raw(func(any) error { return driver.ErrBadConn })
		wantOpen(t, s, 0, 3)
	})
}

// openNewConnection may put a connection away that was never used, and asks no
// IsValid. It must count as offered, and closing it must keep it.
func TestUnusedConnectionIsOfferedAndCheckedIn(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := s.connector(t, "pool_size=1&pool_max_overflow=0")
		parked, err := c.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p := onePool(t); p.Idle != 1 || p.InUse != 0 {
			t.Errorf("got %+v, want it idle", p)
		}
		other, err := c.Connect(t.Context()) // takes it
		if err != nil {
			t.Fatal(err)
		}
		if err := parked.Close(); err != nil {
			t.Error(err)
		}
		if err := other.Close(); err != nil {
			t.Error(err)
		}
		wantOpen(t, s, 1, 1)
		c.Close()
	})
}

func TestClosedLogicalConnectionReachesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		c := s.connector(t, "")
		dc, err := c.Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		dc.Close()
		lc := dc.(*conn)
		if lc.IsValid() {
			t.Error("valid after Close, want not")
		}
		if _, err := lc.QueryContext(t.Context(), "SELECT 1", nil); err != driver.ErrBadConn {
			t.Errorf("query after Close: got %v, want driver.ErrBadConn", err)
		}
		if err := dc.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		c.Close()
		wantOpen(t, s, 1, 1)
	})
}

// noteUnusedDriverStatement closes statements of idle connections, under
// sql.DB's own lock.
func TestStmtCloseDoesNotTouchWhatItDoesNotHold(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const one = "pool_size=1&pool_max_overflow=0"
		a, b := handle(t, s, one), handle(t, s, one)
		stmt, err := a.Prepare("SELECT ?")
		if err != nil {
			t.Fatal(err)
		}
		held, err := b.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ask(t, held)
		sent := s.conns[0].sent()
		stmt.Close()
		if got := s.conns[0].sent(); len(got) != len(sent) {
			t.Errorf("sent on another's connection: %q", got[len(sent):])
		}
		held.Close()
		ask(t, handle(t, s, one)) // the next who holds it closes the statement
		if got := s.conns[0].sent(); !slices.Contains(got, "close SELECT ?") {
			t.Errorf("the statement is still open: %q", got)
		}
		if n := s.conns[0].stmts; n != 0 {
			t.Errorf("statements open: got %d, want 0", n)
		}
	})
}

// finalClose closes a connection that somebody else may have by now.
func TestCloseDoesNotTouchWhatItDoesNotHold(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const one = "pool_size=1&pool_max_overflow=0"
		a, b := handle(t, s, one), handle(t, s, one)
		ask(t, a)
		held, err := b.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		ask(t, held)
		a.Close()
		ask(t, held)
		wantOpen(t, s, 1, 1)
	})
}

func TestPreparedStatementsFollowTheirConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		db.SetMaxOpenConns(1)
		stmt, err := db.Prepare("SELECT ?")
		if err != nil {
			t.Fatal(err)
		}
		defer stmt.Close()
		var id int
		for _, want := range []int{1, 1, 2, 2} {
			if err := stmt.QueryRow(1).Scan(&id); err != nil || id != want {
				t.Fatalf("got %d, %v, want connection %d", id, err, want)
			}
			if want == 1 && s.conns[0].log[len(s.conns[0].log)-2] == "execute SELECT ?" {
				s.conns[0].set(func() { s.conns[0].dead = true })
			}
		}
		for _, c := range s.conns {
			if n := strings.Count(strings.Join(c.sent(), ";"), "prepare SELECT"); n != 1 {
				t.Errorf("connection %d: prepared %d times, want once", c.id, n)
			}
		}
	})
}

// What a statement leaves behind on a connection that it does not follow any
// more is closed there too.
func TestStatementLeftBehindIsClosed(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const params = "pool_size=2&pool_max_overflow=0"
		a, b := handle(t, s, params), handle(t, s, params)
		a.SetMaxOpenConns(1)
		stmt, err := a.Prepare("SELECT ?")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2*hosts.OfferFor + time.Millisecond) // until the pool has the connection
		held, err := b.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ask(t, held)
		var id int
		if err := stmt.QueryRow(1).Scan(&id); err != nil || id != 2 {
			t.Fatalf("got %d, %v, want connection 2", id, err)
		}
		held.Close()
		ask(t, b)
		if n := s.conns[0].stmts; n != 0 {
			t.Errorf("statements open on the first connection: got %d, want 0", n)
		}
		stmt.Close()
	})
}

// hidden wraps a connection as a driver wrapper does that knows nothing of
// driver.Validator and driver.SessionResetter.
type hidden struct{ c *conn }

func (h hidden) Prepare(q string) (driver.Stmt, error) { return h.c.Prepare(q) }
func (h hidden) Begin() (driver.Tx, error)             { return h.c.Begin() }
func (h hidden) Close() error                          { return h.c.Close() }
func (h hidden) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	return h.c.QueryContext(ctx, q, args)
}

type hidingConnector struct{ *connector }

func (h hidingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := h.connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return hidden{c.(*conn)}, nil
}

func TestWrapperThatHidesIsValid(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		open := func() *sql.DB { return sql.OpenDB(hidingConnector{s.connector(t, "")}) }
		for range 3 {
			db := open()
			ask(t, db)
			db.Close()
		}
		wantOpen(t, s, 1, 1)

		s.query = func(_ context.Context, c *fakeConn, text string) error {
			if c.id == 1 {
				return driver.ErrBadConn
			}
			return nil
		}
		db := open()
		defer db.Close()
		if id := ask(t, db); id != 2 {
			t.Errorf("connection: got %d, want a new one", id)
		}
		wantOpen(t, s, 1, 2)
	})
}

func TestFailedEndOfATransactionIsRolledBack(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.query = func(_ context.Context, _ *fakeConn, text string) error {
			if text == "commit" {
				return errServer
			}
			return nil
		}
		db := handle(t, s, "")
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != errServer {
			t.Errorf("commit: got %v, want the server's own error", err)
		}
		db.Close()
		synctest.Wait()
		if sent := s.conns[0].sent(); sent[len(sent)-1] != "ROLLBACK" {
			t.Errorf("got %q, want a rollback at the end", sent)
		}
		wantOpen(t, s, 1, 1)
	})
}

// DB.Close does not end what is under way, and a Conn outlives it.
func TestConnOutlivesItsHandle(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		db.Close()
		ask(t, c)
		time.Sleep(time.Minute) // longer than any offer stands
		ask(t, c)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		wantOpen(t, s, 1, 1)
	})
}

// What names and quotes in a statement mean is what they meant when it was
// prepared, also if its connection has moved on by the time that they change.
func TestStatementsFollowBeforeTheSessionChanges(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const params = "pool_size=2&pool_max_overflow=0"
		a, b := handle(t, s, params), handle(t, s, params)
		a.SetMaxOpenConns(1)
		stmt, err := a.Prepare("INSERT INTO t VALUES (1)")
		if err != nil {
			t.Fatal(err)
		}
		defer stmt.Close()
		time.Sleep(2*hosts.OfferFor + time.Millisecond) // until the pool has the connection
		held, err := b.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		ask(t, held)
		for _, text := range []string{"SELECT 2", "USE other", "SELECT 3"} {
			if _, err := a.Exec(text); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := stmt.Exec(); err != nil {
			t.Fatal(err)
		}
		got := s.conns[1].sent()
		want := []string{"SELECT 2", "prepare INSERT INTO t VALUES (1)", "USE other", "SELECT 3", "execute INSERT INTO t VALUES (1)"}
		if got = got[len(got)-len(want):]; !slices.Equal(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}

// A connection that was found dead had statements that are lost with it: they
// are prepared on the next one when they run, whatever was done to that by then.
func TestStatementsOfADeadConnectionAreLost(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		db.SetMaxOpenConns(1)
		stmt, err := db.Prepare("INSERT INTO t VALUES (1)")
		if err != nil {
			t.Fatal(err)
		}
		defer stmt.Close()
		s.conns[0].set(func() { s.conns[0].dead = true })
		if _, err := db.Exec("USE other"); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := stmt.Exec(); err != nil {
				t.Fatal(err)
			}
		}
		got := s.conns[1].sent()
		want := []string{"USE other", "prepare INSERT INTO t VALUES (1)", "execute INSERT INTO t VALUES (1)", "execute INSERT INTO t VALUES (1)"}
		if got = got[len(got)-len(want):]; !slices.Equal(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}
