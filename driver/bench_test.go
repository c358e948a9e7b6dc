package mysqlpool

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"
)

// Benchmarks are named so that benchstat -col /driver puts ours beside the
// stock driver's. Both run on the same server, in the same process.

// benchServers are the ways to reach the server that the environment names.
func benchServers() (servers []struct{ transport, dsn string }) {
	for _, s := range []struct{ transport, dsn string }{
		{"tcp", os.Getenv("MYSQL_POOL_TEST_DSN")},
		{"unix", os.Getenv("MYSQL_POOL_TEST_UNIX_DSN")},
		{"tls", os.Getenv("MYSQL_POOL_TEST_TLS_DSN")},
	} {
		if s.dsn != "" {
			servers = append(servers, s)
		}
	}
	return servers
}

// benchDrivers runs a benchmark on each transport with each driver.
func benchDrivers(b *testing.B, run func(b *testing.B, driver, dsn string)) {
	servers := benchServers()
	if len(servers) == 0 {
		b.Skip("needs a server: set MYSQL_POOL_TEST_DSN, or use make bench")
	}
	b.Cleanup(func() { Dispose(context.Background()) })
	for _, s := range servers {
		for _, driver := range []string{"mysql", "mysql_pool"} {
			b.Run(fmt.Sprintf("transport=%s/driver=%s", s.transport, driver), func(b *testing.B) {
				b.ReportAllocs()
				run(b, driver, s.dsn)
			})
		}
	}
}

func benchOpen(b testing.TB, driver, dsn string) *sql.DB {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		b.Fatal(err)
	}
	return db
}

func withParam(dsn, param string) string {
	if strings.Contains(dsn, "?") {
		return dsn + "&" + param
	}
	return dsn + "?" + param
}

func benchQuery(b *testing.B, db *sql.DB, query string, args ...any) {
	var n int
	if err := db.QueryRow(query, args...).Scan(&n); err != nil {
		b.Fatal(err)
	}
}

// A handle per job: what the cache of physical connections is for.
func BenchmarkOpenQueryClose(b *testing.B) {
	benchDrivers(b, func(b *testing.B, driver, dsn string) {
		for b.Loop() {
			db := benchOpen(b, driver, dsn)
			benchQuery(b, db, "SELECT 1")
			db.Close()
		}
	})
}

// One handle that keeps no idle connection.
func BenchmarkMaxIdleConns0(b *testing.B) {
	benchDrivers(b, func(b *testing.B, driver, dsn string) {
		db := benchOpen(b, driver, dsn)
		defer db.Close()
		db.SetMaxIdleConns(0)
		for b.Loop() {
			benchQuery(b, db, "SELECT 1")
		}
	})
}

// One handle that keeps its connection: there is nothing to win, and nothing
// may be lost.
func BenchmarkPooledQuery(b *testing.B) {
	benchDrivers(b, func(b *testing.B, driver, dsn string) {
		db := benchOpen(b, driver, dsn)
		defer db.Close()
		benchQuery(b, db, "SELECT 1")
		for b.Loop() {
			benchQuery(b, db, "SELECT 1")
		}
	})
}

// One handle, more goroutines than idle connections.
func BenchmarkParallelQuery(b *testing.B) {
	benchDrivers(b, func(b *testing.B, driver, dsn string) {
		db := benchOpen(b, driver, dsn)
		defer db.Close()
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				benchQuery(b, db, "SELECT 1")
			}
		})
	})
}

// The stock driver prepares, executes and closes. Ours executes.
func BenchmarkParameter(b *testing.B) {
	benchDrivers(b, func(b *testing.B, driver, dsn string) {
		db := benchOpen(b, driver, dsn)
		defer db.Close()
		for b.Loop() {
			benchQuery(b, db, "SELECT ?+1", 1)
		}
	})
}

func BenchmarkTransaction(b *testing.B) {
	benchDrivers(b, func(b *testing.B, driver, dsn string) {
		db := benchOpen(b, driver, dsn)
		defer db.Close()
		for b.Loop() {
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
	})
}
