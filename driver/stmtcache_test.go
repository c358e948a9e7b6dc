package mysqlpool

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// stmtLog is what of prepared statements was sent on a connection.
func stmtLog(c *fakeConn) (all []string) {
	for _, text := range c.sent() {
		if what, _, _ := strings.Cut(text, " "); what == "prepare" || what == "execute" || what == "close" || what == "reset" {
			all = append(all, text)
		}
	}
	return all
}

func wantLog(t *testing.T, c *fakeConn, want ...string) {
	t.Helper()
	if got := stmtLog(c); !slices.Equal(got, want) {
		t.Errorf("connection %d: sent\n%q, want\n%q", c.id, got, want)
	}
	n := 0
	for _, text := range want {
		switch {
		case strings.HasPrefix(text, "prepare"):
			n++
		case strings.HasPrefix(text, "close"):
			n--
		case text == "reset":
			n = 0
		}
	}
	if got := Stats()[0].Stmts; got != int64(n) && len(Stats()) == 1 {
		t.Errorf("Stats: got %d statements on the server, want %d", got, n)
	}
}

// askWith runs a text with an argument, n times.
func askWith(t *testing.T, q queryer, n int, text string) {
	t.Helper()
	for range n {
		var id int
		if err := q.QueryRowContext(t.Context(), text, 1).Scan(&id); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

const oneConnection = "pool_size=1&pool_max_overflow=0"

func TestTextIsKeptFromItsSecondUse(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		askWith(t, handle(t, s, oneConnection), 4, "SELECT ?")
		wantLog(t, s.conns[0],
			"prepare SELECT ?", "execute SELECT ?", "close SELECT ?",
			"prepare SELECT ?", "execute SELECT ?", "execute SELECT ?", "execute SELECT ?")
	})
}

// What one handle saw, another keeps at once, on whatever connection.
func TestHandlesShareWhatWasSeen(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const params = "pool_size=2&pool_max_overflow=0"
		a, b := handle(t, s, params), handle(t, s, params)
		tx, err := a.Begin()
		if err != nil {
			t.Fatal(err)
		}
		askWith(t, tx, 1, "SELECT ?")
		askWith(t, b, 2, "SELECT ?")
		tx.Rollback()
		wantLog(t, s.conns[1], "prepare SELECT ?", "execute SELECT ?", "execute SELECT ?")
	})
}

func TestSchemasKeepTheirOwn(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		a, b := handleTo(t, s, "a", oneConnection), handleTo(t, s, "b", oneConnection)
		askWith(t, a, 2, "SELECT ?")
		askWith(t, b, 2, "SELECT ?")
		askWith(t, a, 1, "SELECT ?")
		askWith(t, b, 1, "SELECT ?")
		if n := strings.Count(strings.Join(stmtLog(s.conns[0]), ";"), "prepare"); n != 4 {
			t.Errorf("prepared %d times, want twice for each schema: %q", n, s.conns[0].sent())
		}
	})
}

func TestLeastRecentlyUsedGoesFirst(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, oneConnection+"&pool_stmt_cache=2")
		for _, text := range []string{"1", "2"} {
			askWith(t, db, 2, "SELECT "+text+", ?")
		}
		s.conns[0].set(func() { s.conns[0].log = nil })
		askWith(t, db, 1, "SELECT 1, ?") // used last
		askWith(t, db, 2, "SELECT 3, ?")
		askWith(t, db, 1, "SELECT 1, ?")
		askWith(t, db, 1, "SELECT 2, ?")
		if got, want := stmtLog(s.conns[0]), []string{
			"execute SELECT 1, ?", "prepare SELECT 3, ?", "execute SELECT 3, ?", "close SELECT 3, ?", "close SELECT 2, ?", "prepare SELECT 3, ?", "execute SELECT 3, ?",
			"execute SELECT 1, ?", "close SELECT 3, ?", "prepare SELECT 2, ?", "execute SELECT 2, ?",
		}; !slices.Equal(got, want) {
			t.Errorf("sent\n%q, want\n%q", got, want)
		}
		if p := Stats()[0]; p.StmtEvictions != 2 || p.Stmts != 2 {
			t.Errorf("got %d evictions, %d statements, want 2 and 2", p.StmtEvictions, p.Stmts)
		}
	})
}

// The server forgot its statements behind the pool's back. Then the numbers of
// all of them may be others' by now.
func TestUnknownStatementIsPreparedAgain(t *testing.T) {
	for _, who := range []string{"mysqld_stmt_execute", "mysql_stmt_precheck"} {
		t.Run(who, func(t *testing.T) { testUnknownStatement(t, who) })
	}
}

func testUnknownStatement(t *testing.T, who string) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, oneConnection)
		askWith(t, db, 2, "SELECT 1, ?")
		askWith(t, db, 2, "SELECT 2, ?")
		stmt, err := db.Prepare("SELECT 3, ?")
		if err != nil {
			t.Fatal(err)
		}
		s.conns[0].set(func() { s.conns[0].log = nil })
		once := true
		s.query = func(_ context.Context, _ *fakeConn, text string) error {
			if text == "execute SELECT 1, ?" && once {
				once = false
				return &mysql.MySQLError{Number: 1243, Message: "Unknown prepared statement handler (1) given to " + who}
			}
			return nil
		}
		askWith(t, db, 2, "SELECT 1, ?")
		askWith(t, db, 2, "SELECT 2, ?")
		var id int
		if err := stmt.QueryRow(1).Scan(&id); err != nil {
			t.Error(err)
		}
		stmt.Close()
		if got, want := stmtLog(s.conns[0]), []string{
			"execute SELECT 1, ?", "prepare SELECT 1, ?", "execute SELECT 1, ?", "execute SELECT 1, ?", "prepare SELECT 2, ?", "execute SELECT 2, ?", "execute SELECT 2, ?",
			"prepare SELECT 3, ?", "execute SELECT 3, ?",
		}; !slices.Equal(got, want) {
			t.Errorf("sent\n%q, want\n%q", got, want)
		}
		if got := Stats()[0].Stmts; got != 3 {
			t.Errorf("Stats: got %d statements, want 3", got)
		}
	})
}

// A statement surely did not run if the server wants it prepared again, unless
// it is one that may have run in part.
func TestStatementToBePreparedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, oneConnection)
		askWith(t, db, 2, "SELECT ?")
		call, err := db.Prepare("CALL p(?)")
		if err != nil {
			t.Fatal(err)
		}
		defer call.Close()
		fail := 1
		s.query = func(_ context.Context, _ *fakeConn, text string) error {
			if strings.HasPrefix(text, "execute") && fail > 0 {
				fail--
				return &mysql.MySQLError{Number: 1615}
			}
			return nil
		}
		askWith(t, db, 1, "SELECT ?")
		fail = 2
		if _, err := db.Exec("SELECT ?", 1); mysqlerr.Number(err) != 1615 || fail != 0 {
			t.Errorf("refused twice: got %v, %d tries left, want Error 1615 after two", err, fail)
		}
		askWith(t, db, 1, "SELECT ?")
		fail = 1
		if _, err := call.Exec(1); mysqlerr.Number(err) != 1615 {
			t.Errorf("a procedure: got %v, want Error 1615", err)
		}
		if n := strings.Count(strings.Join(s.conns[0].sent(), ";"), "execute CALL"); n != 1 {
			t.Errorf("the procedure was tried %d times, want once", n)
		}
		if _, err := call.Exec(1); err != nil {
			t.Error(err)
		}
	})
}

// An error that is not the server's says that an argument may have been sent
// and no statement run.
func TestStatementWithHalfItsArgumentsIsDropped(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, oneConnection)
		stmt, err := db.Prepare("SELECT ?")
		if err != nil {
			t.Fatal(err)
		}
		defer stmt.Close()
		askWith(t, db, 2, "SELECT ?")
		s.conns[0].set(func() { s.conns[0].log = nil })
		fail := true
		s.query = func(_ context.Context, _ *fakeConn, text string) error {
			if fail {
				fail = false
				return mysql.ErrPktTooLarge
			}
			return nil
		}
		if _, err := db.Exec("SELECT ?", 1); err != mysql.ErrPktTooLarge {
			t.Errorf("got %v, want the stock driver's %v", err, mysql.ErrPktTooLarge)
		}
		askWith(t, db, 2, "SELECT ?")
		if got := stmtLog(s.conns[0]); !slices.Equal(got, []string{
			"execute SELECT ?", "close SELECT ?", "prepare SELECT ?", "execute SELECT ?", "execute SELECT ?",
		}) {
			t.Errorf("sent %q", got)
		}
		var id int
		if err := stmt.QueryRow(1).Scan(&id); err != nil {
			t.Error(err)
		}
	})
}

// fullOfStatements makes the server refuse more statements than limit, of all
// connections together.
func fullOfStatements(s *fakeServer, limit *int) {
	s.query = func(_ context.Context, _ *fakeConn, text string) error {
		if !strings.HasPrefix(text, "prepare") {
			return nil
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		n := 0
		for _, c := range s.conns {
			if !c.closed {
				n += c.stmts
			}
		}
		if n >= *limit {
			return &mysql.MySQLError{Number: 1461, Message: "too many"}
		}
		return nil
	}
}

// What the pool keeps goes before the server refuses a user's statement.
func TestServerWithTooManyStatements(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		limit := 100
		fullOfStatements(s, &limit)
		const params = "pool_size=2&pool_max_overflow=0&pool_stmt_cache=50"
		a, b := handle(t, s, params), handle(t, s, params+"&pool_warm=1") // another pool
		for i := range 10 {
			askWith(t, a, 2, fmt.Sprintf("SELECT %d, ?", i))
			askWith(t, b, 2, fmt.Sprintf("SELECT %d, ?", i))
		}
		limit = 3
		start := time.Now()
		askWith(t, a, 1, "SELECT 99, ?")
		askWith(t, a, 1, "SELECT 99, ?")
		if took := time.Since(start); took > 0 {
			t.Errorf("took %v, want no wait: idle connections have all the statements", took)
		}
		for _, p := range Stats() {
			if p.Stmts > 0 {
				t.Errorf("%s still has %d statements on the server", p.Login, p.Stmts)
			}
		}
		time.Sleep(physical.StmtPause + time.Second)
		askWith(t, a, 2, "SELECT 99, ?")
		both := Stats()
		if got := both[0].Stmts + both[1].Stmts; got != 1 {
			t.Errorf("after the pause %d statements are kept, want 1", got)
		}
		// Users' own statements stay, and then the server's word counts.
		for i := range 3 {
			stmt, err := a.Prepare(fmt.Sprintf("SELECT %d", i))
			if err != nil {
				t.Fatal(err)
			}
			defer stmt.Close()
		}
		start = time.Now()
		_, err := a.Prepare("SELECT 4711")
		if mysqlerr.Number(err) != 1461 {
			t.Errorf("got %v, want the server's Error 1461", err)
		}
		if took := time.Since(start); took < physical.StmtPatience || took > physical.StmtPatience+physical.MaxStmtWait {
			t.Errorf("waited %v, want %v", took, physical.StmtPatience)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := a.PrepareContext(ctx, "SELECT 4711"); err != context.DeadlineExceeded {
			t.Errorf("got %v, want the context's error", err)
		}
	})
}

// With pool_reset=never nobody takes state back, so that a text is not used with
// what it meant before.
func TestNeverResetAndKept(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, oneConnection+"&pool_reset=never")
		askWith(t, db, 2, "SELECT ?")
		if _, err := db.Exec("SET sql_mode = 'ANSI_QUOTES'"); err != nil {
			t.Fatal(err)
		}
		askWith(t, db, 1, "SELECT ?")
		wantLog(t, s.conns[0], "prepare SELECT ?", "execute SELECT ?", "close SELECT ?", "prepare SELECT ?", "execute SELECT ?",
			"prepare SELECT ?", "execute SELECT ?", "close SELECT ?")
	})
}

// A kept statement runs with arguments of the kinds of its first run. A logical
// one that has it and comes with others prepares the text for those.
func TestStatementWithOtherArguments(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, oneConnection)
		askWith(t, db, 1, "SELECT ?")
		stmt, err := db.Prepare("SELECT ?")
		if err != nil {
			t.Fatal(err)
		}
		for _, arg := range []any{1, 2, "3"} {
			if _, err := stmt.Exec(arg); err != nil {
				t.Error(err)
			}
		}
		stmt.Close()
		askWith(t, db, 1, "SELECT ?")
		wantLog(t, s.conns[0],
			"prepare SELECT ?", "execute SELECT ?", "close SELECT ?",
			"prepare SELECT ?", "execute SELECT ?", "execute SELECT ?", "prepare SELECT ?", "execute SELECT ?",
			"execute SELECT ?")
	})
}

// What was prepared again counts with the arguments that it then ran with.
func TestPreparedAgainWithOtherArguments(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, oneConnection)
		for range 2 {
			if _, err := db.Exec("DELETE ?", 1); err != nil {
				t.Error(err)
			}
		}
		fail := true
		s.query = func(_ context.Context, _ *fakeConn, text string) error {
			if fail {
				fail = false
				return &mysql.MySQLError{Number: 1615}
			}
			return nil
		}
		for _, arg := range []any{1, "2", 3} {
			if _, err := db.Exec("DELETE ?", arg); err != nil {
				t.Error(err)
			}
		}
		wantLog(t, s.conns[0], "prepare DELETE ?", "execute DELETE ?", "close DELETE ?", "prepare DELETE ?", "execute DELETE ?",
			"execute DELETE ?", "prepare DELETE ?", "close DELETE ?", "execute DELETE ?",
			"prepare DELETE ?", "execute DELETE ?", "execute DELETE ?")
	})
}

// The same on a server: the session is reset behind the pool's back.
func TestServerForgotItsStatements(t *testing.T) {
	dsn := os.Getenv("MYSQL_POOL_TEST_DSN")
	if dsn == "" {
		t.Skip("needs a server: set MYSQL_POOL_TEST_DSN")
	}
	t.Cleanup(func() { Dispose(context.Background()) })
	db := benchOpen(t, "mysql_pool", withParam(dsn, oneConnection))
	defer db.Close()
	want := func(text string, want int) {
		t.Helper()
		for range 2 {
			var got int
			if err := db.QueryRow(text, 1).Scan(&got); err != nil || got != want {
				t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
			}
		}
	}
	want("SELECT 10 + ?", 11)
	want("SELECT 20 + ?", 21)
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = c.Raw(func(dc any) error {
		refused, err := stockdriver.Conn{Socket: dc.(*conn).holder.Current().Socket}.Run(t.Context(), stockdriver.ResetConnection)
		if err != nil {
			return err
		}
		return refused[0]
	})
	c.Close()
	if mysqlerr.Number(err) == 1047 {
		t.Skip("the server cannot reset a connection")
	}
	if err != nil {
		t.Fatal(err)
	}
	want("SELECT 20 + ?", 21)
	want("SELECT 10 + ?", 11)
}
