package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// greeting is the start of a packet as a server sends it: a header that tells
// the length, the version of the protocol, and the version of the server.
func greeting(length int, body string) []byte {
	return append([]byte{byte(length), byte(length >> 8), byte(length >> 16), 0}, body...)
}

const (
	biggestPacket = 1<<24 - 1
	goodStart     = "\x0a10.11.0-MariaDB\x00\x01\x00\x00\x0012345678\x00"
)

// impostor is what accepts connections and is no server, or is one that hangs.
type impostor struct {
	name   string
	says   []byte
	closes bool // afterwards
}

// A request to such a one fails in time, and leaves nothing behind.
func TestHungLogin(t *testing.T) {
	noLeaks(t)
	for _, tt := range []impostor{
		{"nothing", nil, false},
		{"nothing, and closes", nil, true},
		{"half a header", []byte{80, 0}, false},
		{"half a greeting", greeting(80, goodStart), false},
		{"half a greeting, and closes", greeting(80, goodStart), true},
		{"an empty greeting", greeting(0, ""), false},
		{"an older protocol", greeting(len(goodStart), "\x09"+goodStart[1:]), false},
		{"nonsense", bytes.Repeat([]byte("HTTP/1.1 400 Bad Request\r\n"), 100), false},
		{"zeros", make([]byte, 1000), false},
		{"ones", bytes.Repeat([]byte{0xff}, 1000), false},
		{"an error packet", greeting(25, "\xff\x10\x04Too many connections.."), true},
		{"16 MiB announced", greeting(biggestPacket, goodStart), false},
		{"16 MiB sent", append(greeting(biggestPacket, goodStart), make([]byte, biggestPacket-len(goodStart))...), false},
		{"16 MiB of version", append(greeting(biggestPacket, "\x0a"), bytes.Repeat([]byte{'1'}, biggestPacket-1)...), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.test(t)
		})
	}
}

// What makes the stock driver panic makes a request fail in time, too. Such a
// login leaves its socket open, which only the stock driver could close, so there
// must be few of them.
func TestPanickingLogin(t *testing.T) {
	for _, tt := range []impostor{
		{"a greeting that ends after its version", greeting(len("\x0a10.11\x00"), "\x0a10.11\x00"), false},
		{"a greeting without the end of its version", greeting(6, "\x0a10.11"), false},
		{"an error packet cut off", greeting(2, "\xff\x10"), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := listen(t, tt.says, tt.closes)
			tt.request(t, l.addr)
			// After 0, 0.1, 0.3, 0.7, 1.5 and 3.1 s.
			if n := l.accepted(); n > 6 {
				t.Errorf("%d logins in the 3 s of pool_timeout, want 6 at most", n)
			}
			l.hangUp()
		})
	}
}

func (tt impostor) test(t *testing.T) { tt.request(t, listen(t, tt.says, tt.closes).addr) }

// request has some requests made to it.
func (tt impostor) request(t *testing.T, addr string) {
	login := fmt.Sprintf("%s@tcp(%s)", appUser, addr)
	db := open(t, pooled, login+"/?timeout=1s&pool_timeout=3&pool_dial_limit=2")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			began := time.Now()
			err := db.PingContext(ctx)
			// pool_timeout, and a login's end that is under way then.
			if took := time.Since(began); err == nil || took > 10*time.Second {
				t.Errorf("got %v after %v, want an error within 3 s or so", err, took)
			}
		})
	}
	all.Wait()
	eventually(t, func() error {
		for _, s := range mysqlpool.Stats() {
			if s.Login == login && s.LoggingIn+s.Open+s.Waiting > 0 {
				return fmt.Errorf("%d logins under way, %d open, %d waiting", s.LoggingIn, s.Open, s.Waiting)
			}
		}
		return nil
	})
}

// listener says the same to all, and drops what they say. At the end of the test
// it fails if not everybody closed his connection.
type listener struct {
	addr string

	mu    sync.Mutex // guards what follows
	conns []net.Conn
}

func listen(t *testing.T, says []byte, closes bool) *listener {
	t.Helper()
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{addr: nl.Addr().String()}
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	t.Cleanup(func() { nl.Close() })
	all.Go(func() {
		for {
			c, err := nl.Accept()
			if err != nil {
				return
			}
			l.mu.Lock()
			l.conns = append(l.conns, c)
			l.mu.Unlock()
			all.Go(func() {
				defer c.Close()
				c.Write(says)
				if !closes {
					c.SetReadDeadline(time.Now().Add(patience))
					if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("a connection was still open after %v", patience)
					}
				}
			})
		}
	})
	return l
}

func (l *listener) accepted() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// hangUp closes what others left open.
func (l *listener) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
}
