package suite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// openBefore opens a handle with a BeforeConnect.
func (s *server) openBefore(t *testing.T, which string, schema string, before func(*mysql.Config) error, opts ...mysqlpool.Option) *sql.DB {
	t.Helper()
	cfg, err := mysql.ParseDSN(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DBName = schema
	cfg.Apply(mysql.BeforeConnect(func(_ context.Context, cfg *mysql.Config) error { return before(cfg) }))
	var c driver.Connector
	if which == stock {
		c, err = mysql.NewConnector(cfg)
	} else {
		c, err = mysqlpool.NewConnector(cfg, opts...)
	}
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	t.Cleanup(func() { db.Close() })
	return db
}

// What BeforeConnect makes of its copy of the config is what the next user of the
// connection finds, whatever the user before did to it.
func TestSuiteBeforeConnectIsRestored(t *testing.T) {
	if strings.Contains(os.Getenv("MYSQL_POOL_TEST_SERVER"), "embedded") {
		t.Skip("needs a real server: the embedded one has one collation, and no DO")
	}
	s := needServer(t)
	other := uniqueName()
	s.exec(t, "CREATE DATABASE "+other)
	defer s.exec(t, "DROP DATABASE "+other)
	user := "u" + other[len(other)-12:]
	if _, err := s.admin.Exec("CREATE USER '" + user + "'@'%' IDENTIFIED BY 'secret'"); err == nil {
		defer s.exec(t, "DROP USER '"+user+"'@'%'")
		s.exec(t, "GRANT ALL ON *.* TO '"+user+"'@'%'")
	}
	configs := []struct {
		name   string
		schema string // of the config
		before func(cfg *mysql.Config) error
	}{
		{"nothing", s.schema, func(*mysql.Config) error { return nil }},
		{"Params", s.schema, func(cfg *mysql.Config) error {
			cfg.Params = map[string]string{"time_zone": "'+05:00'", "@a": "7"}
			return nil
		}},
		{"DBName", s.schema, func(cfg *mysql.Config) error { cfg.DBName = other; return nil }},
		{"DBName for none", "", func(cfg *mysql.Config) error { cfg.DBName = other; return nil }},
		{"no DBName", s.schema, func(cfg *mysql.Config) error { cfg.DBName = ""; return nil }},
		{"charset", s.schema, func(cfg *mysql.Config) error { return cfg.Apply(mysql.Charset("latin1", "")) }},
		{"Collation", s.schema, func(cfg *mysql.Config) error { cfg.Collation = "utf8mb4_unicode_ci"; return nil }},
		{"one charset of several", s.schema, func(cfg *mysql.Config) error {
			cfg.Params = map[string]string{"collation_connection": "utf8mb4_bin"}
			return nil
		}},
		{"MultiStatements", s.schema, func(cfg *mysql.Config) error { cfg.MultiStatements = true; return nil }},
		{"InterpolateParams", s.schema, func(cfg *mysql.Config) error { cfg.InterpolateParams = true; return nil }},
		{"MaxAllowedPacket", s.schema, func(cfg *mysql.Config) error { cfg.MaxAllowedPacket = 600; return nil }},
		{"ParseTime", s.schema, func(cfg *mysql.Config) error { cfg.ParseTime = true; return nil }},
		{"User", s.schema, func(cfg *mysql.Config) error { cfg.User, cfg.Passwd = user, "secret"; return nil }},
	}
	leave := []string{
		"DO 1", "SET @a = 1", "USE information_schema", "SET time_zone = '+09:00'", "SET NAMES latin1", "SET sql_mode = ''",
		"DO 1; SET time_zone = '+09:00'; SET @x = 5", "BEGIN", "CREATE TEMPORARY TABLE gone (v INT)",
	}
	probes := []string{
		"SELECT DATABASE()", "SELECT @@time_zone, @@sql_mode", "SELECT @a, @x", "SELECT COLLATION(?), COLLATION('x'), @@character_set_results",
		"SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)", "SELECT CAST('2020-02-02' AS DATE)", "SELECT COUNT(*) FROM gone",
	}
	for _, c := range configs {
		t.Run(c.name, func(t *testing.T) {
			asStock(t, func(t *testing.T, which string) (answers []string) {
				defer func() {
					if which == pooled {
						dispose(t)
					}
				}()
				db := s.openBefore(t, which, c.schema, c.before, mysqlpool.WithSize(1), mysqlpool.WithMaxOverflow(0))
				defer db.Close()
				db.SetMaxIdleConns(-1) // every use is another user's
				db.SetMaxOpenConns(1)
				for _, st := range leave {
					_, err := db.Exec(st)
					answers = append(answers, st+": "+fmt.Sprint(errNumber(err)))
					c := oneConn(t, db)
					for _, probe := range probes {
						args := []any{"x"}
						if probe != probes[3] {
							args = nil
						}
						var answer, more, third any
						into := []any{&answer, &more, &third}
						n := 1
						switch probe {
						case probes[1], probes[2]:
							n = 2
						case probes[3]:
							n = 3
						}
						err := c.QueryRowContext(t.Context(), probe, args...).Scan(into[:n]...)
						answers = append(answers, fmt.Sprintf("%s: %s %s %s %d", probe, text(answer), text(more), text(third), errNumber(err)))
					}
					c.Close()
				}
				return answers
			})
		})
	}
}

func text(v any) string {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	return fmt.Sprint(v)
}

// A BeforeConnect that gives each login something else, as a tenant or a token: a
// connection is restored to its own.
func TestSuiteBeforeConnectThatRotates(t *testing.T) {
	if strings.Contains(os.Getenv("MYSQL_POOL_TEST_SERVER"), "embedded") {
		t.Skip("needs a real server: the embedded one has one collation, and no DO")
	}
	s := needServer(t)
	other := uniqueName()
	s.exec(t, "CREATE DATABASE "+other)
	defer s.exec(t, "DROP DATABASE "+other)
	var logins atomic.Int64
	db := s.openBefore(t, pooled, s.schema, func(cfg *mysql.Config) error {
		n := logins.Add(1)
		cfg.Params = map[string]string{"time_zone": fmt.Sprintf("'+%02d:00'", n%12)}
		cfg.DBName = []string{s.schema, other}[n%2]
		cfg.MultiStatements = n%3 == 0
		return nil
	}, mysqlpool.WithSize(4), mysqlpool.WithMaxOverflow(0))
	db.SetMaxIdleConns(-1)
	const probe = "SELECT CONNECTION_ID(), @@time_zone, DATABASE(), IFNULL(@a, 'none')"
	seen := map[string]string{}
	for range 6 {
		var conns []*sql.Conn
		for i := range 4 {
			c := oneConn(t, db)
			conns = append(conns, c)
			got := row(t, c, probe)
			id := got[:len(fmt.Sprint(connectionID(t, c)))]
			if was, ok := seen[id]; ok && was != got {
				t.Errorf("the connection was %s, and the next user finds %s", was, got)
			}
			seen[id] = got
			mustExec(t, c, []string{"SET @a = 1", "SET time_zone = '+13:00'", "USE information_schema", "DO 1"}[i])
			c.ExecContext(t.Context(), "SELECT 1; SET @a = 2; USE information_schema")
		}
		for _, c := range conns {
			c.Close()
		}
	}
	if p := onlyPool(t); p.Opened > 4+p.Dirty || len(seen) < 4 {
		t.Errorf("%d connections, of which %d were closed with state on them", p.Opened, p.Dirty)
	}
	db.Close()
	dispose(t)
}
