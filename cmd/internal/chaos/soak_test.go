package chaos

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

const (
	soakers     = 8 // goroutines
	soakSchemas = 6
	soakUsers   = 3
)

// A soak is days in little: connections are recycled each second, and schemas
// and passwords come and go while handles are open.
type soak struct {
	server  *server
	figures *figures
	stop    atomic.Bool

	requests, schemas, passwords atomic.Int64

	mu   sync.Mutex
	dsns [soakUsers]string // without a schema, with the password of now; guarded by mu
}

// Nothing grows: not the heap, nor goroutines, files, connections or statements.
func TestSoak(t *testing.T) {
	noLeaks(t)
	long, seed := lasts(t, envSoak, "15s"), seed(t)
	t.Logf("seed %d", seed)
	k := &soak{server: startServer(t, "--wait-timeout=2", "--max-connections=100"), figures: newFigures()}
	for user := range soakUsers {
		exec(t, k.server.Monitor(), fmt.Sprintf("CREATE USER soak%d@'%%'", user),
			fmt.Sprintf("GRANT ALL ON `soak_%%`.* TO soak%d@'%%'", user))
		if err := k.newPassword(user); err != nil {
			t.Fatal(err)
		}
	}
	for schema := range soakSchemas {
		if err := k.newSchema(schema); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for n := range soakers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(n)))
			for !k.stop.Load() {
				k.job(r)
				time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond) // until the next one
			}
		})
	}
	all.Go(func() {
		r := rand.New(rand.NewPCG(seed, soakers))
		for !k.stop.Load() {
			change, n := k.newSchema, r.IntN(soakSchemas)
			if r.IntN(2) == 0 {
				change, n = k.newPassword, r.IntN(soakUsers)
			}
			if err := change(n); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Duration(r.IntN(200)) * time.Millisecond)
		}
	})
	s := k.sample(t, long)
	k.stop.Store(true)
	all.Wait()

	p := poolsNow()
	t.Logf("%d requests, %d schemas and %d passwords made in %v; errors %v; pools of now: %d opened, %d recycled, %d broken",
		k.requests.Load(), k.schemas.Load(), k.passwords.Load(), long, k.figures.kinds, p.Opened, p.Recycled, p.Broken)
	for _, wrong := range k.figures.wrongs {
		t.Error(wrong)
	}
	for _, series := range s.series {
		if err := series.flat(); err != nil {
			t.Error(err)
		}
		t.Log(series)
	}
	if dir := os.Getenv(envOut); dir != "" {
		if err := errors.Join(s.writeCSV(filepath.Join(dir, "soak.csv")), s.writePlot(filepath.Join(dir, "soak.svg"))); err != nil {
			t.Error(err)
		}
	}
}

// newSchema drops a schema, and makes it again.
func (k *soak) newSchema(n int) error {
	schema := fmt.Sprintf("soak_%d", n)
	k.schemas.Add(1)
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + schema, "CREATE DATABASE " + schema,
		"CREATE TABLE " + schema + ".jobs (n BIGINT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(40)) ENGINE=InnoDB"} {
		if _, err := k.server.Monitor().Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// newPassword gives a user another one.
func (k *soak) newPassword(n int) error {
	password := fmt.Sprintf("secret%d", k.passwords.Add(1))
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dsns[n] = fmt.Sprintf("soak%d:%s@tcp(%s)/", n, password, k.server.addr)
	_, err := k.server.Monitor().Exec(fmt.Sprintf("ALTER USER soak%d@'%%' IDENTIFIED BY '%s'", n, password))
	return err
}

// job opens a handle, does something that jobs do, and closes it.
func (k *soak) job(r *rand.Rand) {
	k.mu.Lock()
	dsn := k.dsns[r.IntN(soakUsers)]
	k.mu.Unlock()
	dsn += fmt.Sprintf("soak_%d?timeout=5s&pool_recycle=1&pool_idle_timeout=1&pool_size=3&pool_timeout=5", r.IntN(soakSchemas))
	db, err := sql.Open(pooled, dsn)
	if err != nil {
		k.figures.wrong("%v", err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(2)
	for range 1 + r.IntN(20) {
		k.requests.Add(1)
		k.expect(k.request(db, r))
	}
	if r.IntN(200) == 0 {
		// Longer than the server keeps what is idle: what follows must not meet that.
		time.Sleep(2500 * time.Millisecond)
		k.expect(k.request(db, r))
	}
}

func (k *soak) request(db *sql.DB, r *rand.Rand) (err error) {
	what := fmt.Sprintf("job %d", r.IntN(100))
	var n int
	switch r.IntN(8) {
	case 0:
		_, err = db.Exec("INSERT INTO jobs (what) VALUES (?)", what)
	case 1:
		_, err = db.Exec("DELETE FROM jobs WHERE what = ?", what)
	case 2: // state, and what was left behind goes with it
		_, err = db.Exec("SET @a = 1, time_zone = '+01:00'")
	case 3:
		var tx *sql.Tx
		if tx, err = db.Begin(); err == nil {
			_, err = tx.Exec("UPDATE jobs SET what = ? WHERE n = ?", what, r.IntN(100))
			err = errors.Join(err, tx.Rollback())
		}
	case 4: // a text that is used once
		err = db.QueryRow(fmt.Sprintf("SELECT %d FROM DUAL WHERE 1 = ?", r.Int32()), 1).Scan(&n)
	case 5:
		var stmt *sql.Stmt
		if stmt, err = db.Prepare("SELECT COUNT(*) FROM jobs WHERE what < ?"); err == nil {
			err = errors.Join(stmt.QueryRow(what).Scan(&n), stmt.Close())
		}
	default:
		err = db.QueryRow(fmt.Sprintf("SELECT COUNT(*) + %d FROM jobs WHERE what = ?", r.IntN(30)), what).Scan(&n)
	}
	return err
}

// expect notes an error that the coming and going does not explain.
func (k *soak) expect(err error) {
	if err == nil {
		return
	}
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		k.figures.wrong("%v (%T)", err, err)
		return
	}
	switch e.Number {
	case 1044, 1045, 1049, 1146, 1932: // no such user, password, schema or table any more
	case 1412, 1615: // the table changed meanwhile
	default:
		k.figures.wrong("%v", err)
	}
	k.figures.mu.Lock()
	defer k.figures.mu.Unlock()
	k.figures.kinds[fmt.Sprint(e.Number)]++
}
