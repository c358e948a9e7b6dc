package suite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// stress is many programs at once, of which each does at random what a program
// does: it opens handles and closes them, asks, writes, gives up, and now and
// then somebody kills its connection.
type stress struct {
	s    *server
	stop context.Context

	mu        sync.Mutex // guards what follows
	committed map[int]bool
	unsure    map[int]bool // of these the answer to COMMIT was lost
	answers   int
	killed    int
}

const stressFor = 1500 * time.Millisecond

func TestSuiteStress(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE written (n BIGINT PRIMARY KEY, writer BIGINT)")
	stop, cancel := context.WithTimeout(t.Context(), stressFor)
	defer cancel()
	x := &stress{s: s, stop: stop, committed: map[int]bool{}, unsure: map[int]bool{}}
	inParallel(34, func(i int) {
		switch i {
		case 0:
			x.killAtRandom(t)
		case 1:
			x.watchSums(t)
		default:
			x.program(t, i)
		}
	})
	if keepsConcurrentWrites(t, setup) {
		x.checkWritten(t, setup)
	} else {
		t.Log("the server loses writes of transactions that run at the same time: they are not checked")
	}
	t.Logf("%d answers, %d transactions, %d connections killed", x.answers, len(x.committed), x.killed)
	if x.answers == 0 || len(x.committed) == 0 || x.killed == 0 {
		t.Error("nothing happened")
	}
}

// program is one of the programs.
func (x *stress) program(t *testing.T, writer int) {
	r := rand.New(rand.NewPCG(1, uint64(writer)))
	for n := writer * 1_000_000; x.stop.Err() == nil; {
		db, err := sql.Open(pooled, withParams(x.s.dsn, "pool_size=4&pool_max_overflow=4&interpolateParams="+[]string{"true", "false"}[writer%2]))
		if err != nil {
			t.Error(err)
			return
		}
		db.SetMaxOpenConns(1 + r.IntN(2))
		for range 1 + r.IntN(20) {
			n++
			x.step(t, db, r, n, writer)
		}
		db.Close()
	}
}

func (x *stress) step(t *testing.T, db *sql.DB, r *rand.Rand, n, writer int) {
	ctx := context.Background()
	cancelled := r.IntN(5) == 0
	if cancelled {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(2000))*time.Microsecond)
		defer cancel()
	}
	var err error
	reserved := false // database/sql cannot take another connection
	switch r.IntN(6) {
	case 0:
		reserved = true
		err = x.write(ctx, db, n, writer, r.IntN(3) > 0)
	case 1:
		reserved = true
		err = askOnConn(ctx, db, n)
	case 2:
		reserved = true
		err = askAndLeaveState(ctx, db, n)
	case 3:
		err = askPrepared(ctx, db, n)
	default:
		err = askOwnNumber(ctx, db, n)
	}
	switch {
	case err == nil:
		x.mu.Lock()
		x.answers++
		x.mu.Unlock()
	case cancelled && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sql.ErrTxDone)):
	case isLoss(err) || reserved && err == driver.ErrBadConn:
	default:
		t.Errorf("program %d: %s", writer, errText(err))
	}
}

// isLoss reports whether an error is what a killed connection looks like.
func isLoss(err error) bool {
	var network net.Error
	if errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, io.EOF) || errors.As(err, &network) {
		return true
	}
	// Connection was killed, query was interrupted, shutting down, and what the
	// embedded server says for the second.
	return slices.Contains([]int{1927, 1317, 1053, 1105, 3169}, errNumber(err))
}

// write writes a number in a transaction and notes whether that stayed.
func (x *stress) write(ctx context.Context, db *sql.DB, n, writer int, commit bool) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "INSERT INTO written VALUES (?, ?)", n, writer); err != nil {
		return err
	}
	if !commit {
		return tx.Rollback()
	}
	err = tx.Commit()
	x.mu.Lock()
	defer x.mu.Unlock()
	if err == nil {
		x.committed[n] = true
	} else {
		x.unsure[n] = true
	}
	return err
}

func askPrepared(ctx context.Context, db *sql.DB, n int) error {
	stmt, err := db.PrepareContext(ctx, "SELECT ?")
	if err != nil {
		return err
	}
	defer stmt.Close()
	for i := range 3 {
		var got int
		if err := stmt.QueryRowContext(ctx, n+i).Scan(&got); err != nil {
			return err
		}
		if got != n+i {
			return fmt.Errorf("got %d: the answer to somebody else's question, not %d", got, n+i)
		}
	}
	return nil
}

func askOnConn(ctx context.Context, db *sql.DB, n int) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return askOwnNumber(ctx, c, n)
}

// askAndLeaveState leaves a user variable behind, which nobody else may see.
func askAndLeaveState(ctx context.Context, db *sql.DB, n int) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.ExecContext(ctx, fmt.Sprintf("SET @mine = %d", n)); err != nil {
		return err
	}
	var got sql.NullInt64
	if err := c.QueryRowContext(ctx, "SELECT @mine").Scan(&got); err != nil {
		return err
	}
	if got.Int64 != int64(n) {
		return fmt.Errorf("@mine is %v, want %d", got, n)
	}
	return nil
}

// killAtRandom kills connections.
func (x *stress) killAtRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for x.stop.Err() == nil {
		if ids := x.s.connections(t); len(ids) > 0 {
			id := ids[r.IntN(len(ids))]
			// It may be gone by now.
			if _, err := x.s.admin.Exec(fmt.Sprintf("KILL %d", id)); err == nil {
				x.killed++ // read when all have stopped
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// watchSums checks all the time what must be so at every instant.
func (x *stress) watchSums(t *testing.T) {
	for x.stop.Err() == nil {
		if err := checkSums(); err != nil {
			t.Error(err)
		}
		for _, p := range mysqlpool.Stats() {
			if p.Limit > 0 && p.Open > p.Limit {
				t.Errorf("more are open than may be: %+v", p)
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// keepsConcurrentWrites reports whether the server does what a transaction is
// for.
func keepsConcurrentWrites(t *testing.T, db *sql.DB) bool {
	t.Helper()
	mustExec(t, db, "CREATE TABLE concurrent (n INT PRIMARY KEY)")
	a, b := begin(t, db), begin(t, db)
	mustExec(t, a, "INSERT INTO concurrent VALUES (1)")
	mustExec(t, b, "INSERT INTO concurrent VALUES (2)")
	a.Commit()
	b.Commit()
	return row(t, db, "SELECT COUNT(*) FROM concurrent") == "2"
}

// checkWritten compares the table with what the programs were told.
func (x *stress) checkWritten(t *testing.T, db *sql.DB) {
	rows, err := db.Query("SELECT n, writer FROM written")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	missing := maps.Clone(x.committed)
	for rows.Next() {
		var n, writer int
		if err := rows.Scan(&n, &writer); err != nil {
			t.Fatal(err)
		}
		if !x.committed[n] && !x.unsure[n] {
			t.Errorf("%d is there, which nobody committed", n)
		}
		if n/1_000_000 != writer {
			t.Errorf("%d was written by %d", n, writer)
		}
		delete(missing, n)
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
	if len(missing) > 0 {
		t.Errorf("%d writes were committed and are not there", len(missing))
	}
}
