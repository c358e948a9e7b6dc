package peer

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestProgram has this program listen itself.
func TestProgram(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(self)
	name = name[:min(len(name), 15)]
	for _, network := range []struct{ name, want string }{{"unix", name}, {"tcp", ""}} {
		address := "127.0.0.1:0"
		if network.name == "unix" {
			address = filepath.Join(t.TempDir(), "s")
		}
		listener, err := net.Listen(network.name, address)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		c, err := net.Dial(network.name, listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if got := Program(c); got != network.want {
			t.Errorf("%s: got the program %q, want %q", network.name, got, network.want)
		}
		if got := Program(struct{ net.Conn }{c}); got != "" {
			t.Errorf("%s in a type of a dialer's: got the program %q, want none", network.name, got)
		}
		if got := Program(tls.Client(c, nil)); got != network.want {
			t.Errorf("TLS over %s: got the program %q, want %q", network.name, got, network.want)
		}
		c.Close()
		if got := Program(c); got != "" {
			t.Errorf("%s, closed: got the program %q, want none", network.name, got)
		}
	}
}
