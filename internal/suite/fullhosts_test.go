package suite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// Two hosts take no more logins of an account: the error is the server's, and neither is
// down. The checkout that waits is served once there is room.
func TestSuiteFullHosts(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	cfg, err := mysql.ParseDSN(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.User, cfg.Passwd = uniqueName(), "secret"
	for _, host := range []string{"%", "localhost"} {
		account := fmt.Sprintf("'%s'@'%s'", cfg.User, host)
		s.exec(t, "CREATE USER "+account+" IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS 5")
		defer s.exec(t, "DROP USER "+account)
		s.exec(t, "GRANT ALL ON "+s.schema+".* TO "+account)
	}
	pass := func(byte, string) []byte { return nil }
	cfg.Addr = newRelay(t, s.dsn, pass).addr + "," + newRelay(t, s.dsn, pass).addr
	cfg.Net = "tcp"
	one := cfg.Clone()
	one.Addr = one.Addr[:len(one.Addr)/2]
	other, err := sql.Open("mysql", one.FormatDSN())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var held []*sql.Conn
	for range 5 {
		held = append(held, oneConn(t, other))
	}
	for _, target := range []string{"auto", "primary"} {
		db := openDSN(t, pooled, withParams(cfg.FormatDSN(), "pool_timeout=3s&pool_target="+target))
		err := db.Ping()
		var full *mysql.MySQLError
		if !errors.As(err, &full) || full.Number != 1203 && full.Number != 1226 {
			t.Errorf("%s: got %v, want the server's error 1203 or 1226 in it", target, err)
		}
		for _, h := range onlyPool(t).Hosts {
			if h.State != "full" && h.State != "probing" {
				t.Errorf("%s: %s is %s (%s), want full, or probing after that", target, h.Addr, h.State, h.Reason)
			}
		}
		if target == "primary" {
			time.AfterFunc(200*time.Millisecond, func() {
				for _, c := range held {
					c.Close()
				}
				other.Close()
			})
			if err := db.Ping(); err != nil {
				t.Errorf("when there was room: %v", err)
			}
		}
		db.Close()
		mysqlpool.Dispose(context.Background())
	}
}
