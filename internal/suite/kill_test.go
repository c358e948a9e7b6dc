package suite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

const longQuery = "SELECT SLEEP(20)"

// giveUp has a handle give a long query up, and returns its connection's id.
func (s *server) giveUp(t *testing.T, driver, dsn string) (id int64) {
	t.Helper()
	db := openDSN(t, driver, dsn)
	db.SetMaxOpenConns(1)
	id = connectionID(t, db)
	if err := s.cancelWhenRunning(t, db, id, longQuery); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the context's error", err)
	}
	return id
}

// needRunningOn skips the test on a server that notices by itself that nobody
// waits for an answer any more, or that does not show from where connections come.
func (s *server) needRunningOn(t *testing.T) {
	t.Helper()
	if host := s.row(t, "SELECT HOST FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()"); !strings.Contains(host, ":") {
		t.Skipf("the server says that a connection comes from %s", host)
	}
	id := s.giveUp(t, stock, s.dsn)
	time.Sleep(time.Second)
	if !s.connected(t, id) {
		t.Skip("the server ends a query whose client is gone")
	}
	s.kill(t, id)
}

func TestSuiteCancelledQueryIsKilled(t *testing.T) {
	s := needServer(t)
	s.needRunningOn(t)
	s.onTransports(t, func(t *testing.T, dsn string) {
		cfg, err := mysql.ParseDSN(dsn)
		if err != nil {
			t.Fatal(err)
		}
		for _, pool := range []string{poolOfOne, "pool_size=3"} {
			dispose(t)
			id := s.giveUp(t, pooled, withParams(dsn, pool+"&@pool_kill=%27on%27"))
			if cfg.Net == "unix" { // nothing shows whose it is
				time.Sleep(time.Second)
				if !s.connected(t, id) {
					t.Error("it was killed")
				}
				s.kill(t, id)
				continue
			}
			s.wantGone(t, id)
			eventually(t, func() error { // the server's answer to KILL may come late
				if p := onlyPool(t); p.Killed != 1 {
					return fmt.Errorf("want 1 killed: %+v", p)
				}
				return nil
			})
		}
	})
}

func TestSuiteCancelledQueryRunsOnByDefault(t *testing.T) {
	s := needServer(t)
	s.needRunningOn(t)
	id := s.giveUp(t, pooled, s.dsn)
	time.Sleep(time.Second)
	if !s.connected(t, id) {
		t.Error("it was killed")
	}
	s.kill(t, id)
}

// Behind a proxy the server shows the proxy's address, and the id may be
// somebody else's.
func TestSuiteNothingIsKilledBehindAProxy(t *testing.T) {
	s := needServer(t)
	s.needRunningOn(t)
	cfg := s.config(t)
	cfg.Net, cfg.Addr = "tcp", forward(t, cfg.Net, cfg.Addr)
	id := s.giveUp(t, pooled, withParams(cfg.FormatDSN(), "pool_kill=on"))
	time.Sleep(time.Second)
	if !s.connected(t, id) {
		t.Error("it was killed")
	}
	if p := onlyPool(t); p.Killed != 0 {
		t.Errorf("want none killed: %+v", p)
	}
	s.kill(t, id)
}

// forward returns an address from which connections go on to another.
func forward(t *testing.T, network, to string) (addr string) {
	return listen(t, func(in net.Conn) {
		out, err := net.Dial(network, to)
		if err != nil {
			in.Close()
			return
		}
		go func() { io.Copy(out, in) }() // the end of in is not passed on, as by some proxies
		go func() { io.Copy(in, out); in.Close(); out.Close() }()
	})
}

// A host that refuses, or says nothing, is passed over.
func TestSuiteHostsOfADSN(t *testing.T) {
	s := needServer(t)
	cfg := s.config(t)
	if cfg.Net != "tcp" {
		t.Skip("the server is not reached through tcp")
	}
	nobody, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	good := cfg.Addr
	for _, hosts := range []string{"127.0.0.1:1," + good, nobody.Addr().String() + "," + good, good + ",127.0.0.1:1"} {
		dispose(t)
		cfg.Addr, cfg.Timeout = hosts, time.Second
		db := openDSN(t, pooled, cfg.FormatDSN())
		start := time.Now()
		if err := askOwnNumber(t.Context(), db, 7); err != nil {
			t.Errorf("%s: %v", hosts, err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s: the first answer took %v", hosts, took)
		}
		for _, h := range onlyPool(t).Hosts {
			if isGood := h.Addr == good; isGood != (h.Open == 1) || h.State != "up" && isGood {
				t.Errorf("%s: host %+v", hosts, h)
			}
		}
		if got := onlyPool(t).Login; !strings.Contains(got, "("+hosts+")") {
			t.Errorf("got %s, want the hosts as they were written", got)
		}
	}
}

// A procedure that is cancelled is what one wants killed most. It must not cost
// the connections that lie idle.
func TestSuiteKillOfACall(t *testing.T) {
	s := needServer(t)
	s.needRunningOn(t)
	mustExec(t, s.open(t, stock, ""), "CREATE PROCEDURE slow() BEGIN DO SLEEP(20); END")
	db := s.open(t, pooled, "@pool_size=5&@pool_kill=%27on%27")
	var conns []*sql.Conn
	for range 5 {
		conns = append(conns, oneConn(t, db))
	}
	id := connectionID(t, conns[0])
	for _, c := range conns[1:] {
		c.Close()
	}
	time.Sleep(3 * time.Second) // the others are idle
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	conns[0].ExecContext(ctx, "CALL slow()")
	conns[0].Close()
	s.wantGone(t, id)
	eventually(t, func() error { // the KILL's own answer may come later
		if p := onlyPool(t); p.Broken != 1 || p.Killed != 1 {
			return fmt.Errorf("got %d broken and %d killed, want 1 and 1: %+v", p.Broken, p.Killed, p)
		}
		return nil
	})
}

// "Behind a proxy … it does nothing": it closes no other connection either.
func TestSuiteKillBehindAProxyClosesNothing(t *testing.T) {
	s := needServer(t)
	s.needRunningOn(t)
	cfg := s.config(t)
	cfg.Net, cfg.Addr = "tcp", forward(t, cfg.Net, cfg.Addr)
	dsn := withParams(cfg.FormatDSN(), "pool_kill=on&pool_size=3")
	a, b := openDSN(t, pooled, dsn), openDSN(t, pooled, dsn)
	ca, cb := oneConn(t, a), oneConn(t, b)
	id, healthy := connectionID(t, ca), connectionID(t, cb)
	cb.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	ca.ExecContext(ctx, longQuery)
	ca.Close()
	time.Sleep(time.Second)
	if p := onlyPool(t); p.Broken != 1 {
		t.Errorf("got %d broken, want 1: %+v", p.Broken, p)
	}
	if !s.connected(t, healthy) {
		t.Error("the healthy connection was closed")
	}
	s.kill(t, id)
}
