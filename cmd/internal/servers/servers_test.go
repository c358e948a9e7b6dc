package servers

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

// clearEnv hides from Find what the tests themselves may be run with.
func clearEnv(t *testing.T) {
	for _, name := range []string{EnvDSN, EnvUnixDSN, EnvTLSDSN, EnvImage, EnvMysqld} {
		t.Setenv(name, "")
	}
}

// one starts a server of a kind, and stops it at the end of the test.
func one(t *testing.T, kind Kind, args ...string) *Server {
	t.Helper()
	began := time.Now()
	s, err := Find(t.Context(), Options{Kinds: []Kind{kind}, Args: args, Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	t.Logf("started in %v: version %s", time.Since(began).Round(time.Millisecond), s.Version)
	return s
}

// ask runs a query of one value through dsn on a handle of its own.
func ask(t *testing.T, dsn, query string) string {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var answer string
	if err := db.QueryRowContext(t.Context(), query).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

// checkServer checks what every server that was started here must do.
func checkServer(t *testing.T, s *Server) {
	t.Helper()
	before, err := s.Logins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, dsn := range map[string]string{"TCP": s.DSN, "unix": s.UnixDSN, "TLS": s.TLSDSN} {
		if dsn == "" {
			t.Logf("no %s", name)
			continue
		}
		if got := ask(t, dsn, "SELECT DATABASE()"); got != testSchema {
			t.Errorf("%s: schema %q, want %q", name, got, testSchema)
		}
		before++
	}
	for range 3 { // reading adds nothing
		after, err := s.Logins(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if after != before {
			t.Errorf("the server counted %d logins, want %d", after, before)
		}
	}
	if !strings.Contains(s.DSN, "@tcp(") || strings.Contains(s.DSN, "root:@") {
		t.Error("want a DSN with TCP and a password")
	}

	// A wrong password must be refused, on each way in.
	for _, dsn := range []string{s.DSN, s.UnixDSN, s.TLSDSN} {
		if dsn == "" {
			continue
		}
		wrong := "root:wrong" + dsn[strings.LastIndex(dsn, "@"):]
		if w, err := Open(t.Context(), wrong); err == nil {
			w.Stop()
			t.Errorf("a wrong password was taken: %s", wrong)
		}
	}
}

// checkStopped checks that nothing answers any more.
func checkStopped(t *testing.T, s *Server) {
	t.Helper()
	s.Stop()
	s.Stop() // again is fine
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if again, err := Open(ctx, s.DSN); err == nil {
		again.Stop()
		t.Error("the server answers after Stop")
	}
}

// checkGoroutines waits until no more goroutines run than before.
func checkGoroutines(t *testing.T, before int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	var all strings.Builder
	pprof.Lookup("goroutine").WriteTo(&all, 1)
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, all.String())
}

func TestFindUsesTheDSNFromTheEnvironment(t *testing.T) {
	clearEnv(t)
	e := one(t, Embedded)
	t.Setenv(EnvDSN, e.DSN)
	s, err := Find(t.Context(), Options{Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	if s.Kind != DSN || s.DSN != e.DSN || s.TLSDSN != e.TLSDSN {
		t.Errorf("got %s %q", s.Kind, s.Name)
	}
	if s.Real() {
		t.Error("go-mysql-server passes for a real server")
	}
	s.Stop()
	if got := ask(t, e.DSN, "SELECT 1"); got != "1" {
		t.Error("Stop stopped a server that it had not started")
	}

	_, err = Find(t.Context(), Options{RealOnly: true})
	if !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "not a real server") {
		t.Errorf("RealOnly with go-mysql-server: %v", err)
	}

	t.Setenv(EnvDSN, strings.TrimSuffix(e.DSN, testSchema))
	if _, err = Find(t.Context(), Options{}); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "names no schema") {
		t.Errorf("a DSN without a schema: %v", err)
	}
}

// Who names a server wants that one: nothing else may stand in for it.
func TestFindDoesNotReplaceANamedServer(t *testing.T) {
	for name, value := range map[string]string{
		EnvDSN:    "root:hush@tcp(127.0.0.1:1)/x",
		EnvMysqld: "/nonexistent/mysqld",
	} {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			t.Setenv(name, value)
			s, err := Find(t.Context(), Options{})
			if err == nil {
				s.Stop()
				t.Fatalf("got %s", s.Name)
			}
			if !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), name) {
				t.Errorf("the error must name the variable: %v", err)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestFindSaysWhyNot(t *testing.T) {
	clearEnv(t)
	t.Setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
	_, err := Find(t.Context(), Options{Kinds: []Kind{DSN, Docker}})
	if !errors.Is(err, ErrNone) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{EnvDSN + " is not set", "/nonexistent/docker.sock", "DOCKER_HOST"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in: %v", want, err)
		}
	}
	if _, err = Find(t.Context(), Options{Kinds: []Kind{"oracle"}}); err == nil || !strings.Contains(err.Error(), `"oracle"`) {
		t.Errorf("an unknown kind: %v", err)
	}
}

func TestFindStopsWhenTold(t *testing.T) {
	clearEnv(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, kind := range []Kind{Docker, Local, Embedded} {
		s, err := Find(ctx, Options{Kinds: []Kind{kind}})
		if err == nil {
			s.Stop()
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestOpenHidesThePassword(t *testing.T) {
	for _, dsn := range []string{
		"root:hush",
		"root:hush/db",
		"root:hush(tcp)/db",
		"root:hush@tcp(127.0.0.1:1/db",
		"root:hush@host:3306/db",
		"root:hush@/hush@tcp(h:1)/db",
		"root:hush@tcp(127.0.0.1:1)/db?tls=what",
		"root:hush@tcp(127.0.0.1:1)/db",
		"root:hush@tcp(127.0.0.1:1)/db?timeout=hush",
	} {
		_, err := Open(t.Context(), dsn)
		if err == nil {
			t.Errorf("%s: no error", dsn)
		} else if strings.Contains(strings.TrimSuffix(err.Error(), "timeout=hush"), "hush") {
			t.Errorf("%s: the error shows the password: %v", dsn, err)
		} else {
			t.Log(err)
		}
	}
}

func TestEnv(t *testing.T) {
	s := &Server{DSN: "d", TLSDSN: "t", Name: "n"}
	got := strings.Join(s.Env([]string{"A=1", EnvDSN + "=old", EnvUnixDSN + "=old", "B=2"}), " ")
	want := "A=1 B=2 " + EnvDSN + "=d " + EnvTLSDSN + "=t " + EnvServer + "=n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestPrivateDirIsShortEnoughForASocket(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+strings.Repeat("/long", 20))
	dir, err := privateDir()
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if len(dir) > maxDir {
		t.Errorf("%s has %d bytes", dir, len(dir))
	}
}
