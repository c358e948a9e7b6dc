package suite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// The promise of one pool per login: a thousand handles over many schemas run
// on as many connections as have queries under way.

const (
	manyHandles    = 1000
	manySchemas    = 50
	manyGoroutines = 32
)

// manyQueries is how many queries TestManyHandles runs in all.
func manyQueries(t *testing.T) int {
	n, err := strconv.Atoi(cmpOr(os.Getenv("MYSQL_POOL_TEST_QUERIES"), "3000"))
	if err != nil {
		t.Fatalf("MYSQL_POOL_TEST_QUERIES: %v", err)
	}
	return n
}

func cmpOr(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// tenants is many schemas, each with a table that says which one it is.
type tenants struct {
	cfg     *mysql.Config
	admin   *sql.DB
	schemas []string
}

func newTenants(t *testing.T) *tenants {
	t.Helper()
	dsn := os.Getenv("MYSQL_POOL_TEST_DSN")
	if dsn == "" {
		t.Skip("needs a server: set MYSQL_POOL_TEST_DSN, or use make test")
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	admin.SetMaxOpenConns(1)
	x := &tenants{cfg: cfg, admin: admin}
	t.Cleanup(func() {
		for _, schema := range x.schemas {
			if _, err := admin.Exec("DROP DATABASE " + schema); err != nil {
				t.Error(err)
			}
		}
		admin.Close()
		mysqlpool.Dispose(context.Background())
	})
	run := rand.Uint32()
	for i := range manySchemas {
		schema := fmt.Sprintf("mysqlpool_%08x_%d", run, i)
		if _, err := admin.Exec("CREATE DATABASE " + schema); err != nil {
			t.Fatal(err)
		}
		x.schemas = append(x.schemas, schema)
		for _, query := range []string{
			"CREATE TABLE " + schema + ".tenant (id INT PRIMARY KEY, name VARCHAR(64))",
			"INSERT INTO " + schema + ".tenant VALUES (1, '" + schema + "')",
		} {
			if _, err := admin.Exec(query); err != nil {
				t.Fatal(err)
			}
		}
	}
	return x
}

// open opens n handles over the schemas, in turn.
func (x *tenants) open(t *testing.T, driver string, n int) []*sql.DB {
	t.Helper()
	handles := make([]*sql.DB, n)
	for i := range handles {
		cfg := x.cfg.Clone()
		cfg.DBName = x.schemas[i%len(x.schemas)]
		db, err := sql.Open(driver, cfg.FormatDSN())
		if err != nil {
			t.Fatal(err)
		}
		handles[i] = db
	}
	return handles
}

func closeAll(handles []*sql.DB) {
	for _, db := range handles {
		db.Close()
	}
}

func (x *tenants) status(t *testing.T, name string) (n int) {
	t.Helper()
	if err := x.admin.QueryRow("SHOW GLOBAL STATUS LIKE '"+name+"'").Scan(&name, &n); err != nil {
		t.Skipf("the server does not tell %s: %v", name, err)
	}
	return n
}

// The ways to ask for the name of a tenant.
const (
	asText     = "SELECT name FROM tenant WHERE id = 1"
	byArgument = "SELECT name FROM tenant WHERE id = ?"
)

// visit asks for the name of the tenant, and says whether it is the right one.
func visit(db *sql.DB, query, want string) error {
	var args []any
	if query == byArgument {
		args = []any{1}
	}
	var got string
	if err := db.QueryRow(query, args...).Scan(&got); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("wrong schema: got %s, want %s", got, want)
	}
	return nil
}

// result is how a run of many queries went.
type result struct {
	queries, failed int
	full            int   // of those that failed, with "Too many connections"
	first           error // the first that failed
	took            time.Duration
}

func (r result) perSecond() float64 { return float64(r.queries) / r.took.Seconds() }

// hammer runs n queries on the goroutines; next chooses the handle.
func (x *tenants) hammer(n int, query string, handles []*sql.DB, next func(goroutine, query int) int) result {
	var mu sync.Mutex
	r := result{queries: n}
	var wg sync.WaitGroup
	start := time.Now()
	for g := range manyGoroutines {
		wg.Go(func() {
			for q := range n / manyGoroutines {
				i := next(g, q)
				err := visit(handles[i], query, x.schemas[i%len(x.schemas)])
				if err == nil {
					continue
				}
				mu.Lock()
				if r.first == nil {
					r.first = err
				}
				r.failed++
				if errors.Is(err, &mysql.MySQLError{Number: 1040}) {
					r.full++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	r.took = time.Since(start)
	return r
}

func anyHandle(int, int) int { return rand.IntN(manyHandles) }

// job stays with a handle for fifty queries, as a request or a job does.
func job(g, q int) int { return (g + manyGoroutines*(q/50)) % manyHandles }

func TestManyHandles(t *testing.T) {
	x := newTenants(t)
	n := manyQueries(t)

	one := x.open(t, "mysql", 1)
	one[0].SetMaxIdleConns(manyGoroutines)
	baseline := map[string]float64{}
	for _, query := range []string{asText, byArgument} {
		r := x.hammer(n, query, one, func(int, int) int { return 0 })
		baseline[query] = r.perSecond()
		t.Logf("mysql, one handle that keeps %d, %s: %.0f queries/s, %d failed", manyGoroutines, query, r.perSecond(), r.failed)
	}
	closeAll(one)

	for _, test := range []struct {
		name, query string
		next        func(int, int) int
	}{
		{"any handle for each query", asText, anyHandle},
		{"a handle for fifty queries", asText, job},
		{"any handle for each query", byArgument, anyHandle},
		{"a handle for fifty queries", byArgument, job},
	} {
		eventually(t, func() error {
			if n := x.status(t, "Threads_connected"); n > 2 {
				return fmt.Errorf("%d connections are left of the run before", n)
			}
			return nil
		})
		others := x.status(t, "Threads_connected")
		// FLUSH STATUS is about the session alone from MariaDB 11.5 on.
		if _, err := x.admin.Exec("FLUSH GLOBAL STATUS"); err != nil {
			if _, err := x.admin.Exec("FLUSH STATUS"); err != nil {
				t.Skip("the server cannot flush its status:", err)
			}
		}
		handles := x.open(t, "mysql_pool", manyHandles)
		r := x.hammer(n, test.query, handles, test.next)
		t.Logf("mysql_pool, %s, %s: %.0f queries/s, %.2f of that; %d failed", test.name, test.query, r.perSecond(), r.perSecond()/baseline[test.query], r.failed)
		if r.failed > 0 {
			t.Errorf("%d of %d queries failed, the first with: %v", r.failed, r.queries, r.first)
		}
		most := x.status(t, "Max_used_connections") - others
		t.Logf("Max_used_connections: %d of ours", most)
		if most > manyGoroutines+5 {
			t.Errorf("connections: got %d at a time, want no more than %d", most, manyGoroutines+5)
		}
		closeAll(handles)
		mysqlpool.Dispose(context.Background())
	}

	if max := x.limit(t); max > 200 {
		t.Logf("mysql, %d handles: not run, since the server would let it open %d connections", manyHandles, max)
		return
	}
	handles := x.open(t, "mysql", manyHandles)
	defer closeAll(handles)
	r := x.hammer(n, asText, handles, anyHandle)
	t.Logf("mysql, %d handles: %d of %d queries failed, %d with Error 1040", manyHandles, r.failed, r.queries, r.full)
}

// limit is how many connections the server takes. Where it says that there is no limit
// (TiDB says 0) it is the largest number.
func (x *tenants) limit(t *testing.T) (n int) {
	t.Helper()
	if err := x.admin.QueryRow("SELECT @@max_connections").Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n <= 0 {
		return math.MaxInt
	}
	return n
}

func TestHandlesUsedOnceAndLeft(t *testing.T) {
	x := newTenants(t)
	cfg := x.cfg.Clone()
	cfg.Params = map[string]string{"@pool_idle_timeout": "1"}
	x.cfg = cfg
	before := heap()
	handles := x.open(t, "mysql_pool", manyHandles)
	defer closeAll(handles)
	for i, db := range handles {
		if err := visit(db, asText, x.schemas[i%manySchemas]); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() error {
		open := 0
		for _, p := range mysqlpool.Stats() {
			open += p.Open
		}
		if open > 5 {
			return fmt.Errorf("%d connections are left, want pool_size, 5, at most", open)
		}
		return nil
	})
	t.Logf("heap for each idle handle: mysql_pool %d bytes", (heap()-before)/manyHandles)

	before = heap()
	stock := x.open(t, "mysql", max(1, min(manyHandles, x.limit(t)-20)))
	defer closeAll(stock)
	for i, db := range stock {
		if err := visit(db, asText, x.schemas[i%manySchemas]); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("heap for each idle handle: mysql %d bytes", (heap()-before)/uint64(len(stock)))
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// One busy handle that keeps two idle connections, which is the default of
// database/sql: the stock driver logs in again and again.
func TestBusyHandleLogsInOnce(t *testing.T) {
	x := newTenants(t)
	n := manyQueries(t)
	logins := map[string]int{}
	for _, driver := range []string{"mysql", "mysql_pool"} {
		handles := x.open(t, driver, 1)
		before := x.status(t, "Connections")
		r := x.hammer(n, asText, handles, func(int, int) int { return 0 })
		logins[driver] = x.status(t, "Connections") - before
		closeAll(handles)
		if r.failed > 0 {
			t.Errorf("%s: %d queries failed, the first with: %v", driver, r.failed, r.first)
		}
		t.Logf("%s: %d logins for %d queries on %d goroutines, %.0f queries/s", driver, logins[driver], n, manyGoroutines, r.perSecond())
	}
	if logins["mysql_pool"] > manyGoroutines+5 {
		t.Errorf("logins: got %d, want about %d", logins["mysql_pool"], manyGoroutines)
	}
}

// Of two handles with different passwords neither disturbs the other.
// A connection cannot be taken off its schema. A handle that wants none must
// not cost a login each time because others took what it used.
func TestAlternatingWithAndWithoutASchema(t *testing.T) {
	s := needServer(t)
	with := s.open(t, pooled, "pool_size=3")
	without := openDSN(t, pooled, withParams(strings.Replace(s.dsn, "/"+s.schema, "/", 1), "pool_size=3"))
	with.SetMaxIdleConns(0) // each connection goes back to the pool
	without.SetMaxIdleConns(0)
	for i := range 50 {
		if got := row(t, with, "SELECT DATABASE()"); got != s.schema {
			t.Fatalf("round %d: schema: got %s, want %s", i, got, s.schema)
		}
		if got := row(t, without, "SELECT DATABASE()"); got != "NULL" {
			t.Fatalf("round %d: schema: got %s, want none", i, got)
		}
	}
	if p := onlyPool(t); p.Opened > 2 {
		t.Errorf("logins: got %d, want 2", p.Opened)
	}
}

func TestWrongPasswordBesideTheRightOne(t *testing.T) {
	x := newTenants(t)
	right := x.open(t, "mysql_pool", 1)
	defer closeAll(right)
	id := func() (n int) {
		if err := right[0].QueryRow("SELECT CONNECTION_ID()").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := id()
	x.cfg.Passwd = wrongPassword
	stock := x.open(t, "mysql", 1)
	defer closeAll(stock)
	if stock[0].Ping() == nil {
		t.Skip("the server takes any password")
	}
	wrong := x.open(t, "mysql_pool", 1)
	defer closeAll(wrong)
	if err := wrong[0].Ping(); !errors.Is(err, &mysql.MySQLError{Number: 1045}) {
		t.Errorf("wrong password: got %v, want Error 1045", err)
	}
	if after := id(); after != before {
		t.Errorf("the right one: got connection %d after %d", after, before)
	}
}

// Another program takes every connection of the server, and lets go later.
func TestServerThatSomebodyElseFills(t *testing.T) {
	x := newTenants(t)
	limit := x.limit(t)
	if limit > 200 {
		t.Skipf("filling the server takes %d connections; try --max-connections=100", limit)
	}
	other := x.open(t, "mysql", 1)[0]
	defer other.Close()
	var held []*sql.Conn
	for {
		c, err := other.Conn(t.Context())
		if err != nil {
			break // MySQL and MariaDB keep one place for an administrator
		}
		held = append(held, c)
		if len(held) > limit+1 {
			t.Skip("the server does not enforce max_connections")
		}
	}
	var freed atomic.Bool
	time.AfterFunc(300*time.Millisecond, func() {
		freed.Store(true)
		held[0].Close()
		other.SetMaxIdleConns(0)
	})
	db := x.open(t, "mysql_pool", 1)[0]
	defer db.Close()
	err := visit(db, asText, x.schemas[0])
	if err != nil || !freed.Load() {
		t.Errorf("with room after 300 ms: got %v, want to wait for it", err)
	}
	for _, c := range held[1:] {
		c.Close()
	}
}
