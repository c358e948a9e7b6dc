package servers

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
	"sync"
	"time"
)

// ErrNoRouter is what StartRouter's error matches (errors.Is) where there is no
// MySQL Router.
var ErrNoRouter = errors.New("MySQL Router is not installed")

// unpackedRouter is where make test-others unpacks MySQL Router.
const unpackedRouter = "/var/tmp/mysqlpool/sid/bin/mysqlrouter"

// RouterOptions say what a Router sends its clients to. One of Destinations and
// Group must be set.
type RouterOptions struct {
	// Destinations are tried in this order for each connection. Router does not
	// know which of them takes writes.
	Destinations []string

	// Group has Router find out which member is the primary, from the metadata
	// that InnoDB Cluster has: Group.AddMetadata must have run.
	Group *Group

	// Sharing has clients that are idle share connections to the server.
	Sharing bool
}

// A Router is a running MySQL Router with one port, for reading and writing.
type Router struct {
	Addr string // host:port

	dir      string
	proc     *process
	stopOnce sync.Once
}

// StartRouter starts a MySQL Router and returns once it takes connections; ctx
// bounds that. It is the one that make test-others unpacked, or mysqlrouter in
// PATH.
func StartRouter(ctx context.Context, opts RouterOptions) (_ *Router, err error) {
	path := unpackedRouter
	if _, err := os.Stat(path); err != nil {
		if path, err = exec.LookPath("mysqlrouter"); err != nil {
			return nil, fmt.Errorf("%w: neither %s nor mysqlrouter in PATH (make test-others unpacks one)", ErrNoRouter, unpackedRouter)
		}
	}
	r := &Router{}
	if r.dir, err = privateDir(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			r.Stop()
		}
	}()
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r.Addr = fmt.Sprintf("127.0.0.1:%d", port)
	if opts.Group != nil {
		if err := errors.Join(r.keepPassword(ctx, path+"_keyring"), r.writeState(opts.Group)); err != nil {
			return nil, err
		}
	}
	certPEM, keyPEM, err := selfSigned()
	if err != nil {
		return nil, fmt.Errorf("making a TLS certificate: %w", err)
	}
	if err := errors.Join(os.WriteFile(r.path("cert.pem"), certPEM, 0o600), os.WriteFile(r.path("key.pem"), keyPEM, 0o600),
		os.WriteFile(r.path("router.conf"), []byte(r.config(port, opts)), 0o600)); err != nil {
		return nil, err
	}
	log, err := os.Create(r.path("router.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := []string{"--config=" + r.path("router.conf")}
	if os.Geteuid() == 0 {
		args = append(args, "--user=root")
	}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.dir, log, log
	if r.proc, err = startProcess(cmd, r.dir); err != nil {
		return nil, err
	}
	return r, r.awaitReady(ctx)
}

// awaitReady returns once Router passes a server's greeting on.
func (r *Router) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("it took longer than a minute to start"))
	defer cancel()
	for {
		err := greeted(r.Addr)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			err = fmt.Errorf("%w (last answer: %w)", context.Cause(ctx), err)
		case <-r.proc.done:
			err = errEnded
		case <-time.After(50 * time.Millisecond):
			continue
		}
		return fmt.Errorf("MySQL Router %s: %w; its log:\n%s", r.Addr, err, r.Log())
	}
}

// Log is what Router wrote last.
func (r *Router) Log() string { return logTail(r.path("router.log"), "\x00") }

// Stop ends Router and removes what it wrote. It may be called again.
func (r *Router) Stop() {
	r.stopOnce.Do(func() {
		if r.proc != nil {
			r.proc.kill()
		}
		os.RemoveAll(r.dir)
	})
}

func (r *Router) path(name string) string { return filepath.Join(r.dir, name) }

// keepPassword writes the account that reads the metadata to a key ring, which is
// the only place where Router looks for its password.
func (r *Router) keepPassword(ctx context.Context, keyring string) error {
	key := "--master-key-file=" + r.path("master.key")
	for _, args := range [][]string{{"init", key, r.path("keyring")}, {"set", key, r.path("keyring"), metadataUser, "password", metadataPassword}} {
		cmd := exec.CommandContext(ctx, keyring, args...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s %s: %w: %s", keyring, args[0], err, out)
		}
	}
	return nil
}

// writeState says where the metadata is.
func (r *Router) writeState(g *Group) error {
	var seeds []string
	for _, m := range g.Members {
		seeds = append(seeds, `"mysql://`+m.Addr+`"`)
	}
	state := fmt.Sprintf(`{"metadata-cache": {"group-replication-id": %q, "cluster-metadata-servers": [%s]}, "version": "1.0.0"}`,
		groupName, strings.Join(seeds, ", "))
	return os.WriteFile(r.path("state.json"), []byte(state), 0o600)
}

func (r *Router) config(port int, opts RouterOptions) string {
	var b strings.Builder
	write := func(lines ...string) { b.WriteString(strings.Join(lines, "\n") + "\n") }
	write("[DEFAULT]", "name=mysqlpool", "logging_folder=", "runtime_folder="+r.dir, "data_folder="+r.dir,
		"unknown_config_option=error", "connect_timeout=2")
	destinations := strings.Join(opts.Destinations, ",")
	if g := opts.Group; g != nil {
		destinations = "metadata-cache://" + metadataCluster + "/?role=PRIMARY"
		write("keyring_path="+r.path("keyring"), "master_key_path="+r.path("master.key"), "dynamic_state="+r.path("state.json"),
			"[metadata_cache:"+metadataCluster+"]", "cluster_type=gr", "router_id=1", "user="+metadataUser, "metadata_cluster="+metadataCluster,
			"ttl=0.5")
	}
	write("[logger]", "level=INFO",
		"[routing:rw]", "bind_address=127.0.0.1", fmt.Sprintf("bind_port=%d", port), "destinations="+destinations, "routing_strategy=first-available",
		"protocol=classic")
	if opts.Sharing {
		write("client_ssl_mode=PREFERRED", "client_ssl_cert="+r.path("cert.pem"), "client_ssl_key="+r.path("key.pem"), "server_ssl_mode=PREFERRED",
			"connection_sharing=1", "connection_sharing_delay=0", "[connection_pool]", "max_idle_server_connections=32", "idle_timeout=1")
	}
	return b.String()
}

// greeted returns nil if a server greets at an address, and not with an error.
func greeted(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	head := make([]byte, 5)
	if _, err := io.ReadFull(c, head); err != nil {
		return err
	}
	if head[4] != 10 { // the version of the protocol
		return errors.New("it has no server to connect to")
	}
	return nil
}
