package suite

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// The password of an account is changed on the server while many use it, with warm
// connections. The server counts what it refuses. So that the connections that are
// open do not serve the program on, they are killed.
func TestSuiteRotatedPassword(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	refused := func() int {
		for _, name := range []string{"Access_denied_errors", "Aborted_connects"} {
			var value string
			if err := s.admin.QueryRow("SHOW GLOBAL STATUS LIKE '"+name+"'").Scan(&name, &value); err == nil {
				n, _ := strconv.Atoi(value)
				return n
			}
		}
		t.Skip("the server does not count what it refuses")
		return 0
	}
	refused()
	cfg, err := mysql.ParseDSN(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.User, cfg.Passwd = uniqueName(), "old"
	for _, host := range []string{"%", "localhost"} {
		account := fmt.Sprintf("'%s'@'%s'", cfg.User, host)
		s.exec(t, "CREATE USER "+account+" IDENTIFIED BY 'old'")
		defer s.exec(t, "DROP USER "+account)
		s.exec(t, "GRANT ALL ON "+s.schema+".* TO "+account)
	}
	rotate := func(to string) {
		for _, host := range []string{"%", "localhost"} {
			s.exec(t, fmt.Sprintf("SET PASSWORD FOR '%s'@'%s' = %s", cfg.User, host, passwordFor(s, to)))
		}
	}
	db := openDSN(t, pooled, withParams(cfg.FormatDSN(), "pool_warm=2"))
	db.SetMaxIdleConns(64)

	var stop atomic.Bool
	var served, failed atomic.Int64
	var users sync.WaitGroup
	for range 32 {
		users.Go(func() {
			for !stop.Load() {
				var id int
				switch err := db.QueryRow("SELECT CONNECTION_ID()").Scan(&id); {
				case err == nil:
					served.Add(1)
				case errors.Is(err, &mysql.MySQLError{Number: 1045}):
					failed.Add(1)
					time.Sleep(time.Millisecond) // as a program that reports it
				}
			}
		})
	}
	defer users.Wait()
	defer stop.Store(true)
	wantMore := func(n *atomic.Int64, more int64) {
		t.Helper()
		from := n.Load()
		eventually(t, func() error {
			if now := n.Load(); now < from+more {
				return fmt.Errorf("%d more of %d", now-from, more)
			}
			return nil
		})
	}
	wantMore(&served, 100)
	before := refused()
	rotate("new")
	start := time.Now()
	killAll(s)
	wantMore(&failed, 10000)
	took := time.Since(start)
	// Nine in ten seconds.
	if n, most := refused()-before, 9*(1+int(took/(10*time.Second))); n == 0 || n > most {
		t.Errorf("the server refused %d logins in %v, want %d at most", n, took, most)
	} else {
		t.Logf("the server refused %d logins in %v, in which the program had %d errors", n, took.Round(time.Millisecond), failed.Load())
	}
	rotate("old")
	start = time.Now()
	wantMore(&served, 1)
	t.Logf("after the old password was right again a login succeeded within %v", time.Since(start).Round(time.Millisecond))
	if p := mysqlpool.Stats(); len(p) != 1 {
		t.Errorf("got %d pools, want 1", len(p))
	}
}

// passwordFor is what SET PASSWORD takes: MariaDB and MySQL 5.6 want its hash.
func passwordFor(s *server, password string) string {
	var hash sql.NullString
	if err := s.admin.QueryRow("SELECT PASSWORD(?)", password).Scan(&hash); err != nil {
		return "'" + password + "'"
	}
	return "'" + hash.String + "'"
}

// killAll kills every connection to the test's schema.
func killAll(s *server) {
	rows, err := s.admin.Query("SELECT id FROM information_schema.PROCESSLIST WHERE db = ?", s.schema)
	if err != nil {
		return
	}
	ids, err := texts(rows)
	if err != nil {
		return
	}
	for _, id := range ids {
		s.admin.Exec("KILL " + id)
	}
}
