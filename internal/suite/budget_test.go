package suite

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// The promise of one budget per server: whatever pools the process has, others can
// log in.

// maxConnections is the server's, or the test is skipped: to fill a large server
// takes long.
func (s *server) maxConnections(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(s.row(t, "SELECT @@max_connections"))
	if err != nil || n == 0 || n > 200 {
		t.Skipf("max_connections is %d (%v): filling the server takes too many connections; try --max-connections=100", n, err)
	}
	return n
}

// accounts creates accounts for the test, and returns a DSN of each.
func (s *server) accounts(t *testing.T, n int) (dsns []string) {
	t.Helper()
	cfg, err := mysql.ParseDSN(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	prefix := uniqueName()
	for i := range n {
		name := fmt.Sprintf("%s_%d", prefix[len(prefix)-8:], i)
		for _, host := range []string{"%", "localhost"} {
			account := "'" + name + "'@'" + host + "'"
			if _, err := s.admin.Exec("CREATE USER " + account + " IDENTIFIED BY 'x'"); err != nil {
				t.Skipf("no accounts can be created: %v", err)
			}
			t.Cleanup(func() { s.admin.Exec("DROP USER " + account) })
			s.exec(t, "GRANT ALL ON *.* TO "+account)
		}
		one := cfg.Clone()
		one.User, one.Passwd = name, "x"
		dsns = append(dsns, one.FormatDSN())
	}
	return dsns
}

// wantRoomForOthers has another program, on the stock driver, connect twenty times
// at once, once the pool has opened its last connection.
func wantRoomForOthers(t *testing.T, when, dsn string) {
	t.Helper()
	db := openDSN(t, stock, dsn)
	defer db.Close()
	var refused atomic.Int64
	inParallel(20, func(int) {
		if _, err := db.Exec("DO SLEEP(0.3)"); err != nil {
			refused.Add(1)
			t.Logf("%s: %v", when, err)
		}
	})
	if n := refused.Load(); n > 0 {
		t.Errorf("%s: another program failed %d times of 20", when, n)
	}
}

func TestSuiteManyAccountsLeaveRoom(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	max := s.maxConnections(t)
	for _, test := range []struct {
		accounts, goroutines int
		params               string
	}{
		{max + 20, 1, ""},
		{max + 20, 1, "pool_size=1&pool_max_overflow=0"},
		{40, 3, ""},
	} {
		what := fmt.Sprintf("%d accounts, %d goroutines, %q", test.accounts, test.goroutines, test.params)
		dsns := s.accounts(t, test.accounts+1)
		for i, dsn := range dsns[:test.accounts] {
			db := openDSN(t, pooled, withParams(dsn, test.params))
			inParallel(test.goroutines, func(int) {
				var got int
				if err := db.QueryRow("SELECT ?", i).Scan(&got); err != nil || got != i {
					t.Errorf("%s: got %d, %v", what, got, err)
				}
			})
			db.Close()
		}
		open := 0
		for _, p := range mysqlpool.Stats() {
			open += p.Open
		}
		if open > 16 {
			t.Errorf("%s: %d connections are open with every handle closed, want 16 at most", what, open)
		}
		wantRoomForOthers(t, what, dsns[test.accounts])
	}
}

// Handles that stay open take from each other what they do not use.
func TestSuiteManyAccountsWithOpenHandles(t *testing.T) {
	s := needServer(t)
	max := s.maxConnections(t)
	dsns := s.accounts(t, max+20)
	var handles []*sql.DB
	for range 2 {
		for i, dsn := range dsns {
			if len(handles) <= i {
				handles = append(handles, openDSN(t, pooled, dsn))
			}
			if got := row(t, handles[i], "SELECT ?", i); got != fmt.Sprint(i) {
				t.Errorf("account %d: got %s", i, got)
			}
		}
	}
	for _, p := range mysqlpool.Stats() {
		if p.LoginErrors > 0 {
			t.Errorf("%s: %d logins failed, want the places to be counted and not found out", p.Login, p.LoginErrors)
		}
	}
	for _, db := range handles {
		db.Close()
	}
}

func TestSuiteSpikeLeavesRoom(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	s.maxConnections(t)
	for _, idle := range []int{2, 1000} {
		db := s.open(t, pooled, "")
		db.SetMaxIdleConns(idle)
		inParallel(200, func(int) {
			if _, err := db.Exec("DO SLEEP(0.5)"); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(5 * time.Second) // what is promised is a time
		wantRoomForOthers(t, fmt.Sprintf("5 s after a spike of a handle that keeps %d", idle), s.dsn)
		db.Close()
		dispose(t)
	}
}

func TestSuiteBusyPoolsShareEvenly(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	max := s.maxConnections(t)
	dsns := s.accounts(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	var load sync.WaitGroup
	busy := func(dsn string) {
		db := openDSN(t, pooled, dsn)
		for range max {
			load.Go(func() {
				for ctx.Err() == nil {
					if _, err := db.Exec("DO SLEEP(0.02)"); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		t.Cleanup(func() { db.Close() })
	}
	busy(dsns[0])
	eventually(t, func() error {
		if all := mysqlpool.Stats(); len(all) == 0 || all[0].Open < max/2 {
			return fmt.Errorf("the first one has not filled the server: %+v", all)
		}
		return nil
	})
	busy(dsns[1])
	eventually(t, func() error {
		all := mysqlpool.Stats()
		if len(all) != 2 || all[0].Open-all[1].Open > 2 || all[1].Open-all[0].Open > 2 || all[0].Open+all[1].Open < max*9/10-3 {
			return fmt.Errorf("two busy pools have %d and %d of %d", all[0].Open, all[len(all)-1].Open, max)
		}
		t.Logf("two busy pools have %d and %d of %d", all[0].Open, all[1].Open, max)
		return nil
	})
	cancel()
	load.Wait()
	for _, p := range mysqlpool.Stats() {
		if p.LoginErrors > 0 {
			t.Errorf("%s: %d logins failed", p.Login, p.LoginErrors)
		}
	}
}

func TestSuiteInvalidate(t *testing.T) {
	s := needServer(t)
	db := s.open(t, pooled, "pool_name=suite")
	tx := begin(t, db)
	inTx, free := connectionID(t, tx), connectionID(t, db)
	if n := mysqlpool.Invalidate(func(p mysqlpool.PoolStats) bool { return p.Name == "suite" }); n != 2 {
		t.Errorf("connections: got %d, want 2", n)
	}
	s.wantGone(t, free)
	if id := connectionID(t, tx); id != inTx {
		t.Errorf("the one in use: got connection %d after %d", id, inTx)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	db.SetMaxIdleConns(0)
	s.wantGone(t, inTx)
	if id := connectionID(t, db); id == free || id == inTx {
		t.Errorf("got connection %d again", id)
	}
	if p := onlyPool(t); p.Invalidated != 2 {
		t.Errorf("invalidated: got %d, want 2", p.Invalidated)
	}
}

// What SET GLOBAL changes is followed within a minute.
func TestSuiteChangedLimits(t *testing.T) {
	if os.Getenv("MYSQL_POOL_TEST_LIMITS") == "" {
		t.Skip("takes a minute: set MYSQL_POOL_TEST_LIMITS")
	}
	s := needOwnServer(t)
	max := s.maxConnections(t)
	db := s.open(t, pooled, "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var load sync.WaitGroup
	for range 20 {
		load.Go(func() {
			for ctx.Err() == nil {
				if _, err := db.Exec("DO SLEEP(0.1)"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	eventually(t, func() error {
		if all := mysqlpool.Stats(); len(all) == 0 || all[0].Open < 20 {
			return fmt.Errorf("got %+v, want 20 open", all)
		}
		return nil
	})
	s.exec(t, "SET GLOBAL max_connections = 17")
	defer s.exec(t, fmt.Sprint("SET GLOBAL max_connections = ", max))
	start := time.Now()
	if err := tryFor(time.Minute, func() error {
		time.Sleep(100 * time.Millisecond)
		if p := onlyPool(t); p.Limit != 14 || p.Open > 14 {
			return fmt.Errorf("of %d: limit %d, open %d", max, p.Limit, p.Open)
		}
		return nil
	}); err != nil {
		t.Errorf("a minute after SET GLOBAL max_connections = 17: %v", err)
	}
	t.Logf("followed after %v", time.Since(start).Round(time.Second))
	cancel()
	load.Wait()
}

// max_user_connections of an account counts over all its pools.
func TestSuiteAccountsLimitOverPools(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	dsn := s.accounts(t, 1)[0]
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"%", "localhost"} {
		account := "'" + cfg.User + "'@'" + host + "'"
		if _, err := s.admin.Exec("ALTER USER " + account + " WITH MAX_USER_CONNECTIONS 6"); err != nil { // MySQL 5.6 has none
			s.exec(t, "GRANT USAGE ON *.* TO "+account+" WITH MAX_USER_CONNECTIONS 6")
		}
	}
	var load sync.WaitGroup
	for i := range 3 {
		db := openDSN(t, pooled, withParams(dsn, fmt.Sprintf("wait_timeout=%d", 1000+i)))
		for range 10 {
			load.Go(func() {
				for range 20 {
					if _, err := db.Exec("DO SLEEP(0.01)"); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		t.Cleanup(func() { db.Close() })
	}
	load.Wait()
	refused := int64(0)
	for _, p := range mysqlpool.Stats() {
		refused += p.LoginErrors
	}
	// The server may count a connection for a moment after it was closed.
	if refused > 10 {
		t.Errorf("the server refused %d logins, want them not to be tried", refused)
	}
	for _, server := range mysqlpool.Servers() {
		for _, a := range server.Accounts {
			if a.Limit != 6 || a.Taken > 6 {
				t.Errorf("got %+v, want max_user_connections, 6", a)
			}
		}
	}
	t.Logf("%d logins refused by the server", refused)
}
