package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// builtTiDB is where make test-others builds TiDB's server.
const builtTiDB = "/var/tmp/mysqlpool/tidb/tidb-server"

// startTiDB starts TiDB's server with its storage in the same process.
func startTiDB(ctx context.Context, _ Options) (_ *Server, err error) {
	if _, err := os.Stat(builtTiDB); err != nil {
		return nil, fmt.Errorf("no TiDB: %w (make test-others builds it)", err)
	}
	dir, err := privateDir()
	if err != nil {
		return nil, err
	}
	s := &Server{Kind: TiDB, stop: []func(){func() { os.RemoveAll(dir) }}}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf("host = \"127.0.0.1\"\nport = %d\nstore = \"unistore\"\npath = %q\nsocket = \"\"\ntemp-dir = %q\n[status]\nreport-status = false\n[log]\nlevel = \"warn\"\n",
		port, filepath.Join(dir, "data"), filepath.Join(dir, "tmp"))
	if err := os.WriteFile(filepath.Join(dir, "tidb.toml"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(builtTiDB, "-config", filepath.Join(dir, "tidb.toml"))
	proc, err := startOther(cmd, dir)
	if err != nil {
		return nil, err
	}
	s.stop = append(s.stop, proc.kill)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	if err := proc.awaitServer(ctx, dsnFor("tcp", addr, "", ""), filepath.Join(dir, "log")); err != nil {
		return nil, err
	}
	s.DSN = dsnFor("tcp", addr, "", testSchema)
	if err := s.connect(ctx); err != nil {
		return nil, fmt.Errorf("logging in: %w", err)
	}
	s.Name = fmt.Sprintf("TiDB %s, a tidb-server started here", s.Version)
	return s, nil
}

// startOther starts a program that writes its log to dir.
func startOther(cmd *exec.Cmd, dir string) (*process, error) {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	return startProcess(cmd, dir)
}

// awaitServer returns once the server takes logins.
func (p *process) awaitServer(ctx context.Context, dsn, log string) error {
	ready, cancel := context.WithTimeoutCause(ctx, otherStartTimeout, fmt.Errorf("it took longer than %v to start", otherStartTimeout))
	defer cancel()
	ready, end := context.WithCancelCause(ready)
	defer end(nil)
	go func() {
		select {
		case <-p.done:
			end(errEnded)
		case <-ready.Done():
		}
	}()
	if err := waitReady(ready, dsn); err != nil {
		return fmt.Errorf("%w; its log:\n%s", err, logTail(log, "\x00"))
	}
	return nil
}
