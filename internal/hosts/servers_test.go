package hosts

import (
	"context"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

func TestServersAreShared(t *testing.T) {
	table := &servers
	one := &mysql.Config{Net: "tcp", Addr: "shared.invalid:3306", User: "a"}
	other := &mysql.Config{Net: "tcp", Addr: "shared.invalid:3306", User: "b"}
	s := table.of(one)
	if table.of(other) != s {
		t.Error("two logins to one address: got two servers, want one")
	}
	if table.of(&mysql.Config{Net: "tcp", Addr: "shared.invalid:3307"}) == s {
		t.Error("another port: got the same server")
	}
	dials := one.Clone()
	dials.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, nil }
	if table.of(dials) == s {
		t.Error("a dialer of its own: got the same server, of which it may know nothing")
	}
	runtime.KeepAlive(s)
}

func TestServersAreForgotten(t *testing.T) {
	address := serverinfo.Address{Net: "tcp", Addr: "forgotten.invalid:3306"}
	servers.of(&mysql.Config{Net: address.Net, Addr: address.Addr})
	for until := time.Now().Add(10 * time.Second); ; {
		runtime.GC()
		servers.mu.Lock()
		_, there := servers.byAddress[address]
		servers.mu.Unlock()
		if !there {
			return
		}
		if time.Now().After(until) {
			t.Fatal("after 10s: a server that no host refers to is still in the table")
		}
		time.Sleep(time.Millisecond)
	}
}
