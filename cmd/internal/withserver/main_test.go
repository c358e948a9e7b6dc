//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
)

// program is withserver as a user builds it: run as the test binary, with the
// race detector, it would take seconds to start each time.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "withserver-test-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "withserver")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Stderr = os.Stderr
	status := 1
	if err := build.Run(); err == nil {
		status = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(status)
}

// withserver makes a command that nothing in the environment tells which server
// to take.
func withserver(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = os.Environ()
	for _, v := range []string{servers.EnvDSN, servers.EnvUnixDSN, servers.EnvTLSDSN, servers.EnvImage, servers.EnvMysqld} {
		cmd.Env = append(cmd.Env, v+"=")
	}
	return cmd
}

func TestExitStatusAndOutput(t *testing.T) {
	for _, tt := range []struct {
		name       string
		args       []string
		env        string
		status     int
		out, inErr string
	}{
		{"the command's status", []string{"--server=embedded", "--", "sh", "-c", "echo hello; exit 7"}, "", 7, "hello\n", "withserver: go-mysql-server"},
		{"flags after -- are the command's", []string{"--server=embedded", "--", "echo", "-v", "--help", "--"}, "", 0, "-v --help --\n", ""},
		{"--dir", []string{"--server=embedded", "--dir=/", "--", "pwd"}, "", 0, "/\n", ""},
		{"ended by a signal", []string{"--server=embedded", "--", "sh", "-c", "kill -KILL $$"}, "", 137, "", ""},
		{"no such command", []string{"--server=embedded", "--", "no-such-command"}, "", 127, "", "no-such-command"},
		{"not a command", []string{"--server=embedded", "--", "/"}, "", 126, "", ""},
		{"an argument that cannot be applied", []string{"--server=embedded", "--arg=--x=1", "--", "true"}, "", 0, "", "without --x=1"},
		{"no real server", []string{"--server=real", "--", "echo", "ran"}, servers.EnvMysqld + "=/nonexistent", 3, "", "/nonexistent"},
		{"a server that does not answer", []string{"--", "echo", "ran"}, servers.EnvDSN + "=root:hush@tcp(127.0.0.1:1)/x", 3, "", "refused"},
		{"no command", nil, "", 2, "", "--help"},
		{"unknown server", []string{"--server=oracle", "--", "true"}, "", 2, "", `"oracle"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := withserver(t.Context(), tt.args...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if tt.env != "" {
				cmd.Env = append(cmd.Env, tt.env)
			}
			err := cmd.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != tt.status {
				t.Errorf("exit status %d, want %d; stderr: %s", got, tt.status, &stderr)
			}
			if stdout.String() != tt.out {
				t.Errorf("stdout %q, want %q", &stdout, tt.out)
			}
			if !strings.Contains(stderr.String(), tt.inErr) {
				t.Errorf("want %q in stderr %q", tt.inErr, &stderr)
			}
			if lines := strings.Count(stderr.String(), "\n"); lines > 1 && tt.status < 126 {
				t.Errorf("want one line on stderr:\n%s", &stderr)
			}
			if strings.Contains(stderr.String(), "hush") {
				t.Error("stderr shows the password")
			}
		})
	}
}

func TestEnvironmentOfTheCommand(t *testing.T) {
	cmd := withserver(t.Context(), "--server=embedded", "--", "env")
	cmd.Env = append(cmd.Env, servers.EnvServer+"=stale")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		servers.EnvDSN + "=root:", servers.EnvUnixDSN + "=root:", servers.EnvTLSDSN + "=root:", servers.EnvServer + "=go-mysql-server",
	} {
		if strings.Count(string(out), want) != 1 {
			t.Errorf("want one %s...", want)
		}
	}
	if strings.Contains(string(out), "stale") {
		t.Error("a variable of before is left")
	}
}

// A signal must end the command with all it started, then the server.
func TestSignalsStopTheCommand(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			ready := filepath.Join(t.TempDir(), "ready")
			// As "go test" does, the command leaves the signal to its child.
			const script = `trap 'exit 42' INT TERM
				sh -c 'trap "echo child; exit" INT TERM; echo $$ >"$0"; for i in $(seq 200); do sleep 0.05; done' "$0"`
			cmd := withserver(t.Context(), "--server=embedded", "--", "sh", "-c", script, ready)
			var stdout bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, os.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for b, _ := os.ReadFile(ready); len(b) == 0; b, _ = os.ReadFile(ready) {
				time.Sleep(10 * time.Millisecond)
			}
			began := time.Now()
			cmd.Process.Signal(sig)
			cmd.Wait()
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			if got := cmd.ProcessState.ExitCode(); got != 42 {
				t.Errorf("exit status %d, want the command's, 42", got)
			}
			if stdout.String() != "child\n" {
				t.Errorf("the child of the command said %q: it got no signal", &stdout)
			}
		})
	}
}

func TestSignalWhileTheServerStarts(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	cmd := withserver(t.Context(), "--", "echo", "ran")
	cmd.Env = append(cmd.Env, servers.EnvDSN+"=root:x@tcp("+silent.Addr().String()+")/x")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := silent.Accept() // it is waiting for the server now
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began := time.Now()
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
	if got := cmd.ProcessState.ExitCode(); got != 130 || stdout.Len() > 0 {
		t.Errorf("exit status %d, want 130; stdout %q", got, &stdout)
	}
}
