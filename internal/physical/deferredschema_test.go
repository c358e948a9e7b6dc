package physical

import (
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
	"github.com/mysqlpool/mysqlpool/internal/session"
	"github.com/mysqlpool/mysqlpool/internal/stmtcache"
)

// A kept statement whose schema was dropped, and made again while it began to run, is
// told that no schema is selected (1046): it runs again behind USE, which tells the rest.
// Where USE was not put off the server's error stands, and so it does where some of a
// procedure may have run.
func TestStatementWithoutASchemaRunsAgain(t *testing.T) {
	host := NewHost(mysql.NewConfig(), 0, serverinfo.NewServer())
	login := NewShared("test", dsn.DefaultOptions(), nil, []*Host{host}, false, nil)
	for _, test := range []struct {
		text, wanted string
		number       uint16
		again        bool
	}{
		{"DELETE FROM t WHERE n = ?", "b", 1046, true},
		{"DELETE FROM t WHERE n = ?", "a", 1046, false},
		{"CALL p(?)", "b", 1046, false},
		{"DELETE FROM t WHERE n = ?", "b", 1146, false},
	} {
		p := New(login, host, nil, nil, "a", false)
		p.schema.wanted = test.wanted
		e := stmtcache.New(test.wanted, test.text, 1, statement{effects: session.Scan(test.text, false)})
		p.stmts.cache.Add(e)
		if got := p.kept().dropAfterError(e, &mysql.MySQLError{Number: test.number}); got != test.again {
			t.Errorf("%s in %s, on a, after %d: runs again: got %v, want %v", test.text, test.wanted, test.number, got, test.again)
		}
		if e.Cached() {
			t.Errorf("%s after %d: it is kept", test.text, test.number)
		}
	}
}

// TestIsServer: a proxy is not the server, whatever it is named after.
func TestIsServer(t *testing.T) {
	for _, name := range []string{"mysqld", "mariadbd"} {
		if !isServer(name) {
			t.Errorf("%s: got false, want true", name)
		}
	}
	for _, name := range []string{"", "mysqlrouter", "mysqld_safe", "mysql", "proxysql", "maxscale", "haproxy", "vtgate", "vtcombo", "tidb-server", "cloud_sql_proxy", "systemd", "socat"} {
		if isServer(name) {
			t.Errorf("%q: got true, want false", name)
		}
	}
}
