//go:build !nodocker

package servers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/ory/dockertest/v3"
	dc "github.com/ory/dockertest/v3/docker"
)

const (
	// engineTimeout is how long a Docker engine may take to answer a ping.
	engineTimeout = 2 * time.Second
	// pullIdle is how long a pull may go without a byte.
	pullIdle = time.Minute
	// containerLife is when the engine kills a container that nobody purged,
	// because the process that started it was killed.
	containerLife = time.Hour

	// purgeTimeout is how long an engine may take to remove a container.
	purgeTimeout = 10 * time.Second

	mysqlPort = "3306/tcp"
)

// startDocker runs an image in a Docker engine.
func startDocker(ctx context.Context, opts Options) (*Server, error) {
	pool, err := dockertest.NewPool("")
	if err != nil {
		return nil, fmt.Errorf("no Docker engine: %w (is DOCKER_HOST right?)", err)
	}
	ping, cancel := context.WithTimeout(ctx, engineTimeout)
	err = pool.Client.PingWithContext(ping)
	cancel()
	if err != nil {
		return nil, fmt.Errorf("no Docker engine answers at %s: %w (start one, or set DOCKER_HOST)", pool.Client.Endpoint(), err)
	}

	images := []string{"mysql:8.4", "mariadb:11"}
	if image := os.Getenv(EnvImage); image != "" {
		images = []string{image}
	}
	if opts.StartTimeout == 0 {
		opts.StartTimeout = 3 * time.Minute
	}
	var reasons []string
	for _, image := range images {
		d := &container{pool: pool, image: image, life: containerLife, opts: opts}
		s, err := d.start(ctx)
		if err == nil {
			return s, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		err = fmt.Errorf("image %s: %w", image, err)
		opts.logf("docker: %v", err)
		reasons = append(reasons, err.Error())
	}
	return nil, errors.New(strings.Join(reasons, "; "))
}

// A container is one run of one image.
type container struct {
	pool  *dockertest.Pool
	image string
	life  time.Duration
	opts  Options

	resource *dockertest.Resource
}

func (d *container) start(ctx context.Context) (_ *Server, err error) {
	repository, tag := splitImage(d.image)
	if err := d.pull(ctx, repository, tag); err != nil {
		return nil, err
	}

	timeout := d.opts.StartTimeout
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it took longer than %v to start", timeout))
	defer cancel()
	password := rand.Text()
	d.resource, err = d.pool.RunWithOptions(&dockertest.RunOptions{
		Repository: repository,
		Tag:        tag,
		Cmd:        d.opts.Args,
		Env: []string{
			"MYSQL_ROOT_PASSWORD=" + password, "MYSQL_ROOT_HOST=%",
			"MARIADB_ROOT_PASSWORD=" + password, "MARIADB_ROOT_HOST=%",
		},
		ExposedPorts: []string{mysqlPort},
		PortBindings: map[dc.Port][]dc.PortBinding{mysqlPort: {{HostIP: d.bindIP()}}},
		Labels:       map[string]string{"mysqlpool": "test server"},
	}, func(hc *dc.HostConfig) {
		hc.PublishAllPorts = false
		hc.AutoRemove = true // with its data, also when it is not we who end it
	})
	if err != nil {
		return nil, fmt.Errorf("starting a container: %w", err)
	}
	defer func() {
		if err != nil {
			d.purge()
		}
	}()
	if err := d.resource.Expire(uint(d.life.Seconds())); err != nil {
		return nil, err
	}

	addr := d.resource.GetHostPort(mysqlPort)
	if host := d.engineHost(); host != "" {
		_, port, _ := net.SplitHostPort(addr)
		addr = net.JoinHostPort(host, port)
	}
	ready, stopWaiting := context.WithCancelCause(ctx)
	defer stopWaiting(nil)
	go func() {
		d.pool.Client.WaitContainerWithContext(d.resource.Container.ID, ready)
		stopWaiting(errEnded)
	}()
	if err := waitReady(ready, dsnFor("tcp", addr, password, "")); err != nil {
		return nil, fmt.Errorf("waiting for its port 3306 at %s: %w%s", addr, err, d.logTail(password))
	}
	s := &Server{Kind: Docker, DSN: dsnFor("tcp", addr, password, testSchema), stop: []func(){d.purge}}
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	s.Name = fmt.Sprintf("%s, in a container of %s", s.product, d.image)
	return s, nil
}

// splitImage splits "host:5000/name:tag" before its tag, "latest" by default.
func splitImage(image string) (repository, tag string) {
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		return image[:i], image[i+1:]
	}
	return image, "latest"
}

// pull gets the image unless the engine has it.
func (d *container) pull(ctx context.Context, repository, tag string) error {
	name := repository + ":" + tag
	if _, err := d.pool.Client.InspectImage(name); err == nil {
		return nil
	}
	d.opts.logf("docker: pulling %s", name)
	err := d.pool.Client.PullImage(dc.PullImageOptions{
		Repository:        repository,
		Tag:               tag,
		InactivityTimeout: pullIdle,
		Context:           ctx,
	}, dc.AuthConfiguration{})
	if err != nil {
		return fmt.Errorf("it is not there and cannot be pulled: %w (docker pull %s by hand tells more)", err, name)
	}
	return nil
}

// engineHost is the host of an engine that is reached over the network, ""
// for one on this machine.
func (d *container) engineHost() string {
	u, err := url.Parse(d.pool.Client.Endpoint())
	if err != nil || u.Scheme == "unix" || u.Scheme == "npipe" {
		return ""
	}
	return u.Hostname()
}

// bindIP is the address of the engine's host to publish the port on: nobody
// else's business where that can be.
func (d *container) bindIP() string {
	if d.engineHost() != "" {
		return ""
	}
	return "127.0.0.1"
}

// logTail returns the last lines of the container's log, for an error message.
func (d *container) logTail(password string) string {
	ctx, cancel := context.WithTimeout(context.Background(), engineTimeout)
	defer cancel()
	var log strings.Builder
	err := d.pool.Client.Logs(dc.LogsOptions{
		Context:   ctx,
		Container: d.resource.Container.ID,
		Stdout:    true, Stderr: true, Tail: "15",
		OutputStream: &log, ErrorStream: &log,
	})
	if err != nil || log.Len() == 0 {
		return fmt.Sprintf(" (docker run --rm %s by hand tells more)", d.image)
	}
	text := strings.ReplaceAll(strings.TrimSpace(log.String()), password, "***")
	return "; its log ends:\n  " + strings.ReplaceAll(text, "\n", "\n  ")
}

// purge removes the container, and returns when the engine has done so.
func (d *container) purge() {
	id := d.resource.Container.ID
	err := d.pool.Purge(d.resource) // fails if the engine is at it already
	for deadline := time.Now().Add(purgeTimeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var gone *dc.NoSuchContainer
		if _, err := d.pool.Client.InspectContainer(id); errors.As(err, &gone) {
			return
		}
	}
	d.opts.logf("docker: container %s was left behind: %v (docker rm -fv %[1]s removes it)", id, err)
}
