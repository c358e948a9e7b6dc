package mysqlpool

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
)

func withBeforeConnect(t *testing.T, cfg *mysql.Config) {
	t.Helper()
	if err := cfg.Apply(mysql.BeforeConnect(func(context.Context, *mysql.Config) error { return nil })); err != nil {
		t.Fatal(err)
	}
}

// Connectors with a share key have one pool exactly if all that can be compared is
// alike, whatever functions there are.
func TestShareKey(t *testing.T) {
	dial := func(cfg *mysql.Config) {
		cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, nil }
	}
	roots := x509.NewCertPool()
	after := WithAfterLogin(func(context.Context, driver.Conn) error { return nil })
	kinds := map[string]func(t *testing.T, cfg *mysql.Config) []Option{
		"DialFunc":       func(_ *testing.T, cfg *mysql.Config) []Option { dial(cfg); return nil },
		"BeforeConnect":  func(t *testing.T, cfg *mysql.Config) []Option { withBeforeConnect(t, cfg); return nil },
		"WithAfterLogin": func(*testing.T, *mysql.Config) []Option { return []Option{after} },
		"TLS": func(_ *testing.T, cfg *mysql.Config) []Option {
			cfg.TLS = &tls.Config{ServerName: "db", VerifyConnection: func(tls.ConnectionState) error { return nil }}
			return nil
		},
		"Logger": func(_ *testing.T, cfg *mysql.Config) []Option {
			cfg.Logger = log.New(&bytes.Buffer{}, "", 0)
			return nil
		},
		"nothing": func(*testing.T, *mysql.Config) []Option { return nil },
	}
	differs := map[string]func(t *testing.T, cfg *mysql.Config) []Option{
		"user":          func(_ *testing.T, cfg *mysql.Config) []Option { cfg.User = "root"; return nil },
		"password":      func(_ *testing.T, cfg *mysql.Config) []Option { cfg.Passwd = "other"; return nil },
		"address":       func(_ *testing.T, cfg *mysql.Config) []Option { cfg.Addr = "other:3306"; return nil },
		"a parameter":   func(_ *testing.T, cfg *mysql.Config) []Option { cfg.Params = map[string]string{"@a": "1"}; return nil },
		"parseTime":     func(_ *testing.T, cfg *mysql.Config) []Option { cfg.ParseTime = true; return nil },
		"an option":     func(*testing.T, *mysql.Config) []Option { return []Option{WithSize(7)} },
		"the key":       func(*testing.T, *mysql.Config) []Option { return []Option{WithShareKey("other")} },
		"DialFunc":      func(_ *testing.T, cfg *mysql.Config) []Option { dial(cfg); return nil },
		"BeforeConnect": func(t *testing.T, cfg *mysql.Config) []Option { withBeforeConnect(t, cfg); return nil },
		"AfterLogin":    func(*testing.T, *mysql.Config) []Option { return []Option{after} },
		"a TLS config":  func(_ *testing.T, cfg *mysql.Config) []Option { cfg.TLS = &tls.Config{ServerName: "x"}; return nil },
		"TLS's name": func(_ *testing.T, cfg *mysql.Config) []Option {
			cfg.TLS = &tls.Config{ServerName: "evil", VerifyConnection: func(tls.ConnectionState) error { return nil }}
			return nil
		},
		"TLS's roots": func(_ *testing.T, cfg *mysql.Config) []Option {
			cfg.TLS = &tls.Config{ServerName: "db", RootCAs: roots, VerifyConnection: func(tls.ConnectionState) error { return nil }}
			return nil
		},
		"TLS's verification": func(_ *testing.T, cfg *mysql.Config) []Option {
			cfg.TLS = &tls.Config{ServerName: "db", InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return nil }}
			return nil
		},
	}
	for name, set := range kinds {
		t.Run(name, func(t *testing.T) {
			make := func(schema string, opts ...func(*testing.T, *mysql.Config) []Option) *connector {
				cfg := mustParse(t, "app:secret@tcp(127.0.0.1:3306)/"+schema)
				all := append(set(t, cfg), WithShareKey("same"))
				for _, o := range opts {
					all = append(all, o(t, cfg)...)
				}
				c, err := NewConnector(cfg, all...)
				if err != nil {
					t.Fatal(err)
				}
				return c.(*connector)
			}
			one, two := make("app"), make("other")
			if !one.Shared || !two.Shared || one.Key != two.Key {
				t.Error("the same share no pool")
			}
			seen := map[dsn.Key]string{one.Key: "nothing"}
			for what, differ := range differs {
				if what == name || what == "AfterLogin" && name == "WithAfterLogin" {
					continue
				}
				c := make("app", differ)
				if other, ok := seen[c.Key]; ok || !c.Shared {
					t.Errorf("%s differs: shares with the one in which %s differs", what, other)
				}
				seen[c.Key] = what
			}
			cfg := mustParse(t, "app:secret@tcp(127.0.0.1:3306)/app")
			without, err := NewConnector(cfg, set(t, cfg)...)
			if err != nil {
				t.Fatal(err)
			}
			if c := without.(*connector); c.Shared != (name == "nothing") || c.Shared && c.Key == one.Key {
				t.Error("without a key: shares with those that have one")
			}
		})
	}
}

func TestEmptyShareKey(t *testing.T) {
	_, err := NewConnector(mysql.NewConfig(), WithShareKey(""))
	if err == nil || !strings.Contains(err.Error(), "WithShareKey") {
		t.Errorf("got %v, want an error that names the option", err)
	}
}

// The key is in no log, error or statistic.
func TestShareKeyIsNotShown(t *testing.T) {
	const key = "tenant-hush-42"
	bubble(t, func(t *testing.T, s *fakeServer) {
		var logged bytes.Buffer
		fails := false
		db := afterHandle(t, s, "", func(context.Context, driver.Conn) error {
			if fails {
				return errOwn
			}
			return nil
		}, WithShareKey(key), WithLogger(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		ask(t, db)
		stats, err := json.Marshal([]any{Stats(), Servers()})
		if err != nil {
			t.Fatal(err)
		}
		fails = true
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		loginErr := db.Ping()
		if all := fmt.Sprint(logged.String(), string(stats), loginErr); strings.Contains(all, key) || !strings.Contains(all, "app@tcp") {
			t.Errorf("got %s", all)
		}
	})
}

// The pool outlives the handle whose functions it has.
func TestSharedPoolOutlivesItsFirstHandle(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		open := func(name string) *sql.DB {
			return afterHandle(t, s, "", runs("SET @who = '"+name+"'"), WithShareKey("same"))
		}
		a := open("a")
		ask(t, a)
		b := open("b")
		a.Close()
		if id := ask(t, b); id != 1 {
			t.Errorf("connection %d, want 1", id)
		}
		c, err := b.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ask(t, b)
		if got := strings.Join(s.conns[1].sent(), "; "); !strings.Contains(got, "SET @who = 'a'") {
			t.Errorf("sent %s, want the first one's function", got)
		}
		Invalidate(nil)
		c.Close()
		if id := ask(t, b); id == 1 {
			t.Error("Invalidate closed nothing")
		}
	})
}
