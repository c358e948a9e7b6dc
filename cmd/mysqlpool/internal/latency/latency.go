// Package latency makes a server answer later, as a network between would.
package latency

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Before returns a DSN with which a round trip to the server of dsn takes that much
// longer. dsn is over TCP; rtt is above 0. The connections are the program's own: the
// server sees their addresses, as it does over a long way and not behind a proxy.
func Before(dsn string, rtt time.Duration) (string, error) {
	if rtt <= 0 {
		return "", fmt.Errorf("round-trip time: got %v, want more than 0", rtt)
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return "", errors.New("latency: not a DSN") // the error has the DSN in it
	}
	if cfg.Net != "tcp" {
		return "", fmt.Errorf("latency: got a DSN over %s, want tcp", cfg.Net)
	}
	cfg.Net = fmt.Sprintf("tcp-and-%dns", rtt.Nanoseconds())
	mysql.RegisterDialContext(cfg.Net, func(ctx context.Context, addr string) (net.Conn, error) {
		return dial(ctx, addr, rtt)
	})
	return cfg.FormatDSN(), nil
}

func dial(ctx context.Context, addr string, rtt time.Duration) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	t, err := newTimer()
	if err != nil {
		c.Close()
		return nil, err
	}
	t.sleep(rtt) // as the handshake of TCP takes
	late := &lateConn{TCPConn: c.(*net.TCPConn), rtt: rtt, timer: t}
	late.wrote.Store(true) // what the server sends first answers the end of that
	return late, nil
}

// lateConn delays the first answer to what was written: whoever writes twice before reading
// waits for one round trip. It is read by one goroutine at a time.
type lateConn struct {
	*net.TCPConn
	rtt   time.Duration
	timer *timer
	wrote atomic.Bool // since the latest read
}

func (c *lateConn) Write(b []byte) (int, error) {
	c.wrote.Store(true)
	return c.TCPConn.Write(b)
}

func (c *lateConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if n > 0 && c.wrote.Swap(false) {
		c.timer.sleep(c.rtt)
	}
	return n, err
}

func (c *lateConn) Close() error {
	c.timer.close()
	return c.TCPConn.Close()
}
