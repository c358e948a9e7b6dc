package suite

import (
	"os"
	"strings"
	"testing"
)

// needOwnServer is needServer for tests that set global variables: on a server
// that was started for them.
func needOwnServer(t *testing.T) *server {
	t.Helper()
	if !strings.Contains(os.Getenv("MYSQL_POOL_TEST_SERVER"), "private data directory") {
		t.Skip("needs a server that was started for it: run make test")
	}
	return needServer(t)
}

// setGlobal sets a global variable for the time of the test.
func (s *server) setGlobal(t *testing.T, name, value string) {
	t.Helper()
	before := s.row(t, "SELECT @@GLOBAL."+name)
	s.exec(t, "SET GLOBAL "+name+" = '"+value+"'")
	t.Cleanup(func() {
		if before != "0" && before != "1" {
			before = "'" + before + "'"
		}
		s.exec(t, "SET GLOBAL "+name+" = "+before)
	})
}

// On these servers a session is not after a reset what it was after the login.
func TestSuiteServersWithSettingsOfTheirOwn(t *testing.T) {
	for _, server := range []struct {
		name    string
		globals map[string]string
		params  string
	}{
		{"latin1", map[string]string{
			"character_set_client": "latin1", "character_set_results": "latin1", "character_set_connection": "latin1",
			"character_set_server": "latin1",
		}, ""},
		{"init_connect", map[string]string{"init_connect": "SET time_zone = ''+05:00'', @a = 5"}, ""},
		{"autocommit off", map[string]string{"autocommit": "0"}, ""},
		{"NO_BACKSLASH_ESCAPES", map[string]string{"sql_mode": "NO_BACKSLASH_ESCAPES"}, "interpolateParams=true"},
		{"NO_BACKSLASH_ESCAPES by the DSN", nil, "interpolateParams=true&sql_mode=%27NO_BACKSLASH_ESCAPES%27"},
	} {
		t.Run(server.name, func(t *testing.T) {
			s := needOwnServer(t)
			s.exec(t, "CREATE TABLE "+s.schema+".t (v VARCHAR(40))")
			user := "u" + s.schema[len(s.schema)-10:] // not root, for whom init_connect does not run
			account := s.accountName(t, user)
			s.exec(t, "CREATE USER "+account+" IDENTIFIED BY 'secret'")
			defer s.exec(t, "DROP USER "+account)
			s.exec(t, "GRANT ALL ON "+s.schema+".* TO "+account)
			for name, value := range server.globals {
				if value == "0" {
					before := s.row(t, "SELECT @@GLOBAL."+name)
					s.exec(t, "SET GLOBAL "+name+" = 0")
					defer s.exec(t, "SET GLOBAL "+name+" = "+before)
					continue
				}
				s.setGlobal(t, name, strings.ReplaceAll(value, "''", "\\'"))
			}
			cfg := s.config(t)
			cfg.User, cfg.Passwd = user, "secret"
			dsn := withParams(cfg.FormatDSN(), server.params)
			fresh := openDSN(t, stock, dsn)
			want, err := s.fingerprint(fresh)
			if err != nil {
				t.Fatal(err)
			}
			fresh.Close()
			for _, leave := range [][]string{
				{"INSERT INTO t VALUES ('lost if autocommit is off')"},
				{"BEGIN", "INSERT INTO t VALUES ('lost')"},
				{"SET time_zone = '+01:00', sql_mode = ''"},
				{"SET NAMES utf8"},
				{"SET NAMES latin1, sql_mode = 'NO_BACKSLASH_ESCAPES'"},
				{"SET @a = 1"},
				{"SET autocommit = 0", "INSERT INTO t VALUES ('lost')"},
				{"SET autocommit = 1"},
				{"CREATE TEMPORARY TABLE temporary (v INT)"},
				{"SET timestamp = 7"},
			} {
				const one = "pool_size=1&pool_max_overflow=0"
				a, b := openDSN(t, pooled, withParams(dsn, one)), openDSN(t, pooled, withParams(dsn, one))
				a.SetMaxOpenConns(1)
				mustExec(t, a, leave...)
				a.Close()
				got, err := s.fingerprint(b)
				if err != nil {
					t.Fatal(err)
				}
				if d := difference(got, want); d != "" {
					t.Errorf("after %q the next user sees:%s", leave, d)
				}
				// With a wrong idea of the server's escapes this would end the literal.
				for _, text := range []string{`\' OR 1 = 1 -- `, `' OR 1 = 1 -- `, `ä\\`, `"`} {
					if got := row(t, b, "SELECT ?", text); got != text {
						t.Errorf("after %q: %q came back as %q", leave, text, got)
					}
				}
				b.Close()
			}
			if n := s.row(t, "SELECT COUNT(*) FROM "+s.schema+".t WHERE v = 'lost'"); n != "0" {
				t.Errorf("%s rows were committed that nobody committed", n)
			}
		})
	}
}
