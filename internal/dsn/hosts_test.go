package dsn

import (
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

func TestHostsOf(t *testing.T) {
	for addr, want := range map[string]string{
		"":                  "127.0.0.1:3306",
		"db1":               "db1:3306",
		"db1:3307":          "db1:3307",
		"[::1]:3306":        "[::1]:3306",
		"db1,db2":           "db1:3306 db2:3306",
		"db1:3306,db2:3306": "db1:3306 db2:3306",
		"db1,db2:3307":      "db1:3306 db2:3307",
		"db1:3307,db2":      "db1:3307 db2:3306",
		"db1, db2 ,db3:1":   "db1:3306 db2:3306 db3:1",
		"[::1],[::2]:3307":  "[::1]:3306 [::2]:3307",
		"[::1]:1,[::2]:2":   "[::1]:1 [::2]:2",
		"[::1],db2":         "[::1]:3306 db2:3306",
		"db1,[::2]":         "db1:3306 [::2]:3306",
		"db1,db1:3306":      `got db1:3306 twice, want each host once`,
		"db1,":              `got ":3306" as one of the hosts, want host:port`,
		",db1":              `got "" as one of the hosts, want host:port`,
		"db1:1,db2:":        `got "db2:" as one of the hosts, want host:port`,
		"db1:1,:2":          `got ":2" as one of the hosts, want host:port`,
	} {
		cfg, err := Parse("u:hush@tcp(" + addr + ")/app")
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		var got string
		if hosts, err := Hosts(cfg); err != nil {
			got = err.Error()
		} else {
			for _, h := range hosts {
				got += " " + h.Addr
			}
			got = got[1:]
		}
		if !strings.HasSuffix(got, want) || strings.Contains(got, "hush") {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
}

// Only its dialer knows what another network's address means.
func TestOtherNetworksHaveOneHost(t *testing.T) {
	mysql.RegisterDialContext("mesh", nil)
	defer mysql.DeregisterDialContext("mesh")
	for _, dsn := range []string{"u@unix(/a,b.sock)/app", "u@mesh(a,b)/app"} {
		if hosts, err := Hosts(parse(t, dsn)); err != nil || len(hosts) != 1 || !strings.Contains(dsn, "("+hosts[0].Addr+")") {
			t.Errorf("%s: got %+v, %v, want one host", dsn, hosts, err)
		}
	}
}

// Each host's certificate is checked for its own name.
func TestHostsOwnServerNames(t *testing.T) {
	hosts, err := Hosts(parse(t, "u@tcp(db1:1,[::2]:2,db3)/app?tls=true"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"db1", "::2", "db3"} {
		if got := hosts[i].TLS.ServerName; got != want {
			t.Errorf("host %d: got %s, want %s", i, got, want)
		}
	}
}

func parse(t testing.TB, dsn string) *mysql.Config {
	t.Helper()
	cfg, err := Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
