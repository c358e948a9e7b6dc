package mysqlpool

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkRatio measures how many times as fast as the stock driver ours is,
// in pairs: a short run on the one and then on the other, in turn, so that what
// else the machine does hits both. It reports the median of the pairs' ratios,
// and between which ratios half of the pairs lie.
func BenchmarkRatio(b *testing.B) {
	for _, w := range workloads {
		for _, s := range benchServers() {
			b.Run(w.name+"/transport="+s.transport, func(b *testing.B) { benchRatio(b, w, s.dsn) })
		}
	}
}

// workload is something to do over and over. prepare returns one step of it.
type workload struct {
	name    string
	steps   int // of a run: some 40 ms, against what the server still does for the run before
	prepare func(b *testing.B, driver, dsn string) (step func())
}

var workloads = []workload{
	{"open-query-close", 150, func(b *testing.B, driver, dsn string) func() {
		return func() {
			db := benchOpen(b, driver, dsn)
			benchQuery(b, db, "SELECT 1")
			db.Close()
		}
	}},
	{"max-idle-0", 150, func(b *testing.B, driver, dsn string) func() {
		db := keptHandle(b, driver, dsn)
		db.SetMaxIdleConns(0)
		return func() { benchQuery(b, db, "SELECT 1") }
	}},
	// A session with state on it, given up each time: the stock driver logs in.
	{"undone", 150, func(b *testing.B, driver, dsn string) func() {
		return leaveState(b, driver, dsn, "SET time_zone = '+00:00'")
	}},
	{"reset", 150, func(b *testing.B, driver, dsn string) func() {
		return leaveState(b, driver, dsn, "PREPARE p FROM 'DO 1'")
	}},
	{"pool_reset-always", 150, func(b *testing.B, driver, dsn string) func() {
		return leaveState(b, driver, withOption(dsn, driver, "pool_reset=always"), "DO 1")
	}},
	{"pooled-query", 500, func(b *testing.B, driver, dsn string) func() {
		db := keptHandle(b, driver, dsn)
		return func() { benchQuery(b, db, "SELECT 1") }
	}},
	{"pooled-32-goroutines", 12, func(b *testing.B, driver, dsn string) func() {
		db := keptHandle(b, driver, dsn)
		db.SetMaxIdleConns(32)
		return func() { in32(func() { benchQuery(b, db, "SELECT 1") }) }
	}},
	{"parameter", 300, func(b *testing.B, driver, dsn string) func() {
		db := keptHandle(b, driver, dsn)
		return func() { benchQuery(b, db, "SELECT ?+1", 1) }
	}},
	{"point-select", 300, func(b *testing.B, driver, dsn string) func() {
		db := keptHandle(b, driver, dsn)
		points := newPoints(b, dsn)
		return func() { points.selectOne(b, db) }
	}},
	{"point-select-32", 12, func(b *testing.B, driver, dsn string) func() {
		db := keptHandle(b, driver, dsn)
		db.SetMaxIdleConns(32)
		points := newPoints(b, dsn)
		return func() { in32(func() { points.selectOne(b, db) }) }
	}},
	{"insert", 300, func(b *testing.B, driver, dsn string) func() {
		db := keptHandle(b, driver, dsn)
		points := newPoints(b, dsn)
		return func() { points.insert(b, db) }
	}},
	{"insert-32", 12, func(b *testing.B, driver, dsn string) func() {
		db := keptHandle(b, driver, dsn)
		db.SetMaxIdleConns(32)
		points := newPoints(b, dsn)
		return func() { in32(func() { points.insert(b, db) }) }
	}},
	// Ours without, the stock driver with interpolateParams.
	{"point-select-interpolated", 300, func(b *testing.B, driver, dsn string) func() {
		db := keptHandle(b, driver, interpolatedByStock(driver, dsn))
		points := newPoints(b, dsn)
		return func() { points.selectOne(b, db) }
	}},
	{"point-select-32-interpolated", 12, func(b *testing.B, driver, dsn string) func() {
		db := keptHandle(b, driver, interpolatedByStock(driver, dsn))
		db.SetMaxIdleConns(32)
		points := newPoints(b, dsn)
		return func() { in32(func() { points.selectOne(b, db) }) }
	}},
	{"insert-interpolated", 300, func(b *testing.B, driver, dsn string) func() {
		db := keptHandle(b, driver, interpolatedByStock(driver, dsn))
		points := newPoints(b, dsn)
		return func() { points.insert(b, db) }
	}},
	{"transaction", 200, func(b *testing.B, driver, dsn string) func() {
		db := keptHandle(b, driver, dsn)
		return func() {
			tx, err := db.Begin()
			if err != nil {
				b.Fatal(err)
			}
			var n int
			if err := tx.QueryRow("SELECT 1").Scan(&n); err != nil {
				b.Fatal(err)
			}
			if err := tx.Commit(); err != nil {
				b.Fatal(err)
			}
		}
	}},
}

// in32 runs f ten times on each of 32 goroutines.
func in32(f func()) {
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for range 10 {
				f()
			}
		})
	}
	wg.Wait()
}

// points is a table of rows with a key, in memory if the server has such tables:
// what is measured is not the disk.
type points struct {
	table string
	next  atomic.Int64
}

func newPoints(b *testing.B, dsn string) *points {
	db := benchOpen(b, "mysql", dsn)
	b.Cleanup(func() { db.Close() })
	p := &points{table: fmt.Sprintf("points%d", pointTables.Add(1))}
	mustExec := func(query string, args ...any) {
		if _, err := db.Exec(query, args...); err != nil {
			b.Fatal(err)
		}
	}
	mustExec("DROP TABLE IF EXISTS " + p.table)
	mustExec("CREATE TABLE " + p.table + " (id BIGINT PRIMARY KEY, name VARCHAR(40), amount BIGINT) ENGINE=MEMORY")
	for i := range 100 {
		mustExec("INSERT INTO "+p.table+" VALUES (?, ?, ?)", i, fmt.Sprint("name ", i), i)
	}
	p.next.Store(1000)
	b.Cleanup(func() { mustExec("DROP TABLE " + p.table) })
	return p
}

var pointTables atomic.Int64

func (p *points) selectOne(b *testing.B, db *sql.DB) {
	var id, amount int64
	var name string
	want := p.next.Add(1) % 100
	err := db.QueryRow("SELECT id, name, amount FROM "+p.table+" WHERE id = ?", want).Scan(&id, &name, &amount)
	if err != nil || id != want {
		b.Errorf("got row %d, %v, want row %d", id, err, want)
	}
}

func (p *points) insert(b *testing.B, db *sql.DB) {
	id := p.next.Add(1)
	if _, err := db.Exec("INSERT INTO "+p.table+" (id, name, amount) VALUES (?, ?, ?)", id, "a name", id%7); err != nil {
		b.Error(err)
	}
}

func withOption(dsn, driver, option string) string {
	if driver != "mysql_pool" {
		return dsn
	}
	return withParam(dsn, option)
}

func interpolatedByStock(driver, dsn string) string {
	if driver == "mysql_pool" {
		return dsn
	}
	return withParam(dsn, "interpolateParams=true")
}

func withParam(dsn, param string) string {
	if strings.Contains(dsn, "?") {
		return dsn + "&" + param
	}
	return dsn + "?" + param
}

// leaveState returns a step that leaves state on its session and gives that up.
// Ours has one connection, so that the next step waits until it is restored.
func leaveState(b *testing.B, driver, dsn, query string) func() {
	db := keptHandle(b, driver, withOption(dsn, driver, "pool_size=1&pool_max_overflow=0"))
	db.SetMaxIdleConns(0)
	return func() {
		if _, err := db.Exec(query); err != nil {
			b.Fatal(err)
		}
	}
}

func keptHandle(b *testing.B, driver, dsn string) *sql.DB {
	db := benchOpen(b, driver, dsn)
	b.Cleanup(func() { db.Close() })
	return db
}

func benchRatio(b *testing.B, w workload, dsn string) {
	stock := w.prepare(b, "mysql", dsn)
	ours := w.prepare(b, "mysql_pool", dsn)
	run := func(step func()) time.Duration {
		start := time.Now()
		for range w.steps {
			step()
		}
		return time.Since(start)
	}
	run(stock) // what is first logs in
	run(ours)
	var ratios []float64
	for pair := 0; b.Loop(); pair++ {
		var s, o time.Duration
		if pair%2 == 0 {
			s = run(stock)
			o = run(ours)
		} else {
			o = run(ours)
			s = run(stock)
		}
		ratios = append(ratios, float64(s)/float64(o))
	}
	slices.Sort(ratios)
	quantile := func(q float64) float64 { return ratios[int(q*float64(len(ratios)-1))] }
	b.ReportMetric(0, "ns/op") // of a pair; says nothing
	b.ReportMetric(quantile(0.5), "times-stock")
	b.ReportMetric(quantile(0.25), "from")
	b.ReportMetric(quantile(0.75), "to")
}
