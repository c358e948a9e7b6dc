package latency

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// What the server answers comes later by what was asked for, once for each round trip, from
// the address that the server sees. To close the connection ends a wait.
func TestBefore(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	seen := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		seen <- c.RemoteAddr().String()
		io.Copy(c, c)
		c.Close()
	}()
	const rtt = 30 * time.Millisecond
	c, err := dial(t.Context(), l.Addr().String(), rtt)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, want := c.LocalAddr().String(), <-seen; got != want {
		t.Errorf("got address %s, want %s as the server sees it", got, want)
	}
	trip := func(writes ...string) time.Duration {
		t.Helper()
		start, size := time.Now(), 0
		for _, text := range writes {
			if _, err := io.WriteString(c, text); err != nil {
				t.Fatal(err)
			}
			size += len(text)
		}
		if _, err := io.ReadFull(c, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		return time.Since(start)
	}
	for _, writes := range [][]string{{"one"}, {"two", "writes"}, {"another"}} {
		if took := trip(writes...); took < rtt {
			t.Errorf("%q took %v, want %v or more", writes, took, rtt)
		}
	}
	io.WriteString(c, "more")
	time.AfterFunc(rtt/4, func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	c.Read(make([]byte, 4))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the end: got %v, want a closed connection", err)
	}
}

func TestBeforeInput(t *testing.T) {
	for _, dsn := range []string{"nonsense", "root@unix(/tmp/x)/"} {
		if _, err := Before(dsn, time.Millisecond); err == nil {
			t.Errorf("%s: no error", dsn)
		}
	}
	if _, err := Before("root@tcp(127.0.0.1:1)/", 0); err == nil {
		t.Error("no latency: no error")
	}
	dsn, err := Before("root@tcp(127.0.0.1:1)/a?parseTime=true", 500*time.Microsecond)
	if err != nil {
		t.Fatal(err)
	}
	if cfg, err := mysql.ParseDSN(dsn); err != nil || cfg.Addr != "127.0.0.1:1" || cfg.DBName != "a" || !cfg.ParseTime {
		t.Errorf("got %s, %v", dsn, err)
	}
}

func BenchmarkSleep(b *testing.B) {
	t, err := newTimer()
	if err != nil {
		b.Fatal(err)
	}
	defer t.close()
	for b.Loop() {
		t.sleep(500 * time.Microsecond)
	}
}
