package examples

import (
	"database/sql"
	"testing"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"go.uber.org/goleak"
)

func TestNothingIsLeft(t *testing.T) {
	dsn := testDSN(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent()) // runs last

	// A handle for each request, as a page view has it.
	for range 10 {
		db, err := sql.Open("mysql_pool", dsn)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.PingContext(t.Context()); err != nil {
			t.Error(err)
		}
		db.Close()
	}
	for _, pool := range mysqlpool.Stats() {
		if pool.InUse > 0 || pool.Opened > 1 {
			t.Errorf("got %d connections in use and %d logins, want none and one", pool.InUse, pool.Opened)
		}
	}

	// Closing the handles closes no connection, each of which has a goroutine of the stock
	// driver's.
	if err := mysqlpool.Dispose(t.Context()); err != nil {
		t.Error(err)
	}
}
