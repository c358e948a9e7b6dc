package suite

import (
	"database/sql"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mysqlpool/mysqlpool/internal/session"
)

// Where packets must be small, by the DSN, everything works as with the stock
// driver: logins, the next one too, and what puts state back.
func TestSuiteSmallPackets(t *testing.T) {
	if strings.Contains(os.Getenv("MYSQL_POOL_TEST_SERVER"), "embedded") {
		t.Skip("needs a real server: the embedded one takes any value for any variable")
	}
	s := needServer(t)
	fresh := s.open(t, stock, "")
	want, err := s.fingerprint(fresh)
	if err != nil {
		t.Fatal(err)
	}
	fresh.Close()
	for _, size := range []int{200, 300, 500, 1000, 1024, 1200, 1400, 2000, 3000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			dispose(t)
			params := fmt.Sprintf("maxAllowedPacket=%d&", size) + poolOfOne
			if err := s.open(t, stock, params[:strings.Index(params, "&")]).Ping(); err != nil {
				t.Skipf("the stock driver cannot log in: %v", err)
			}
			a, b := s.open(t, pooled, params), s.open(t, pooled, params)
			c := oneConn(t, a)
			set := 0
			for _, name := range session.VariableNames() {
				var value string
				if err := s.admin.QueryRow("SHOW SESSION VARIABLES LIKE '"+name+"'").Scan(new(string), &value); err != nil {
					continue // another server's
				}
				for _, other := range otherValues(name, value) {
					if _, err := c.ExecContext(t.Context(), "SET SESSION "+name+" = "+other); err == nil {
						set++
						break
					}
				}
			}
			if set < 20 {
				t.Errorf("%d variables are set", set)
			}
			c.Close()
			a.Close()
			s.wantFingerprint(t, b, want)
			b.Close()
			// A later login asks in another way, once state was left.
			dispose(t)
			many := s.open(t, pooled, params[:strings.Index(params, "&")])
			for range 3 {
				c := oneConn(t, many)
				if _, err := c.ExecContext(t.Context(), "SET SESSION group_concat_max_len = 77"); err != nil {
					t.Error(err)
				}
				if got := row(t, c, "SELECT @@group_concat_max_len"); got != "77" {
					t.Errorf("got %s", got)
				}
			}
			if p := onlyPool(t); p.Opened != 3 || p.LoginErrors != 0 || p.Limit == 0 {
				t.Errorf("got %d logins, %d errors, limit %d; want 3, none, one", p.Opened, p.LoginErrors, p.Limit)
			}
		})
	}
}

// A server, or a proxy, that takes small packets only and ends a session that
// sends others: one login finds that out, for every pool there. With a pool_target the
// server is asked for more at each login.
func TestSuiteServerTakesSmallPackets(t *testing.T) {
	s := needServer(t)
	tooLarge := append([]byte{0xff, 0x81, 0x04}, "#08S01Got a packet bigger than 'max_allowed_packet' bytes"...) // 1153
	for _, answers := range []bool{true, false} {
		t.Run(fmt.Sprint("says so ", answers), func(t *testing.T) {
			var tooMany atomic.Int64
			relay := newRelay(t, s.dsn, func(command byte, text string) []byte {
				if command != comQuery || len(text) < 1024 {
					return nil
				}
				tooMany.Add(1)
				if answers {
					return tooLarge
				}
				return hangUp
			})
			for _, params := range []string{"", "pool_target=primary", "pool_size=3"} {
				db := openDSN(t, pooled, relay.through(t, s.dsn, params))
				var held []*sql.Conn
				for range 3 {
					c := oneConn(t, db)
					if got := row(t, c, "SELECT 1"); got != "1" {
						t.Errorf("%q: got %s", params, got)
					}
					held = append(held, c)
				}
				for _, c := range held {
					c.Close()
				}
				if p := onlyPool(t); p.Opened != 3 || p.LoginErrors != 0 {
					t.Errorf("%q: got %d logins, %d errors; want 3, none", params, p.Opened, p.LoginErrors)
				}
				db.Close()
				dispose(t)
			}
			if n := tooMany.Load(); n != 1 {
				t.Errorf("%d long texts were sent, want 1", n)
			}
		})
	}
}
