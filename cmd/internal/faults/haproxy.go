package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// ErrNoHAProxy is the error of NewHAProxy where none is installed.
var ErrNoHAProxy = errors.New("no haproxy found: install it (Debian: apt-get install haproxy)")

// An HAProxy is a real haproxy, in TCP mode, before a server. It closes, in a way
// that both ends see, the connections that are idle for too long.
type HAProxy struct {
	DSN  string // of the server, through the proxy
	cmd  *exec.Cmd
	dir  string
	done chan struct{}
}

// haproxyConf takes the time after which it closes what is idle, in
// milliseconds, the path of its socket for commands, the port to listen on and
// the server.
const haproxyConf = `global
  stats socket %[2]s level admin
defaults
  mode tcp
  timeout connect 5s
  timeout client %[1]dms
  timeout server %[1]dms
listen mysql
  bind 127.0.0.1:%[3]d
  server mysql %[4]s
`

// NewHAProxy starts one before the server of dsn, which is over TCP. Stop it.
func NewHAProxy(ctx context.Context, dsn string, closeIdleAfter time.Duration) (*HAProxy, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New("haproxy: not a DSN") // the error has the DSN in it
	}
	if cfg.Net != "tcp" {
		return nil, fmt.Errorf("haproxy: got a DSN over %s, want tcp", cfg.Net)
	}
	path := "/usr/sbin/haproxy" // which is not in every user's PATH
	if _, err := os.Stat(path); err != nil {
		if path, err = exec.LookPath("haproxy"); err != nil {
			return nil, ErrNoHAProxy
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("haproxy: %w", err)
	}
	addr := l.Addr().(*net.TCPAddr)
	l.Close()
	p := &HAProxy{done: make(chan struct{})}
	if p.dir, err = os.MkdirTemp("", "haproxy"); err != nil {
		return nil, err
	}
	conf := filepath.Join(p.dir, "conf")
	text := fmt.Sprintf(haproxyConf, closeIdleAfter.Milliseconds(), p.socket(), addr.Port, cfg.Addr)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		os.RemoveAll(p.dir)
		return nil, err
	}
	var says strings.Builder
	p.cmd = exec.Command(path, "-db", "-f", conf)
	p.cmd.Stdout, p.cmd.Stderr = &says, &says
	if err := p.cmd.Start(); err != nil {
		os.RemoveAll(p.dir)
		return nil, fmt.Errorf("haproxy: %w", err)
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	for {
		if c, err := net.Dial("tcp", addr.String()); err == nil {
			c.Close()
			break
		}
		select {
		case <-p.done:
			os.RemoveAll(p.dir)
			return nil, fmt.Errorf("haproxy ended: %s", says.String())
		case <-ctx.Done():
			p.Stop()
			return nil, fmt.Errorf("haproxy: starting: %w", context.Cause(ctx))
		case <-time.After(10 * time.Millisecond):
		}
	}
	cfg.Addr = addr.String()
	p.DSN = cfg.FormatDSN()
	return p, nil
}

func (p *HAProxy) socket() string { return filepath.Join(p.dir, "s") }

// ShutSessions closes every connection at once.
func (p *HAProxy) ShutSessions() error {
	c, err := net.Dial("unix", p.socket())
	if err != nil {
		return fmt.Errorf("haproxy: %w", err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err = c.Write([]byte("shutdown sessions server mysql/mysql\n")); err == nil {
		var answer []byte
		answer, err = io.ReadAll(c) // it closes when it is done
		if text := strings.TrimSpace(string(answer)); err == nil && text != "" {
			err = errors.New(text)
		}
	}
	if err != nil {
		return fmt.Errorf("haproxy: shutting its sessions: %w", err)
	}
	return nil
}

// Stop ends it, and removes what it wrote.
func (p *HAProxy) Stop() {
	p.cmd.Process.Kill()
	<-p.done
	os.RemoveAll(p.dir)
}
