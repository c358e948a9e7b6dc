package suite

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// openQueryClose is what a program does that opens a handle for each job.
func openQueryClose(t *testing.T, driver, dsn string) (id int64) {
	t.Helper()
	id, err := tryOpenQueryClose(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func tryOpenQueryClose(driver, dsn string) (id int64, err error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	return askConnectionID(db)
}

func TestSuiteConnectionSurvivesItsHandle(t *testing.T) {
	s := needServer(t)
	s.onTransports(t, func(t *testing.T, dsn string) {
		onBoth(t, func(t *testing.T, driver string) {
			var ids []int64
			for range 10 {
				ids = append(ids, openQueryClose(t, driver, dsn))
			}
			distinct := len(slices.Compact(slices.Clone(ids)))
			switch {
			case driver == stock && (distinct != len(ids) || !slices.IsSorted(ids)):
				t.Errorf("connection ids %v: want them to climb", ids)
			case driver == pooled && distinct != 1:
				t.Errorf("connection ids %v: want one", ids)
			}
		})
	})
}

func TestSuiteConnectionSurvivesTheQuery(t *testing.T) {
	s := needServer(t)
	onBoth(t, func(t *testing.T, driver string) {
		db := s.open(t, driver, "")
		db.SetMaxIdleConns(0) // closes the connection after each query
		first, second := connectionID(t, db), connectionID(t, db)
		if same := first == second; same != (driver == pooled) {
			t.Errorf("connection ids %d and %d", first, second)
		}
	})
}

// logins is the server's own count of logins.
func (s *server) logins(t *testing.T) int {
	t.Helper()
	_, count, _ := strings.Cut(s.row(t, "SHOW GLOBAL STATUS LIKE 'Connections'"), "|")
	n, err := strconv.Atoi(count)
	if err != nil {
		t.Skipf("the server does not count logins: %v", err)
	}
	return n
}

func TestSuiteServerCountsNoLogins(t *testing.T) {
	s := needServer(t)
	const rounds = 10
	loginsIn := func(driver string) int {
		openQueryClose(t, driver, s.dsn)
		before := s.logins(t)
		for range rounds {
			openQueryClose(t, driver, s.dsn)
		}
		return s.logins(t) - before
	}
	if n := loginsIn(stock); n < rounds {
		t.Errorf("stock driver: the server counted %d logins in %d rounds", n, rounds)
	}
	// Somebody else may log in at the same time, but hardly each time.
	eventually(t, func() error {
		if n := loginsIn(pooled); n != 0 {
			return fmt.Errorf("the server counted %d logins in %d rounds", n, rounds)
		}
		return nil
	})
}

// TestSuiteManyRounds runs as many rounds as MYSQL_POOL_TEST_ROUNDS says: a
// hundred thousand, for whoever wants to see it.
func TestSuiteManyRounds(t *testing.T) {
	s := needServer(t)
	rounds := 300
	if v := os.Getenv("MYSQL_POOL_TEST_ROUNDS"); v != "" {
		var err error
		if rounds, err = strconv.Atoi(v); err != nil {
			t.Fatalf("MYSQL_POOL_TEST_ROUNDS: %v", err)
		}
	}
	first := openQueryClose(t, pooled, s.dsn)
	for i := range rounds {
		if id := openQueryClose(t, pooled, s.dsn); id != first {
			t.Fatalf("round %d: connection %d, want %d as before", i, id, first)
		}
	}
	if p := onlyPool(t); p.Opened != 1 {
		t.Errorf("%d connections opened, want 1", p.Opened)
	}
}

// childDSN and childDisposes, in the environment, make TestSuiteChild a program
// that uses the pool.
const (
	childDSN      = "MYSQL_POOL_TEST_CHILD_DSN"
	childDisposes = "MYSQL_POOL_TEST_CHILD_DISPOSES"
)

// TestSuiteChild is not a test but the program that
// TestSuiteConnectionEndsWithTheProcess runs. It says the id of its connection,
// and ends when its input does.
func TestSuiteChild(t *testing.T) {
	dsn := os.Getenv(childDSN)
	if dsn == "" {
		t.Skip("runs as the child of another test only")
	}
	id := openQueryClose(t, pooled, dsn)
	fmt.Printf("connection %d\n", id)
	if os.Getenv(childDisposes) != "" {
		dispose(t)
		fmt.Println("disposed")
	}
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0) // a program does not close what it has
}

// child starts TestSuiteChild and returns its connection and what ends it.
func child(t *testing.T, dsn string, env ...string) (id int64, output *bufio.Scanner, end func()) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, "-test.run=^TestSuiteChild$")
	// Not to wait for a second at the end, which the race detector does.
	cmd.Env = append(append(os.Environ(), childDSN+"="+dsn, "GORACE=atexit_sleep_ms=0"), env...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("child: %v", err)
		}
	}
	output = bufio.NewScanner(stdout)
	output.Scan()
	if _, err := fmt.Sscanf(output.Text(), "connection %d", &id); err != nil {
		end()
		t.Fatalf("child said %q: %v", output.Text(), err)
	}
	return id, output, end
}

func TestSuiteConnectionEndsWithTheProcess(t *testing.T) {
	s := needServer(t)
	id, _, end := child(t, s.dsn)
	if !s.connected(t, id) {
		t.Errorf("connection %d is gone before the process is", id)
	}
	end()
	s.wantGone(t, id)
}

func TestSuiteConnectionEndsWithDispose(t *testing.T) {
	s := needServer(t)
	id, output, end := child(t, s.dsn, childDisposes+"=1")
	output.Scan() // "disposed"
	s.wantGone(t, id)
	end()
}

func TestSuiteWaitTimeout(t *testing.T) {
	s := needServer(t)
	cases := []struct {
		name string
		run  func() error
	}{
		{"a connection is recycled a second before the wait_timeout of the DSN", func() error {
			return recycledAt(withParams(s.dsn, "wait_timeout=3"), 2*time.Second)
		}},
		{"or before that of the server, where only the server knows it", func() error {
			return recycledAt(withParams(s.dsn, "wait_timeout=1%2B2"), 2*time.Second)
		}},
		{"or at pool_recycle", func() error {
			return recycledAt(withParams(s.dsn, "wait_timeout=3&pool_recycle=1.5"), 1500*time.Millisecond)
		}},
		{"an idle connection is closed at that age", func() error {
			return s.idleClosedAt(t, "wait_timeout=2", time.Second)
		}},
		{"a connection that the server dropped is replaced", func() error {
			return s.droppedReplaced(t, "wait_timeout=1&pool_recycle=0")
		}},
	}
	// All at once, since each waits for a second or two.
	errs := make([]error, len(cases))
	inParallel(len(cases), func(i int) { errs[i] = cases[i].run() })
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if errs[i] == errNoWaitTimeout {
				t.Skip(errs[i])
			}
			if errs[i] != nil {
				t.Error(errs[i])
			}
		})
	}
}

// recycledAt wants the connection to be replaced when it is that old, less up to
// 2.5 %.
func recycledAt(dsn string, age time.Duration) error {
	before := time.Now()
	id, err := tryOpenQueryClose(pooled, dsn)
	if err != nil {
		return err
	}
	after := time.Now() // it was opened between the two
	for {
		asked := time.Now()
		now, err := tryOpenQueryClose(pooled, dsn)
		switch {
		case err != nil:
			return err
		case now == id && asked.Sub(after) > age:
			return fmt.Errorf("the connection is still used after %v, want at most %v", asked.Sub(after), age)
		case now != id && time.Since(before) < age-age/40:
			return fmt.Errorf("the connection was replaced after %v already, want %v less 2.5 %%", time.Since(before), age)
		case now != id:
			return nil
		}
		time.Sleep(time.Millisecond)
	}
}

// idleClosedAt wants a connection that nobody uses to be closed at that age.
func (s *server) idleClosedAt(t *testing.T, params string, age time.Duration) error {
	before := time.Now()
	id, err := tryOpenQueryClose(pooled, withParams(s.dsn, params))
	if err != nil {
		return err
	}
	s.wantGone(t, id)
	if took := time.Since(before); took < age-age/40 || took > age+age/2 {
		return fmt.Errorf("the idle connection was closed after %v, want %v", took, age)
	}
	return nil
}

var errNoWaitTimeout = errors.New("the server does not enforce wait_timeout")

// droppedReplaced wants a query to work although the server dropped the
// connection that the handle and the pool keep.
func (s *server) droppedReplaced(t *testing.T, params string) error {
	db, err := sql.Open(pooled, withParams(s.dsn, params))
	if err != nil {
		return err
	}
	defer db.Close()
	id, err := askConnectionID(db)
	if err != nil {
		return err
	}
	if tryFor(3*time.Second, func() error {
		if s.connected(t, id) {
			return errNoWaitTimeout
		}
		return nil
	}) != nil {
		return errNoWaitTimeout
	}
	now, err := askConnectionID(db)
	if now == id {
		return fmt.Errorf("still connection %d", id)
	}
	return err
}

func TestSuiteCharsetReachesTheSession(t *testing.T) {
	s := needServer(t)
	const ask = "SELECT @@character_set_client, @@character_set_connection, @@character_set_results, @@collation_connection"
	for _, params := range []string{
		"", "charset=latin1", "charset=utf8mb4", "charset=nonsense,utf8mb4", "charset=utf8mb4&collation=utf8mb4_bin", "collation=utf8mb4_unicode_ci",
	} {
		t.Run(params, func(t *testing.T) {
			asStock(t, func(t *testing.T, driver string) (result [2]string) {
				for i := range result { // with ours the second time on a used connection
					db := s.open(t, driver, params)
					text, err := askRow(db, ask)
					result[i] = text + errText(err)
					db.Close()
				}
				return result
			})
		})
	}
}

func TestSuiteDSNParametersReachTheSession(t *testing.T) {
	s := needServer(t)
	asStock(t, func(t *testing.T, driver string) (result [2]string) {
		for i := range result {
			db := s.open(t, driver, "time_zone=%27%2B03%3A00%27&sql_mode=%27ANSI_QUOTES%27")
			result[i] = row(t, db, "SELECT @@time_zone, @@sql_mode")
			db.Close()
		}
		return result
	})
}

func TestSuiteNothingDialsBeforeFirstUse(t *testing.T) {
	s := needServer(t)
	db := s.open(t, pooled, "")
	if all := mysqlpool.Stats(); len(all) != 0 {
		t.Errorf("after sql.Open: %+v", all)
	}
	s.wantConnections(t, 0)
	connectionID(t, db)
	s.wantConnections(t, 1)
}
