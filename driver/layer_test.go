package mysqlpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"runtime"
	"testing"

	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// layerOps is what is done to compare the pool with the connections that it wraps.
var layerOps = map[string]func(t testing.TB, db *sql.DB) (op func()){
	"text": func(t testing.TB, db *sql.DB) func() {
		return func() { layerScan(t, db.QueryRow("SELECT id FROM customers WHERE deleted = 0 ORDER BY id LIMIT 1")) }
	},
	"stmt": func(t testing.TB, db *sql.DB) func() {
		stmt, err := db.Prepare("SELECT id FROM customers WHERE deleted = 0 AND name = ? ORDER BY id LIMIT 1")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stmt.Close() })
		return func() { layerScan(t, stmt.QueryRow("a")) }
	},
	"tx": func(t testing.TB, db *sql.DB) func() {
		return func() {
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec("UPDATE customers SET visits = visits + 1 WHERE id = 1"); err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		}
	},
}

func layerScan(t testing.TB, row *sql.Row) {
	var n int
	if err := row.Scan(&n); err != nil {
		t.Fatal(err)
	}
}

// layers returns a handle without the pool and one with it, on connections that answer
// at once.
func layers(t testing.TB) map[string]*sql.DB {
	server := newFakeServer()
	pooled := server.connector(t, "pool_keepalive=0")
	dial := pooled.Dial
	pooled.Dial = func(ctx context.Context, h *physical.Host, schema string) (driver.Conn, error) {
		c, err := dial(ctx, h, schema)
		if err != nil {
			return nil, err
		}
		return &instantConn{fakeConn: c.(*fakeConn), status: stockdriver.StatusAutocommit}, nil
	}
	dbs := map[string]*sql.DB{"mysql": sql.OpenDB(instantConnector{server}), "mysql_pool": sql.OpenDB(pooled)}
	t.Cleanup(func() {
		for _, db := range dbs {
			db.Close()
		}
		Dispose(context.Background())
	})
	return dbs
}

// BenchmarkLayer is what a statement costs without a server: benchstat -col /driver
// shows what the pool adds to the connections that it wraps.
func BenchmarkLayer(b *testing.B) {
	for name, op := range layerOps {
		for _, driver := range []string{"mysql", "mysql_pool"} {
			b.Run("op="+name+"/driver="+driver, func(b *testing.B) {
				run := op(b, layers(b)[driver])
				b.ReportAllocs()
				for b.Loop() {
					run()
				}
			})
		}
	}
}

// BenchmarkLayerOnAllCores is the same on a connection for each processor: what they
// write in common costs more than the statement.
func BenchmarkLayerOnAllCores(b *testing.B) {
	for _, driver := range []string{"mysql", "mysql_pool"} {
		b.Run("driver="+driver, func(b *testing.B) {
			db := layers(b)[driver]
			db.SetMaxIdleConns(2 * runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				run := layerOps["text"](b, db)
				for pb.Next() {
					run()
				}
			})
		})
	}
}

func TestLayerAllocatesNothing(t *testing.T) {
	for name, op := range layerOps {
		dbs, allocs := layers(t), map[string]float64{}
		for driver, db := range dbs {
			run := op(t, db)
			run()
			run() // a text is copied once
			allocs[driver] = testing.AllocsPerRun(200, run)
		}
		if allocs["mysql_pool"] > allocs["mysql"] {
			t.Errorf("%s: got %v allocations, want %v as without the pool", name, allocs["mysql_pool"], allocs["mysql"])
		}
	}
}

// instantConnector logs in to a fake server, without the pool.
type instantConnector struct{ s *fakeServer }

func (c instantConnector) Driver() driver.Driver { return nil }

func (c instantConnector) Connect(context.Context) (driver.Conn, error) {
	return &instantConn{fakeConn: &fakeConn{server: c.s}}, nil
}

// instantConn answers statements at once, and what the pool asks as a fakeConn does.
type instantConn struct {
	*fakeConn
	status uint16 // as the stock driver's
	rows   instantRows
}

func (c *instantConn) answer() { c.status &^= stockdriver.StatusUnknown }

func (c *instantConn) IsValid() bool                            { return true }
func (c *instantConn) ResetSession(context.Context) error       { return nil }
func (c *instantConn) CheckNamedValue(*driver.NamedValue) error { return nil }

func (c *instantConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if query[:len("SELECT id")] != "SELECT id" {
		return c.fakeConn.QueryContext(ctx, query, args)
	}
	c.answer()
	c.rows = instantRows{}
	return &c.rows, nil
}

func (c *instantConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	c.answer()
	return driver.RowsAffected(1), nil
}

func (c *instantConn) PrepareContext(context.Context, string) (driver.Stmt, error) {
	c.answer()
	return &instantStmt{c: c}, nil
}

func (c *instantConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	c.answer()
	c.status |= stockdriver.StatusInTransaction
	return instantTx{c}, nil
}

type instantTx struct{ c *instantConn }

func (t instantTx) Rollback() error { return t.Commit() }
func (t instantTx) Commit() error {
	t.c.answer()
	t.c.status &^= stockdriver.StatusInTransaction
	return nil
}

type instantStmt struct {
	fakeStmt
	c *instantConn
}

func (s *instantStmt) Close() error                             { return nil }
func (s *instantStmt) NumInput() int                            { return 1 }
func (s *instantStmt) CheckNamedValue(*driver.NamedValue) error { return nil }

func (s *instantStmt) QueryContext(context.Context, []driver.NamedValue) (driver.Rows, error) {
	s.c.answer()
	s.c.rows = instantRows{}
	return &s.c.rows, nil
}

type instantRows struct{ read bool }

func (r *instantRows) Columns() []string { return []string{"id"} }
func (r *instantRows) Close() error      { return nil }
func (r *instantRows) Next(dest []driver.Value) error {
	if r.read {
		return io.EOF
	}
	r.read = true
	dest[0] = int64(1)
	return nil
}
