package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/internal/faults"
	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
)

// A watching is a running "mysqlpool watch".
type watching struct {
	url    string
	cancel context.CancelFunc
	ended  chan int // gets the exit status
	stderr *lines
}

// lines is what a command writes, for others to read meanwhile.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
	url chan string
}

var urlPattern = regexp.MustCompile(`http://\S+`)

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if url := urlPattern.Find(b); url != nil && l.url != nil {
		l.url <- string(url)
	}
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func startWatch(t *testing.T, args ...string) *watching {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watching{cancel: cancel, ended: make(chan int, 1), stderr: &lines{}}
	stdout := &lines{url: make(chan string, 1)}
	go func() {
		w.ended <- run(ctx, append([]string{"watch", "--listen=127.0.0.1:0"}, args...), stdout, w.stderr)
	}()
	t.Cleanup(func() {
		cancel()
		w.ended <- <-w.ended
	})
	select {
	case w.url = <-stdout.url:
	case status := <-w.ended:
		w.ended <- status
		t.Fatalf("exit status %d: %s", status, w.stderr)
	}
	return w
}

// stop is Ctrl-C, and says how long it took.
func (w *watching) stop() (status int, took time.Duration) {
	began := time.Now()
	w.cancel()
	status = <-w.ended
	took = time.Since(began)
	w.ended <- status
	return status, took
}

func (w *watching) post(t *testing.T, path string) {
	t.Helper()
	answer, err := http.Post(w.url+path, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		text, _ := io.ReadAll(answer.Body)
		t.Fatalf("POST %s: %s: %s", path, answer.Status, text)
	}
}

// A watchState is what these tests read of the state.
type watchState struct {
	Server struct {
		Up    bool
		Error string
	}
	Load struct {
		On, Arguments bool
		AtATime       int
	}
	Hosts []struct {
		Addr, Role, State, Reason string
		Up                        bool
		Since                     int64
		Connections               [2]int
		Warnings                  []string
	}
	Warnings []string
	Sides    [2]struct {
		Driver         string
		Served, Failed int
		Connections    []struct{ ID int }
	}
	Samples []struct{ Connections [2]*int }
}

func (w *watching) state(t *testing.T) (s watchState) {
	t.Helper()
	answer, err := http.Get(w.url + "state")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// until asks for the state until it is as wanted.
func (w *watching) until(t *testing.T, what string, wanted func(watchState) bool) {
	t.Helper()
	var s watchState
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		if s = w.state(t); wanted(s) {
			return
		}
	}
	t.Fatalf("it never came about that %s: %+v", what, s)
}

// underLoad switches the load on.
func (w *watching) underLoad(t *testing.T, atATime int) {
	t.Helper()
	w.post(t, fmt.Sprintf("load?on=true&at=%d&arguments=true", atATime))
	w.until(t, "both sides serve", func(s watchState) bool { return s.Sides[0].Served > 2 && s.Sides[1].Served > 2 })
}

// watchedServer is the best there is whose connections are all ours.
func watchedServer(t *testing.T) *servers.Server {
	t.Helper()
	server, err := servers.Find(t.Context(), servers.Options{
		Kinds: []servers.Kind{servers.Local, servers.Embedded}, Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

func gateTo(t *testing.T, server *servers.Server) *faults.Gate {
	t.Helper()
	gate, err := faults.NewGate(t.Context(), server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	return gate
}

// connections are those on the server but the one that asks.
func connections(t *testing.T, server *servers.Server) (n int) {
	t.Helper()
	err := server.Monitor().QueryRowContext(t.Context(),
		"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE id <> CONNECTION_ID() AND user NOT IN ('system user', 'event_scheduler')").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWatchInterrupted(t *testing.T) {
	check := func(t *testing.T, w *watching) {
		t.Helper()
		status, took := w.stop()
		if status != 0 || w.stderr.String() != "" {
			t.Errorf("exit status %d, want 0 and no word: %s", status, w.stderr)
		}
		if took > time.Second {
			t.Errorf("it took %v, want a second at most", took)
		}
		if c, err := net.Dial("tcp", strings.Trim(w.url, "htp:/")); err == nil {
			c.Close()
			t.Error("the page is still served")
		}
	}
	t.Run("under load", func(t *testing.T) {
		server := watchedServer(t)
		w := startWatch(t, "--dsn="+server.DSN)
		w.underLoad(t, 8)
		if connections(t, server) == 0 {
			t.Fatal("no connections under load: the check below could not fail")
		}
		check(t, w)
		for deadline := time.Now().Add(10 * time.Second); ; <-time.After(10 * time.Millisecond) {
			n := connections(t, server)
			if n == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d connections are left on the server", n)
			}
		}
	})
	t.Run("with the embedded server", func(t *testing.T) {
		needEmbedded(t)
		w := startWatch(t)
		w.underLoad(t, 1)
		check(t, w)
	})
	t.Run("while the server says nothing", func(t *testing.T) {
		gate := gateTo(t, watchedServer(t))
		w := startWatch(t, "--dsn="+gate.DSN)
		w.underLoad(t, 1)
		if err := gate.Silence(); err != nil {
			t.Fatal(err)
		}
		w.until(t, "the server is unreachable", func(s watchState) bool { return !s.Server.Up })
		status, took := w.stop()
		if status != 0 || took > time.Second {
			t.Errorf("exit status %d after %v, want 0 within a second", status, took)
		}
	})
}

func TestWatchServerAway(t *testing.T) {
	server := watchedServer(t)
	gate := gateTo(t, server)
	w := startWatch(t, "--dsn="+gate.DSN)
	w.underLoad(t, 1)
	for range 2 {
		gate.Shut()
		w.until(t, "the server is unreachable", func(s watchState) bool { return !s.Server.Up })
		s := w.state(t)
		if s.Server.Error == "" || len(s.Sides[1].Connections) > 0 {
			t.Errorf("an unreachable server: %+v, want why, and no connections", s)
		}
		if n := len(s.Samples); n > 0 && s.Samples[n-1].Connections[0] != nil {
			t.Error("connections are counted on an unreachable server")
		}
		w.until(t, "requests fail on both sides", func(s watchState) bool { return s.Sides[0].Failed > 0 && s.Sides[1].Failed > 0 })
		if err := gate.Open(); err != nil {
			t.Fatal(err)
		}
		w.until(t, "the server is back", func(s watchState) bool { return s.Server.Up })
		before := w.state(t)
		w.until(t, "both sides serve again", func(s watchState) bool {
			return s.Sides[0].Served > before.Sides[0].Served && s.Sides[1].Served > before.Sides[1].Served && len(s.Sides[1].Connections) > 0
		})
	}
	if said := w.stderr.String(); strings.Count(said, "is unreachable: ") != 2 || strings.Count(said, "answers again\n") != 2 {
		t.Errorf("want two lines for going away and two for coming back, got:\n%s", said)
	}
	w.stop()
	password := strings.SplitN(strings.SplitN(server.DSN, "@", 2)[0], ":", 2)[1]
	if strings.Contains(w.stderr.String(), password) {
		t.Errorf("the password shows: %s", w.stderr)
	}
}

func TestWatchBadInput(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		want   string
	}{
		{"no port", []string{"--listen=127.0.0.1"}, 2, "want host:port"},
		{"a port in use", []string{"--listen=" + taken.Addr().String()}, 1, "takes any free port"},
		{"two hosts, and nobody there", []string{"--dsn=root:hush@tcp(127.0.0.1:1,127.0.0.1:2)/"}, 1, "none of the hosts answers"},
		{"not a DSN", []string{"--dsn=root:hush"}, 1, "want user:password@tcp(host:3306)/schema"},
		{"nobody there", []string{"--dsn=root:hush@tcp(127.0.0.1:1)/"}, 1, "refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			args := append([]string{"watch", "--listen=127.0.0.1:0"}, tt.args...)
			if status := run(t.Context(), args, &stdout, &stderr); status != tt.status {
				t.Errorf("exit status %d, want %d", status, tt.status)
			}
			if !strings.Contains(stderr.String(), tt.want) || strings.Count(stderr.String(), "\n") != 1 {
				t.Errorf("want %q in one line, got: %s", tt.want, &stderr)
			}
			if strings.Contains(stderr.String(), "hush") || stdout.Len() > 0 {
				t.Errorf("stdout: %s\nstderr: %s", &stdout, &stderr)
			}
		})
	}
}

func TestWatchWarnsOfOtherMachines(t *testing.T) {
	w := startWatch(t, "--listen=0.0.0.0:0")
	_, port, err := net.SplitHostPort(strings.Trim(w.url, "htp:/"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "can be reached from other machines"; !strings.Contains(w.stderr.String(), want) {
		t.Errorf("want a warning with %q, got: %s", want, w.stderr)
	}
	for host, want := range map[string]int{
		"127.0.0.1:" + port: http.StatusOK, "localhost:" + port: http.StatusOK,
		"192.0.2.1:" + port: http.StatusMisdirectedRequest, "example.org:" + port: http.StatusMisdirectedRequest,
	} {
		r, err := http.NewRequest("GET", fmt.Sprintf("http://127.0.0.1:%s/", port), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("Host %s: status %d, want %d", host, answer.StatusCode, want)
		}
	}
}
