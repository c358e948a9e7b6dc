package servers

import (
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// A listener is a TCP port of 127.0.0.1 and, where it can be had, a unix socket,
// in one net.Listener. It counts the connections that it hands out, and can
// close them: go-mysql-server can do neither.
type listener struct {
	net.Listener        // the TCP one
	socket       string // path of the unix one, "" if there is none
	unix         net.Listener
	dir          string // private, holds the socket

	accepted atomic.Int64
	arrived  chan net.Conn
	closed   chan struct{}
	closing  sync.Once
	loops    sync.WaitGroup

	mu   sync.Mutex
	open map[*trackedConn]struct{}
}

func listen() (*listener, error) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &listener{
		Listener: tcp,
		arrived:  make(chan net.Conn),
		closed:   make(chan struct{}),
		open:     map[*trackedConn]struct{}{},
	}
	l.loops.Go(func() { l.accept(tcp) })

	if l.dir, err = privateDir(); err != nil {
		l.Close()
		return nil, err
	}
	socket := filepath.Join(l.dir, "mysqld.sock")
	if unix, err := net.Listen("unix", socket); err == nil {
		l.unix, l.socket = unix, socket
		l.loops.Go(func() { l.accept(unix) })
	}
	return l, nil
}

func (l *listener) accept(from net.Listener) {
	for {
		conn, err := from.Accept()
		select {
		case <-l.closed:
			if err == nil {
				conn.Close()
			}
			return
		default:
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of file descriptors: it passes
			continue
		}
		select {
		case l.arrived <- conn:
		case <-l.closed:
			conn.Close()
			return
		}
	}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.arrived:
		t := &trackedConn{Conn: conn, l: l}
		l.mu.Lock()
		l.open[t] = struct{}{}
		l.mu.Unlock()
		l.accepted.Add(1)
		return t, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener: no more connections, and the socket is gone.
// Those open stay so.
func (l *listener) Close() error {
	l.closing.Do(func() {
		close(l.closed)
		l.Listener.Close()
		if l.unix != nil {
			l.unix.Close()
		}
		l.loops.Wait()
		os.RemoveAll(l.dir)
	})
	return nil
}

// closeConns cuts every open connection, waits two seconds at most until the
// server has let go of them, and returns how many it has not.
func (l *listener) closeConns() int {
	deadline := time.Now().Add(2 * time.Second)
	for {
		l.mu.Lock()
		n := len(l.open)
		for t := range l.open {
			t.Conn.Close()
		}
		l.mu.Unlock()
		if n == 0 || time.Now().After(deadline) {
			return n
		}
		time.Sleep(time.Millisecond)
	}
}

// A trackedConn is open until the server calls Close.
type trackedConn struct {
	net.Conn
	l *listener
}

func (t *trackedConn) Close() error {
	t.l.mu.Lock()
	delete(t.l.open, t)
	t.l.mu.Unlock()
	return t.Conn.Close()
}
