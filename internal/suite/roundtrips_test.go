package suite

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// tripDialer dials, and counts round trips. Unlike a relay it leaves the address with
// which the server lists a connection.
type tripDialer struct {
	network string       // of a DSN
	trips   atomic.Int64 // times that something was sent after something had come
}

var tripNetworks atomic.Int64

func newTripDialer() *tripDialer {
	d := &tripDialer{network: fmt.Sprintf("trips%d", tripNetworks.Add(1))}
	mysql.RegisterDialContext(d.network, func(ctx context.Context, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, err
		}
		return &tripConn{TCPConn: c.(*net.TCPConn), trips: &d.trips}, nil
	})
	return d
}

func (d *tripDialer) through(t *testing.T, dsn, params string) string {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Net != "tcp" {
		t.Skip("needs TCP")
	}
	cfg.Net = d.network
	return withParams(cfg.FormatDSN(), params)
}

type tripConn struct {
	*net.TCPConn
	trips    *atomic.Int64
	answered atomic.Bool
}

func (c *tripConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	c.answered.Store(true)
	return n, err
}

func (c *tripConn) Write(b []byte) (int, error) {
	if c.answered.Swap(false) {
		c.trips.Add(1)
	}
	return c.TCPConn.Write(b)
}

// of returns how many round trips f takes, on average of n runs after as many others; i counts on.
func (d *tripDialer) of(n int, f func(i int)) float64 {
	for i := range n {
		f(i)
	}
	before := d.trips.Load()
	for i := range n {
		f(n + i)
	}
	return float64(d.trips.Load()-before) / float64(n)
}

// What a statement takes once its text is known, with either driver.
func TestSuiteRoundTripsOfAStatement(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	byArg := func(value any) func(t *testing.T, dbs []*sql.DB, i int) {
		return func(t *testing.T, dbs []*sql.DB, _ int) {
			scanOne(t, dbs[0], "SELECT COUNT(home) FROM t WHERE id = ?", value)
		}
	}
	for _, test := range []struct {
		name        string
		stock, pool float64
		run         func(t *testing.T, dbs []*sql.DB, i int)
	}{
		{"a text", 1, 1, func(t *testing.T, dbs []*sql.DB, _ int) { scanOne(t, dbs[0], "SELECT 1") }},
		{"a text on another schema", 1, 1, func(t *testing.T, dbs []*sql.DB, i int) { scanOne(t, dbs[i%2], "SELECT COUNT(*) FROM t") }},
		{"by argument", 2, 1, byArg(1)},
		{"by argument on another schema", 2, 1, func(t *testing.T, dbs []*sql.DB, i int) {
			x.visit(t, dbs[i%2], i%2)
		}},
		{"by arguments whose kinds change", 2, 1, func(t *testing.T, dbs []*sql.DB, i int) {
			byArg([]any{1, nil, "1", 1.5}[i%4])(t, dbs, i) // as many as are kept
		}},
		{"by arguments of another kind than the first", 2, 1, func(t *testing.T, dbs []*sql.DB, i int) {
			scanOne(t, dbs[0], "SELECT COUNT(*) FROM t WHERE id = ?", []any{nil, i}[min(i, 1)])
		}},
		// An error that Prepare owes comes from the server.
		{"Prepare, run, Close", 2, 2, func(t *testing.T, dbs []*sql.DB, _ int) {
			stmt, err := dbs[0].Prepare("SELECT COUNT(*) FROM t WHERE id < ?")
			if err != nil {
				t.Fatal(err)
			}
			defer stmt.Close()
			var n int
			if err := stmt.QueryRow(9).Scan(&n); err != nil {
				t.Fatal(err)
			}
		}},
		{"a transaction of two statements", 6, 4, func(t *testing.T, dbs []*sql.DB, _ int) {
			tx, err := dbs[0].Begin()
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			for range 2 {
				if _, err := tx.Exec("INSERT INTO written VALUES (?, ?)", "a", 1); err != nil {
					t.Fatal(err)
				}
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, way := range []struct {
				driver, params string
				want           float64
			}{{"mysql", "", test.stock}, {pooled, poolOfOne, test.pool}} {
				d := newTripDialer()
				var dbs []*sql.DB
				for i := range x.names {
					db := openDSN(t, way.driver, x.dsn(t, d.through(t, x.s.dsn, way.params), i, ""))
					db.SetMaxOpenConns(1)
					dbs = append(dbs, db)
				}
				if got := d.of(12, func(i int) { test.run(t, dbs, i) }); got != way.want {
					t.Errorf("%s: got %v round trips, want %v", way.driver, got, way.want)
				}
				for _, db := range dbs {
					db.Close()
				}
			}
			dispose(t)
		})
	}
}

func scanOne(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	var n int
	if err := db.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
}

// What a login takes beside the stock driver's own.
func TestSuiteRoundTripsOfALogin(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	for _, test := range []struct {
		name, params string
		before       string // another handle leaves it
		leaves       string
		first, later int64
	}{
		{"default", "", "", "DO 0", 1, 0},
		{"while the first is left so", "", "", "SET @a = 1", 1, 0},
		{"after state was left", "", "SET @a = 1", "DO 0", 0, 1},
		{"after what needs no variables", "", "", "BEGIN", 1, 0},
		{"a reset after each use", "pool_reset=always", "", "DO 0", 2, 1},
		{"a KILL needs the id", "pool_kill=on", "", "DO 0", 1, 1},
		{"the log of what leaks has the id", "pool_leak_after=1h", "", "DO 0", 1, 1},
		{"no state is restored", "pool_reset=never", "", "SET @a = 1", 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			logins := func(driver, params string) (all [2]int64) {
				d := newTripDialer()
				db := openDSN(t, driver, d.through(t, s.dsn, params))
				if test.before != "" && driver == pooled {
					other := openDSN(t, driver, d.through(t, s.dsn, params))
					if !leaves(other, []string{test.before}) {
						t.Fatal("refused")
					}
					other.Close()
					eventually(t, func() error {
						if p := onlyPool(t); p.Idle != 1 {
							return fmt.Errorf("%d connections are idle", p.Idle)
						}
						return nil
					})
				}
				var conns []*sql.Conn
				for i := range all {
					before := d.trips.Load()
					c, err := db.Conn(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					all[i] = d.trips.Load() - before
					conns = append(conns, c)
					if _, err := c.ExecContext(t.Context(), test.leaves); err != nil {
						t.Fatal(err)
					}
				}
				for _, c := range conns {
					c.Close()
				}
				db.Close()
				return all
			}
			stock, pool := logins("mysql", ""), logins(pooled, test.params)
			if test.before != "" {
				stock[0] = 0 // ours has its first connection
			}
			if got, want := [2]int64{pool[0] - stock[0], pool[1] - stock[1]}, [2]int64{test.first, test.later}; got != want {
				t.Errorf("got %v round trips more than the stock driver's %v, want %v", got, stock, want)
			}
			dispose(t)
		})
	}
}

// A connection is kept where it can be restored, whoever left state first: the baseline is
// read in time. Where what somebody may still ask for would be gone it is not, and costs
// the connection, once.
func TestSuiteBaselineIsReadInTime(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	if p := resetProofOf(t, s.dsn); p != mysqlpool.ProofWorks {
		t.Skipf("needs a server that resets: it is %q", p)
	}
	for _, test := range []struct {
		name  string
		leave []string
		keeps bool // at the first time too
		found string
	}{
		{"first", []string{"SET time_zone = '+03:00'"}, true, ""},
		{"in a transaction", []string{"BEGIN", "SET time_zone = '+03:00'"}, true, ""},
		{"after a statement without rows", []string{"COMMIT", "SET time_zone = '+03:00'"}, true, ""},
		{"after rows", []string{"SELECT 1 UNION SELECT 2", "SET time_zone = '+03:00'"}, false, "2"},
		{"a lock", []string{"SELECT GET_LOCK('a', 0)"}, true, ""},
		{"after what needs none", []string{"USE information_schema", "SET @a = 1"}, true, ""},
		{"what is not understood", []string{"/*!50000 SET @a = 1 */"}, true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			defer dispose(t)
			dsn := withParams(s.dsn, "pool_size=2&pool_max_overflow=0")
			first := openDSN(t, pooled, dsn) // whose login tells
			defer first.Close()
			defer begin(t, first).Rollback() // so that nobody else gets its connection
			for i := range 3 {
				db := openDSN(t, pooled, dsn)
				if !leaves(db, test.leave) {
					t.Skipf("the server takes no %q", test.leave)
				}
				if test.found != "" {
					if got := row(t, db, "SELECT FOUND_ROWS()"); got != test.found {
						t.Errorf("FOUND_ROWS(): got %s, want %s as with the stock driver", got, test.found)
					}
				}
				db.Close()
				eventually(t, func() error {
					if p := onlyPool(t); p.InUse != 1 || p.Pinned != 0 || p.Idle != p.Open-1 || p.Undone+p.Reset+p.Dirty != int64(i+1) {
						return fmt.Errorf("%+v", p)
					}
					return nil
				})
				if p := onlyPool(t); p.Opened != 2 && test.keeps || p.Opened > 3 || !test.keeps && i == 0 && p.Dirty != 1 {
					t.Errorf("user %d: %d logins, %d closed", i, p.Opened, p.Dirty)
				}
			}
		})
	}
}

// Connections that were idle when a user first left state have the baseline read before
// the next one has them.
func TestSuiteBaselineIsReadAtCheckout(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	dsn := withParams(s.dsn, "pool_size=2&pool_max_overflow=0")
	idle := func(n int) {
		t.Helper()
		eventually(t, func() error {
			if p := onlyPool(t); p.Idle != n {
				return fmt.Errorf("%d connections are idle, want %d", p.Idle, n)
			}
			return nil
		})
	}
	first, second := openDSN(t, pooled, dsn), openDSN(t, pooled, dsn)
	defer dispose(t)
	a := begin(t, first)
	begin(t, second).Rollback()
	second.Close()
	if _, err := a.ExecContext(t.Context(), "SET time_zone = '+03:00'"); err != nil {
		t.Fatal(err)
	}
	a.Rollback()
	first.Close()
	idle(2)
	for range 2 { // whichever of the two it gets
		db := openDSN(t, pooled, dsn)
		c, d := begin(t, db), begin(t, db)
		for _, each := range []*sql.Tx{c, d} {
			row(t, each, "SELECT 1")
			if _, err := each.ExecContext(t.Context(), "SET time_zone = '+03:00'"); err != nil {
				t.Fatal(err)
			}
			each.Rollback()
		}
		db.Close()
		idle(2)
	}
	if p := onlyPool(t); p.Opened != 2 || p.Dirty != 0 || p.Undone != 5 {
		t.Errorf("%d logins, %d closed, %d undone; want 2, 0, 5", p.Opened, p.Dirty, p.Undone)
	}
}
