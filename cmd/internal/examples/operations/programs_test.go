// Package operations has programs that show how to run a program with the pool in
// production, and the test that runs them.
package operations

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
)

// build builds the programs, and returns the folder that they are in.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./...").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return dir
}

func server(t *testing.T) *servers.Server {
	t.Helper()
	s, err := servers.Find(t.Context(), servers.Options{Kinds: []servers.Kind{servers.Local, servers.Embedded}, Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func program(t *testing.T, path string, s *servers.Server, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "DSN="+s.DSN)
	return cmd
}

func TestPrograms(t *testing.T) {
	dir, s := build(t), server(t)
	for name, want := range map[string]string{
		"tenants":  `20 tenants, 21 handles, [1-5] connections\n`,
		"worker":   `4 jobs, 1 at a time\n`,
		"tokens":   `10 handles, 1 pool, [1-5] connections\n3 rotations: ([4-9]|1[0-9]|20) connections in all, 0 refused\n`,
		"replicas": `visits: 1\nreads go to a replica: false\nprimary: a host is up, wanted true\nprefer_replica: a host is up, wanted false\n`,
	} {
		t.Run(name, func(t *testing.T) {
			out, err := program(t, filepath.Join(dir, name), s).CombinedOutput()
			if err != nil || !regexp.MustCompile("^"+want+"$").Match(out) {
				t.Errorf("%v: printed\n%s\nwant\n%s", err, out, want)
			}
		})
	}
	t.Run("httpserver stops", func(t *testing.T) { testHTTPServerStops(t, dir, s) })
	t.Run("readiness does not lie", func(t *testing.T) { testReadinessDoesNotLie(t, dir) })
}

// The server is told to stop while it serves a request: this ends well, it is not
// ready any more at once, and everything is closed at the end.
func testHTTPServerStops(t *testing.T, dir string, s *servers.Server) {
	cmd := program(t, filepath.Join(dir, "httpserver"), s, "-listen=127.0.0.1:0", "-not-ready-time=1m")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	url := strings.TrimSpace(strings.TrimPrefix(first, "listening on "))
	get := func(path string) string {
		r, err := http.Get(url + path)
		if err != nil {
			return err.Error()
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		return r.Status + ": " + string(b)
	}
	for deadline := time.Now().Add(30 * time.Second); get("/readyz") != "200 OK: ready\n"; {
		if time.Now().After(deadline) {
			t.Fatalf("readyz: got %s", get("/readyz"))
		}
	}
	if got := get("/debug/mysqlpool?format=json"); !strings.Contains(got, `"Handles": 1`) {
		t.Errorf("debug: got %s", got)
	}
	work := make(chan string)
	go func() { work <- get("/work?seconds=1") }()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(get("/debug/mysqlpool?format=json"), `"InUse": 1`); {
		if time.Now().After(deadline) {
			t.Fatal("the request does not work")
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if line, _ := lines.ReadString('\n'); line != "stopping: not ready any more\n" {
		t.Errorf("printed %q", line)
	}
	if got := get("/readyz"); got != "503 Service Unavailable: stopping\n" {
		t.Errorf("readyz: got %s", got)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := <-work; got != "200 OK: done\n" {
		t.Errorf("the request that had begun: got %s", got)
	}
	rest, _ := io.ReadAll(lines)
	if want := "requests are served\nconnections are closed\n"; string(rest) != want {
		t.Errorf("printed %q, want %q", rest, want)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, &stderr)
	}
}

// A database that is away makes the process unready, and not dead.
func testReadinessDoesNotLie(t *testing.T, dir string) {
	s := &servers.Server{DSN: "app:none@tcp(127.0.0.1:1)/"}
	cmd := program(t, filepath.Join(dir, "httpserver"), s, "-listen=127.0.0.1:0", "-not-ready-time=0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first, _ := bufio.NewReader(out).ReadString('\n')
	url := strings.TrimSpace(strings.TrimPrefix(first, "listening on "))
	for path, want := range map[string]int{"/readyz": http.StatusServiceUnavailable, "/livez": http.StatusOK} {
		r, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("%s: got %s, want %d", path, r.Status, want)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
