package suite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"
)

// With rejectReadOnly the stock driver says driver.ErrBadConn for a server that
// takes no writes, and for other things too, which must cost no other connection
// and no host.

// twoNames returns the DSN with rejectReadOnly, and with the server as two hosts.
func (s *server) twoNames(t *testing.T) (one, two string) {
	t.Helper()
	cfg := s.config(t)
	if cfg.Net != "tcp" || !strings.HasPrefix(cfg.Addr, "127.0.0.1:") {
		t.Skip("the server is not reached as 127.0.0.1")
	}
	cfg.RejectReadOnly = true
	one = cfg.FormatDSN()
	other := strings.Replace(cfg.Addr, "127.0.0.1", "localhost", 1)
	return one, strings.Replace(one, cfg.Addr, cfg.Addr+","+other, 1)
}

func wantNoneLeftAlone(t *testing.T) {
	t.Helper()
	for _, h := range onlyPool(t).Hosts {
		if h.State != "up" && h.State != "unknown" {
			t.Errorf("%s is %s", h.Addr, h.State)
		}
	}
}

// A statement on a connection that an earlier one's context closed.
func TestSuiteRejectReadOnlyAndACancelledStatement(t *testing.T) {
	s := needServer(t)
	one, two := s.twoNames(t)
	for name, dsn := range map[string]string{"one host": one, "two hosts": two} {
		t.Run(name, func(t *testing.T) {
			dispose(t)
			db := openDSN(t, pooled, dsn)
			c := oneConn(t, db)
			mustExec(t, c, "SELECT 1")
			var others []*sql.Conn
			for range 3 {
				others = append(others, oneConn(t, db))
				mustExec(t, others[len(others)-1], "SELECT 1")
			}
			for _, other := range others {
				other.Close()
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			c.ExecContext(ctx, "SELECT SLEEP(1)")
			if _, err := c.ExecContext(t.Context(), "SELECT 1"); err == nil {
				t.Error("the connection was not closed: want an error")
			}
			c.Close()
			eventually(t, func() error {
				if p := onlyPool(t); p.Broken != 1 || p.Open != 3 {
					return fmt.Errorf("%d broken, %d open, want 1 and 3: %+v", p.Broken, p.Open, p)
				}
				return nil
			})
			wantNoneLeftAlone(t)
		})
	}
}

// A write in a transaction that the program itself began as read-only.
func TestSuiteRejectReadOnlyAndAReadOnlyTransaction(t *testing.T) {
	s := needServer(t)
	_, dsn := s.twoNames(t)
	s.exec(t, "CREATE TABLE "+s.schema+".t (v INT) ENGINE=InnoDB")
	db := openDSN(t, pooled, dsn)
	writes := func(q interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
	}) {
		t.Helper()
		if _, err := q.ExecContext(t.Context(), "INSERT INTO t VALUES (1)"); err == nil {
			t.Skip("the server takes writes in a read-only transaction")
		}
	}
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	writes(tx)
	tx.Rollback()
	wantNoneLeftAlone(t)
	for _, begin := range []string{"START TRANSACTION READ ONLY", "SET SESSION TRANSACTION READ ONLY"} {
		c := oneConn(t, db)
		mustExec(t, c, begin)
		writes(c)
		c.Close()
		wantNoneLeftAlone(t)
	}
}
