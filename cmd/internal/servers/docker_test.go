//go:build !nodocker

package servers

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ory/dockertest/v3"
)

// needDocker skips a test where no Docker engine answers.
func needDocker(t *testing.T) *dockertest.Pool {
	t.Helper()
	image := os.Getenv(EnvImage)
	clearEnv(t)
	t.Setenv(EnvImage, image)
	pool, err := dockertest.NewPool("")
	if err == nil {
		err = pool.Client.Ping()
	}
	if err != nil {
		t.Skipf("no Docker engine answers: start one, or set DOCKER_HOST: %v", err)
	}
	return pool
}

func TestDocker(t *testing.T) {
	needDocker(t)
	s, err := Find(t.Context(), Options{Kinds: []Kind{Docker}, Args: []string{"--max-connections=77"}, Logf: t.Logf})
	if err != nil && strings.Contains(err.Error(), "cannot be pulled") {
		t.Skipf("an engine, but no image (%s names another): %v", EnvImage, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	if !s.Real() {
		t.Error("want a real server")
	}
	checkServer(t, s)
	if got := ask(t, s.DSN, "SELECT @@max_connections"); got != "77" {
		t.Errorf("max_connections %s: the argument did not arrive", got)
	}
	checkStopped(t, s)
}

// isThere reports whether the engine knows the container, running or not.
func isThere(pool *dockertest.Pool, d *container) bool {
	_, ok := pool.ContainerByName(strings.TrimPrefix(d.resource.Container.Name, "/"))
	return ok
}

func TestDockerContainersGoAway(t *testing.T) {
	pool := needDocker(t)
	image := os.Getenv(EnvImage)
	if image == "" {
		image = "mariadb:11"
	}
	if _, err := pool.Client.InspectImage(image); err != nil {
		t.Skipf("image %s is not there (%s names another): %v", image, EnvImage, err)
	}
	t.Run("with Stop", func(t *testing.T) {
		d := &container{pool: pool, image: image, life: containerLife, opts: Options{StartTimeout: time.Minute, Logf: t.Logf}}
		s, err := d.start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !isThere(pool, d) {
			t.Fatal("no container")
		}
		s.Stop()
		if isThere(pool, d) {
			t.Error("the container is left")
		}
	})
	t.Run("by themselves", func(t *testing.T) {
		d := &container{pool: pool, image: image, life: 3 * time.Second, opts: Options{StartTimeout: time.Minute, Logf: t.Logf}}
		s, err := d.start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Stop()
		for deadline := time.Now().Add(20 * time.Second); isThere(pool, d); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the container outlived its time")
			}
		}
	})
	t.Run("that cannot start", func(t *testing.T) {
		d := &container{pool: pool, image: image, life: containerLife,
			opts: Options{StartTimeout: time.Minute, Logf: t.Logf, Args: []string{"--no-such-option"}}}
		s, err := d.start(t.Context())
		if err == nil {
			s.Stop()
			t.Fatal("no error")
		}
		t.Log(err)
		if d.resource != nil && isThere(pool, d) {
			t.Error("the container is left")
		}
	})
}
