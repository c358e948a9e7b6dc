//go:build unix

package servers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// needLocal skips a test on machines without a mariadbd or mysqld.
func needLocal(t *testing.T) *binary {
	t.Helper()
	named := os.Getenv(EnvMysqld)
	clearEnv(t)
	t.Setenv(EnvMysqld, named)
	b, err := findBinary(t.Context())
	if err != nil {
		t.Skip(err)
	}
	return b
}

// startedLocal starts a server and returns what started it, too.
func startedLocal(t *testing.T, l *local) *Server {
	t.Helper()
	l.binary, l.logf = needLocal(t), t.Logf
	if l.freePort == nil {
		l.freePort = freePort
	}
	s, err := l.start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// gone waits until no process of that number is left, not even a zombie.
func gone(pid int) bool {
	for range 500 {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

func TestLocal(t *testing.T) {
	b := needLocal(t)
	s := one(t, Local, "--max-connections=77")
	if !s.Real() || s.UnixDSN == "" || b.canTLS() && s.TLSDSN == "" {
		t.Errorf("real %v, TLS %v, unix %v", s.Real(), s.TLSDSN != "", s.UnixDSN != "")
	}
	checkServer(t, s)
	if got := ask(t, s.DSN, "SELECT @@max_connections"); got != "77" {
		t.Errorf("max_connections %s: the argument did not arrive", got)
	}
	checkStopped(t, s)
}

func TestLocalLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	l := &local{}
	s := startedLocal(t, l)
	pid, minder := l.proc.cmd.Process.Pid, l.proc.minder.cmd.Process.Pid
	began := time.Now()
	s.Stop()
	t.Logf("stopped in %v", time.Since(began))
	if !gone(pid) || !gone(minder) {
		t.Error("a process is left")
	}
	checkGoroutines(t, before)
	if exists(l.dir) {
		t.Errorf("%s is left", l.dir)
	}
}

func TestLocalServerThatDiesIsCleanedUp(t *testing.T) {
	l := &local{}
	s := startedLocal(t, l)
	killGroup(l.proc.cmd.Process.Pid)
	<-l.proc.done
	s.Stop()
	if exists(l.dir) {
		t.Errorf("%s is left", l.dir)
	}
}

func TestLocalTakesAnotherPortWhenItsOwnIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tries := 0
	startedLocal(t, &local{freePort: func() (int, error) {
		tries++
		if tries == 1 {
			return taken.Addr().(*net.TCPAddr).Port, nil
		}
		return freePort()
	}})
	if tries != 2 {
		t.Errorf("%d tries, want 2", tries)
	}
}

func TestLocalThatCannotStartShowsItsLog(t *testing.T) {
	needLocal(t)
	checkLeavesNothing(t, func() {
		_, err := Find(t.Context(), Options{Kinds: []Kind{Local}, Args: []string{"--no-such-option"}})
		if !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "no-such-option") {
			t.Errorf("want the server's own words: %v", err)
		}
	})
}

func TestLocalStartTimeout(t *testing.T) {
	needLocal(t)
	began := time.Now()
	checkLeavesNothing(t, func() {
		_, err := Find(t.Context(), Options{Kinds: []Kind{Local}, StartTimeout: 100 * time.Millisecond})
		if err == nil || !strings.Contains(err.Error(), "longer than 100ms") {
			t.Errorf("got %v", err)
		}
	})
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

// checkLeavesNothing runs f with a temporary directory of its own (and a short
// name, for sockets), and checks that it is empty afterwards.
func checkLeavesNothing(t *testing.T, f func()) {
	t.Helper()
	dir, err := os.MkdirTemp("", "t")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	t.Setenv("TMPDIR", dir)
	f()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

// The parent of the next test: it starts a server, says where, and waits to be
// killed.
func TestMain(m *testing.M) {
	if os.Getenv("SERVERS_TEST_PARENT") == "" {
		os.Exit(m.Run())
	}
	b, err := findBinary(context.Background())
	if err != nil {
		panic(err)
	}
	l := &local{binary: b, freePort: freePort, logf: func(string, ...any) {}}
	if _, err := l.start(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println(l.proc.cmd.Process.Pid, l.proc.minder.cmd.Process.Pid, l.dir)
	select {}
}

func TestLocalDiesWithItsParent(t *testing.T) {
	needLocal(t)
	for _, how := range []string{"parent alone", "parent and minder"} {
		t.Run(how, func(t *testing.T) {
			parent := exec.Command(os.Args[0])
			parent.Env = append(os.Environ(), "SERVERS_TEST_PARENT=1")
			parent.Stderr = os.Stderr
			out, err := parent.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			var pid, minder int
			var dir string
			line, err := bufio.NewReader(out).ReadString('\n')
			if err == nil {
				_, err = fmt.Sscan(line, &pid, &minder, &dir)
			}
			if err != nil {
				parent.Process.Kill()
				io.Copy(io.Discard, out)
				t.Fatalf("the parent said %q: %v", line, err)
			}
			if !exists(dir) || syscall.Kill(pid, 0) != nil {
				t.Fatalf("no server %d in %s", pid, dir)
			}
			if how == "parent and minder" {
				if runtime.GOOS != "linux" {
					parent.Process.Kill()
					parent.Wait()
					gone(pid)
					t.Skip("only Linux kills a child with its parent")
				}
				syscall.Kill(minder, syscall.SIGKILL)
				defer os.RemoveAll(dir)
			}
			began := time.Now()
			parent.Process.Kill()
			parent.Wait()
			if !gone(pid) {
				syscall.Kill(-pid, syscall.SIGKILL)
				t.Fatalf("server %d outlived its parent", pid)
			}
			t.Logf("gone after %v", time.Since(began))
			if how == "parent alone" {
				for n := 0; exists(dir); n++ {
					if n == 500 {
						t.Fatalf("%s is left", dir)
					}
					time.Sleep(10 * time.Millisecond)
				}
				if !gone(minder) {
					t.Error("the minder is left")
				}
			}
		})
	}
}
