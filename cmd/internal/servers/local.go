package servers

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// startLocal starts a mariadbd or mysqld of this machine.
func startLocal(ctx context.Context, opts Options) (*Server, error) {
	if !canStartLocal {
		return nil, errors.New("starting a mysqld is not supported on this system")
	}
	b, err := findBinary(ctx)
	if err != nil {
		return nil, err
	}
	timeout := opts.StartTimeout
	if timeout == 0 {
		timeout = time.Minute
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it took longer than %v to start", timeout))
	defer cancel()
	s, err := (&local{binary: b, args: opts.Args, myCnf: opts.MyCnf, freePort: freePort, logf: opts.logf}).start(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.path, err)
	}
	return s, nil
}

// local is one start of one server.
type local struct {
	binary   *binary
	args     []string
	myCnf    string // the option file's text; "": none
	freePort func() (int, error)
	logf     func(string, ...any)

	dir      string // private: all that the server reads and writes
	password string
	port     int
	proc     *process
}

func (l *local) path(name string) string { return filepath.Join(l.dir, name) }

func (l *local) start(ctx context.Context) (_ *Server, err error) {
	if l.dir, err = privateDir(); err != nil {
		return nil, err
	}
	l.password = crand.Text()
	defer func() {
		if err != nil {
			l.stop()
		}
	}()
	if err := os.Mkdir(l.path("tmp"), 0o700); err != nil {
		return nil, err
	}
	if err := l.binary.initDataDir(ctx, l.path("data"), l.path("tmp"), l.path("init.log")); err != nil {
		return nil, err
	}
	if err := os.WriteFile(l.path("init.sql"), []byte(l.binary.initSQL(l.password)), 0o600); err != nil {
		return nil, err
	}
	if l.binary.canTLS() {
		certPEM, keyPEM, err := selfSigned()
		if err != nil {
			return nil, fmt.Errorf("making a TLS certificate: %w", err)
		}
		if err := errors.Join(os.WriteFile(l.path("cert.pem"), certPEM, 0o600),
			os.WriteFile(l.path("key.pem"), keyPEM, 0o600)); err != nil {
			return nil, err
		}
	}
	if l.myCnf != "" {
		if err := os.WriteFile(l.path("my.cnf"), []byte(l.myCnf), 0o600); err != nil {
			return nil, err
		}
	}
	if l.port, err = l.run(ctx); err != nil {
		return nil, err
	}

	s := &Server{
		Kind:    Local,
		DSN:     dsnFor("tcp", fmt.Sprintf("127.0.0.1:%d", l.port), l.password, testSchema),
		UnixDSN: dsnFor("unix", l.path("mysqld.sock"), l.password, testSchema),
		local:   l,
		stop:    []func(){l.stop},
	}
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	if l.binary.canTLS() && s.TLSDSN == "" {
		l.logf("%s takes no TLS connection", l.binary.path)
	}
	s.Name = fmt.Sprintf("%s, a %s started here on a private data directory", s.product, filepath.Base(l.binary.path))
	return s, nil
}

// run starts the server on a free port and waits until it can be used. Between
// the search for a port and the server's bind another process may take it: then
// it tries again.
func (l *local) run(ctx context.Context) (port int, err error) {
	for range 5 {
		if port, err = l.freePort(); err != nil {
			return 0, fmt.Errorf("looking for a free port: %w", err)
		}
		err = l.runOn(ctx, port)
		if !errors.Is(err, errPortTaken) {
			return port, err
		}
		l.logf("port %d was taken by another process meanwhile; trying the next", port)
	}
	return 0, err
}

var (
	errPortTaken = errors.New("the port is taken")
	errEnded     = errors.New("it ended while starting")
)

func (l *local) runOn(ctx context.Context, port int) error {
	logFile := l.path("server.log")
	log, err := os.Create(logFile)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(l.binary.path, append(l.serverArgs(port), l.args...)...)
	cmd.Env = l.binary.env()
	cmd.Dir = l.dir
	cmd.Stdout, cmd.Stderr = log, log
	if l.proc, err = startProcess(cmd, l.dir); err != nil {
		return err
	}
	ready, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := l.proc.done
	go func() {
		select {
		case <-done:
			cancel(errEnded)
		case <-ready.Done():
		}
	}()
	err = waitReady(ready, dsnFor("tcp", fmt.Sprintf("127.0.0.1:%d", port), l.password, ""))
	if err == nil {
		return nil
	}
	l.proc.kill()
	tail := logTail(logFile, l.password)
	if low := strings.ToLower(tail); strings.Contains(low, "bind on tcp/ip port") || strings.Contains(low, "address already in use") {
		return fmt.Errorf("%w: %d", errPortTaken, port)
	}
	return fmt.Errorf("%w; its log:\n%s", err, tail)
}

func (l *local) serverArgs(port int) []string {
	args := append(l.binary.baseArgs(), lightArgs...)
	if l.myCnf != "" {
		args[0] = "--defaults-file=" + l.path("my.cnf") // must come first, as --no-defaults
	}
	args = append(args,
		"--datadir="+l.path("data"),
		"--tmpdir="+l.path("tmp"),
		fmt.Sprintf("--port=%d", port),
		"--socket="+l.path("mysqld.sock"),
		"--pid-file="+l.path("mysqld.pid"),
		"--init-file="+l.path("init.sql"),
		"--bind-address=127.0.0.1",
		"--skip-name-resolve",
		"--skip-log-bin",
		"--loose-performance-schema=0",
		"--loose-mysqlx=OFF", // would want a second port
	)
	if l.binary.canTLS() {
		args = append(args, "--ssl-cert="+l.path("cert.pem"), "--ssl-key="+l.path("key.pem"))
	}
	return args
}

// stop ends the server, if it runs, and removes all it wrote.
func (l *local) stop() {
	if l.proc != nil {
		l.proc.kill()
	}
	if err := os.RemoveAll(l.dir); err != nil {
		l.logf("%s was left behind: %v", l.dir, err)
	}
}

// Ports from minPort to maxPort are given to no outgoing connection, by default,
// on Linux (from 32768) and others (from 49152). So a server that is down for a
// moment finds its own again, and nobody who dials it meanwhile meets himself.
const minPort, maxPort = 15000, 32000

// freePort returns a TCP port of 127.0.0.1 that was free a moment ago.
func freePort() (int, error) {
	for range 100 {
		port := minPort + rand.IntN(maxPort-minPort)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("none of 100 between %d and %d is free", minPort, maxPort)
}
