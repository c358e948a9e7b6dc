package chaos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"go.uber.org/goleak"
)

func init() {
	// Both drivers log each connection that breaks, of which there are many here.
	mysql.SetLogger(&mysql.NopLogger{})
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
}

func open(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func exec(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// withParams adds parameters to a DSN.
func withParams(dsn, params string) string {
	if strings.Contains(dsn, "?") {
		return dsn + "&" + params
	}
	return dsn + "?" + params
}

// eventually waits until check returns nil.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	if err := within(patience, check); err != nil {
		t.Error(err)
	}
}

// within waits until check returns nil, or returns its error.
func within(long time.Duration, check func() error) error {
	deadline := time.Now().Add(long)
	for {
		err := check()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %v: %w", long, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// noLeaks closes every pool at the end of the test, and fails it if goroutines
// are left. It is to be called first.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		dispose(t)
		eventually(t, func() error { return goleak.Find(before) })
	})
}

// dispose closes every pool.
func dispose(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := mysqlpool.Dispose(ctx); err != nil {
		t.Error(err)
	}
}

// checkSums says whether each pool's sums hold: no connection is lost, and none
// is counted twice.
func checkSums() error {
	for _, s := range mysqlpool.Stats() {
		closed := s.Recycled + s.IdleClosed + s.Broken + s.Dirty + s.Overflow + s.Disposed
		if s.Opened != int64(s.Open)+closed || s.Open != s.InUse+s.Idle+s.Pinned {
			return fmt.Errorf("the sums do not hold: %+v", s)
		}
	}
	return nil
}

// poolsNow is the sum of all pools.
func poolsNow() (sum mysqlpool.PoolStats) {
	for _, s := range mysqlpool.Stats() {
		sum.Open += s.Open
		sum.InUse += s.InUse
		sum.Idle += s.Idle
		sum.Pinned += s.Pinned
		sum.LoggingIn += s.LoggingIn
		sum.Waiting += s.Waiting
		sum.Handles += s.Handles
		sum.Opened += s.Opened
		sum.LoginErrors += s.LoginErrors
		sum.Recycled += s.Recycled
		sum.IdleClosed += s.IdleClosed
		sum.Broken += s.Broken
		sum.Dirty += s.Dirty
		sum.Overflow += s.Overflow
		sum.Disposed += s.Disposed
		sum.Stmts += s.Stmts
		sum.Waits += s.Waits
		sum.Timeouts += s.Timeouts
	}
	return sum
}

// awaitGreeting dials until a server greets, and returns when that was. A
// kernel accepts for a server that is not there yet: the greeting is the first
// thing that the server itself does.
func awaitGreeting(ctx context.Context, addr string) (time.Time, error) {
	for ctx.Err() == nil {
		if greets(addr) {
			return time.Now(), nil
		}
		time.Sleep(time.Millisecond)
	}
	return time.Time{}, errors.New("no server greeted at " + addr)
}

func greets(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	b := make([]byte, 5)
	_, err = io.ReadFull(c, b)
	return err == nil && b[4] == 10 // the version of the protocol; else an error packet
}
