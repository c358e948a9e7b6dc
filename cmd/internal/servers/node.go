package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// node is what a server of a Galera cluster and one of a replication group have in
// common.
type node struct {
	Addr string // host:port
	DSN  string // of this server alone, as root

	kind     string // "Galera node", for errors
	dir      string
	port     int
	password string
	proc     *process
}

// nodeStart bounds the start of one node.
const nodeStart = time.Minute

func (n *node) path(name string) string { return filepath.Join(n.dir, name) }

// Crash kills the server with SIGKILL, and returns when it is gone.
func (n *node) Crash() {
	if n.proc != nil {
		n.proc.kill()
	}
}

// wantDown returns an error unless Crash was called.
func (n *node) wantDown() error {
	if n.proc == nil || !n.proc.ended() {
		return fmt.Errorf("restarting the %s %s: it runs", n.kind, n.Addr)
	}
	return nil
}

// run starts the server and waits until ready returns. The server ends with this
// process at the latest, and all is removed then.
func (n *node) run(ctx context.Context, cmd *exec.Cmd, all string, ready func(context.Context) error) error {
	log, err := os.Create(n.path("server.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if n.proc, err = startProcess(cmd, all); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, nodeStart, fmt.Errorf("it took longer than %v to start", nodeStart))
	defer cancel()
	alive, end := context.WithCancelCause(ctx)
	defer end(nil)
	done := n.proc.done
	go func() {
		select {
		case <-done:
			end(errEnded)
		case <-alive.Done():
		}
	}()
	if err := ready(alive); err != nil {
		n.proc.kill()
		return n.failed(err)
	}
	return nil
}

// failed adds the end of the server's log to an error.
func (n *node) failed(err error) error {
	return fmt.Errorf("%s %s: %w; its log:\n%s", n.kind, n.Addr, err, logTail(n.path("server.log"), n.password))
}

// waitState returns once the server answers a query with that state.
func (n *node) waitState(ctx context.Context, query, want string) error {
	db, err := openQuietly(n.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var state string
		err := db.QueryRowContext(ctx, query).Scan(&state)
		if err == nil && state == want {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (its state is %q, the last error %v)", context.Cause(ctx), state, err)
		case <-tick.C:
		}
	}
}
