package suite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

func TestSuiteDisposeClosesEverything(t *testing.T) {
	s := needServer(t)
	s.onTransports(t, func(t *testing.T, dsn string) {
		db := openDSN(t, pooled, dsn)
		db.SetMaxIdleConns(3)
		holdAll(t, db, 3)
		pinned := openDSN(t, pooled, dsn)
		mustExec(t, pinned, "SET @a = 1")
		ids := s.connections(t)
		if len(ids) < 2 {
			t.Errorf("connections %v", ids)
		}
		dispose(t)
		for _, id := range ids {
			s.wantGone(t, id)
		}
		if all := mysqlpool.Stats(); len(all) != 0 {
			t.Errorf("after Dispose: %+v", all)
		}

		// The handles do not mind.
		for _, again := range []int64{connectionID(t, db), connectionID(t, pinned)} {
			for _, id := range ids {
				if again == id {
					t.Errorf("connection %d once more", id)
				}
			}
		}
		if p := onlyPool(t); p.Opened != int64(p.Open) {
			t.Errorf("not a fresh pool: %+v", p)
		}
		dispose(t)
	})
}

func TestSuiteDisposeWaitsForWhatIsInUse(t *testing.T) {
	s := needServer(t)
	s.tableOfOne(t)
	db, other := s.open(t, pooled, ""), s.open(t, pooled, "")
	connectionID(t, other)
	tx := begin(t, db)
	id := connectionID(t, tx)
	disposed := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		disposed <- mysqlpool.Dispose(ctx)
	}()
	eventually(t, func() error {
		if _, err := askConnectionID(other); !errors.Is(err, mysqlpool.ErrDisposed) {
			return fmt.Errorf("meanwhile: got %v, want ErrDisposed", err)
		}
		return nil
	})
	mustExec(t, tx, "UPDATE t SET v = 5")
	if again := connectionID(t, tx); again != id {
		t.Errorf("the transaction went from connection %d to %d", id, again)
	}
	select {
	case err := <-disposed:
		t.Fatalf("Dispose returned %v while a connection was in use", err)
	default:
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	if err := <-disposed; err != nil {
		t.Errorf("Dispose: %v", err)
	}
	s.wantConnections(t, 0)
	if got := row(t, db, "SELECT v FROM t"); got != "5" {
		t.Errorf("v is %s, want 5", got)
	}
}

func TestSuiteDisposeEndsWithItsContext(t *testing.T) {
	s := needServer(t)
	tx := begin(t, s.open(t, pooled, ""))
	id := connectionID(t, tx)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := mysqlpool.Dispose(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 connections still in use") {
		t.Errorf("got %v, want context.DeadlineExceeded and what is in use", err)
	}
	if again := connectionID(t, s.open(t, pooled, "")); again == id {
		t.Errorf("connection %d is shared", id)
	}
	tx.Rollback()
	s.wantGone(t, id)
}

// Whoever waits for a connection is told, and does not wait on.
func TestSuiteDisposeEndsWaits(t *testing.T) {
	s := needServer(t)
	holder, waiter := s.open(t, pooled, poolOfOne), s.open(t, pooled, poolOfOne)
	tx := begin(t, holder)
	waited := make(chan error)
	go func() { waited <- waiter.Ping() }()
	eventually(t, func() error {
		if p := onlyPool(t); p.Waiting != 1 {
			return fmt.Errorf("nobody waits: %+v", p)
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	mysqlpool.Dispose(ctx)
	if err := <-waited; !errors.Is(err, mysqlpool.ErrDisposed) {
		t.Errorf("got %v, want ErrDisposed", err)
	}
	tx.Rollback()
}

// Dispose in the middle of everything must hang nobody and lose nothing.
func TestSuiteDisposeUnderLoad(t *testing.T) {
	s := needServer(t)
	stop := make(chan struct{})
	time.AfterFunc(500*time.Millisecond, func() { close(stop) })
	stopped := func() bool {
		select {
		case <-stop:
			return true
		default:
			return false
		}
	}
	inParallel(17, func(i int) {
		if i == 0 {
			for !stopped() {
				dispose(t)
				time.Sleep(5 * time.Millisecond)
			}
			return
		}
		db := s.open(t, pooled, "pool_size=3")
		for !stopped() {
			if err := askOwnNumber(t.Context(), db, i); err != nil && !errors.Is(err, mysqlpool.ErrDisposed) {
				t.Error(err)
			}
		}
	})
}

// A handle that outlives Dispose must be as before.
func TestSuiteHandleAfterDispose(t *testing.T) {
	s := needServer(t)
	db := s.open(t, pooled, "")
	use := func() (limit int, hits int64) {
		for i := range 5 {
			if err := askOwnNumber(t.Context(), db, i); err != nil {
				t.Fatal(err)
			}
		}
		p := onlyPool(t)
		return p.Limit, p.StmtHits
	}
	limit, hits := use()
	dispose(t)
	if againLimit, againHits := use(); againLimit != limit || againHits != hits {
		t.Errorf("after Dispose: limit %d, %d statement hits; before it: %d, %d", againLimit, againHits, limit, hits)
	}
}
