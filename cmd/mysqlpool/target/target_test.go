package target

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for dsn, want := range map[string]string{
		"":                               "empty",
		"root:hush":                      "not a DSN",
		"root:hush@host/x":               "not a DSN",
		"root:ssw@hush/x":                "not a DSN: unknown network",
		"root:a/b@hush/x":                "not a DSN: unknown network",
		"root:a/hush@tcp(h:1)":           "not a DSN: no slash after the address",
		"mysql://root:a@hush@h/x":        "not a DSN",
		"root:hush(host)/x":              "no @ after the password",
		"root:hush@tcp(h)/x?strict":      "",
		"root:hush@tcp(h)/x?strict=true": "not a DSN",
		"root:hush@tcp(h:1)/x":           "",
	} {
		_, err := Parse(dsn)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", dsn, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "want user:password@tcp(host:3306)/schema")):
			t.Errorf("%s: got %v, want %q", dsn, err, want)
		case err != nil && strings.Contains(err.Error(), "hush"):
			t.Errorf("%s: the password shows: %v", dsn, err)
		}
	}
}

func TestProduct(t *testing.T) {
	for version, want := range map[string]string{
		"10.11.14-MariaDB-0+deb12u2": "MariaDB 10.11.14", "5.5.5-10.3.1-MariaDB": "MariaDB 10.3.1", "9.7.0": "MySQL 9.7.0",
		"8.0.11-TiDB-v8.5.0": "TiDB v8.5.0", "8.4.6-Vitess": "Vitess, as MySQL 8.4.6",
	} {
		if got := product(version, ""); got != want {
			t.Errorf("%s: got %s, want %s", version, got, want)
		}
	}
}

// said is a Teller that remembers.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) Say(line string) { s.At(line) }
func (s *said) At(doing string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, doing)
}

func (s *said) has(part string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.lines, func(l string) bool { return strings.Contains(l, part) })
}

// Progress follows what go build says, and goes on while the linker says nothing.
func TestSteps(t *testing.T) {
	tell := &said{}
	s := newSteps(tell)
	for _, row := range []struct{ line, want string }{
		{"", "go build runs"},
		{"go: downloading example.com/a v1.0.0", "1 modules downloaded, 0 packages compiled"},
		{"example.com/a", "1 modules downloaded, 1 packages compiled"},
		{"# example.com/a: a warning", "1 modules downloaded, 1 packages compiled"},
		{"github.com/mysqlpool/mysqlpool/cmd/" + programName, "linking"},
	} {
		if row.line != "" {
			s.line(row.line)
		}
		if got := s.String(); !strings.Contains(got, row.want) {
			t.Errorf("%s: got %q, want %q", row.line, got, row.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	go s.tick(ctx)
	for deadline := time.Now().Add(20 * time.Second); !tell.has("linking the embedded server, 1s so far"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("progress stands still: %q", tell.lines)
		}
	}
	cancel()
	s.wait()
}

// A program that does not do as the embedded server does is an error that says
// so.
func TestBadProgram(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it needs /bin/sh")
	}
	for script, want := range map[string]string{
		`echo '{"protocol":99}'; cat`:      "protocol 99, want 1",
		"echo what went wrong >&2; exit 1": "what went wrong",
		"echo nonsense; cat":               "starting the embedded server",
	} {
		path := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if s, err := start(t.Context(), path, time.Second); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v, want %q", script, s, err, want)
		}
	}
	// One that says nothing ends with the context.
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ncat\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := start(ctx, path, time.Second); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// A program that is older than its source is built again.
func TestIsFresh(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	if isFresh(path, time.Time{}) {
		t.Error("one that is not there")
	}
	if err := os.WriteFile(path, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	if !isFresh(path, time.Now().Add(-time.Hour)) || isFresh(path, time.Now().Add(time.Hour)) {
		t.Error("it does not go by the time")
	}
	source, ok := sourceDir()
	if !ok {
		t.Fatal("no source")
	}
	if latest := latestChange(source); time.Since(latest) > 100*365*24*time.Hour {
		t.Errorf("the source was changed at %v", latest)
	}
}
