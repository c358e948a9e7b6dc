package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
)

var (
	rowPattern  = regexp.MustCompile(`(?m)^ +(\d+) +(\d+) +(\d+\.\d{3}) ms +(\d+) +(\d+\.\d{3}) ms$`)
	lastPattern = regexp.MustCompile(`(?m)^ +(\d+) logins? +(\d+) logins?$`)
)

// checkDemo checks what every demo of that many views must show.
func checkDemo(t *testing.T, out string, views int) {
	t.Helper()
	rows := rowPattern.FindAllStringSubmatch(out, -1)
	if len(rows) != views {
		t.Fatalf("%d rows, want %d:\n%s", len(rows), views, out)
	}
	var ids [2][]int
	for n, row := range rows {
		if row[1] != strconv.Itoa(n+1) {
			t.Errorf("row %d is numbered %s", n+1, row[1])
		}
		for side, text := range []string{row[2], row[4]} {
			id, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			ids[side] = append(ids[side], id)
		}
	}
	for n := 1; n < views; n++ {
		if ids[0][n] <= ids[0][n-1] {
			t.Errorf("the ids on the left do not climb: %d", ids[0])
		}
		if ids[1][n] != ids[1][0] {
			t.Errorf("the ids on the right are not all the same: %d", ids[1])
		}
	}
	if m := lastPattern.FindStringSubmatch(out); m == nil || m[1] != strconv.Itoa(views) || m[2] != "1" {
		t.Errorf("want %d logins and 1, got %q", views, m)
	}
	if !regexp.MustCompile(`was \d+\.\d times as fast`).MatchString(out) {
		t.Error("no ratio")
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "Try next: ") {
		t.Errorf("the last line says not what to try next: %q", last)
	}
	for _, line := range lines {
		if len(line) > 80 {
			t.Errorf("wider than 80 columns: %q", line)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Error("colours, though this is no terminal")
	}
}

// needEmbedded builds the embedded server's program, so that nothing is said of
// that later.
func needEmbedded(t *testing.T) {
	t.Helper()
	server, err := openEmbedded(t.Context(), time.Minute, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	server.Stop()
}

func TestDemo(t *testing.T) {
	needEmbedded(t)
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"demo"}, &stdout, &stderr); status != 0 || stderr.Len() > 0 {
		t.Fatalf("exit status %d: %s", status, &stderr)
	}
	checkDemo(t, stdout.String(), 20)
	if !strings.Contains(stdout.String(), "server: go-mysql-server") {
		t.Error("it does not say which server")
	}
}

// On the best server there is, over each way in. Not on one that MYSQL_POOL_TEST_DSN
// names: others may log in to that meanwhile, and it counts them too.
func TestDemoWithDSN(t *testing.T) {
	server, err := servers.Find(t.Context(), servers.Options{
		Kinds: []servers.Kind{servers.Local, servers.Embedded}, Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	for name, dsn := range map[string]string{"TCP": server.DSN, "unix": server.UnixDSN, "TLS": server.TLSDSN} {
		if dsn == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			sep := "?"
			if strings.Contains(dsn, "?") {
				sep = "&"
			}
			dsn += sep + "@pool_size=3&@pool_timeout=5"
			var stdout, stderr bytes.Buffer
			if status := run(t.Context(), []string{"demo", "--views=7", "--dsn=" + dsn}, &stdout, &stderr); status != 0 {
				t.Fatalf("exit status %d: %s", status, &stderr)
			}
			checkDemo(t, stdout.String(), 7)
		})
	}
}

func TestDemoBadInput(t *testing.T) {
	server, err := servers.Find(t.Context(), servers.Options{Kinds: []servers.Kind{servers.Embedded}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	at := server.DSN[strings.LastIndex(server.DSN, "@"):]
	for _, tt := range []struct {
		name, arg string
		status    int
		want      string
	}{
		{"not a DSN", "--dsn=root:hush", 1, "want user:password@tcp(host:3306)/schema"},
		{"nobody there", "--dsn=root:hush@tcp(127.0.0.1:1)/", 1, "refused"},
		{"wrong password", "--dsn=root:hush" + at, 1, "Access denied"},
		{"unknown schema", "--dsn=" + server.DSN + "x", 1, "mysqlpool_testx"},
		{"an option without @", "--dsn=" + server.DSN + "?pool_size=3", 1, "take it as @pool_size"},
		{"an unknown option", "--dsn=" + server.DSN + "?@pool_sizee=3", 1, "pool_sizee"},
		{"no views", "--views=0", 2, "1 to 1000"},
		{"unknown flag", "--no-such-flag", 2, "--help"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := run(t.Context(), []string{"demo", tt.arg}, &stdout, &stderr)
			if status != tt.status {
				t.Errorf("exit status %d, want %d", status, tt.status)
			}
			if !strings.Contains(stderr.String(), tt.want) || strings.Count(stderr.String(), "\n") != 1 {
				t.Errorf("want %q in one line, got: %s", tt.want, &stderr)
			}
			if strings.Contains(stderr.String(), "hush") {
				t.Errorf("the password shows: %s", &stderr)
			}
			if stdout.Len() > 0 {
				t.Errorf("stdout: %s", &stdout)
			}
		})
	}
}

// A cancelAt calls cancel when it is written the nth time.
type cancelAt struct {
	n      int
	cancel func()
	when   time.Time
}

func (c *cancelAt) Write(b []byte) (int, error) {
	if c.n--; c.n == 0 {
		c.when = time.Now()
		c.cancel()
	}
	return len(b), nil
}

func TestDemoInterrupted(t *testing.T) {
	check := func(t *testing.T, status int, began time.Time, stderr string) {
		if status != 130 || stderr != "mysqlpool: interrupted\n" {
			t.Errorf("exit status %d, want 130: %s", status, stderr)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
	}
	t.Run("between page views", func(t *testing.T) {
		needEmbedded(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var stderr bytes.Buffer
		stdout := &cancelAt{n: 10, cancel: cancel}
		status := run(ctx, []string{"demo", "--views=1000"}, stdout, &stderr)
		check(t, status, stdout.when, stderr.String())
	})
	t.Run("while the server says nothing", func(t *testing.T) {
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var began time.Time
		go func() {
			if conn, err := silent.Accept(); err == nil {
				defer conn.Close()
				began = time.Now()
				cancel()
				<-t.Context().Done()
			}
		}()
		var stderr bytes.Buffer
		status := run(ctx, []string{"demo", "--dsn=root:x@tcp(" + silent.Addr().String() + ")/"}, &bytes.Buffer{}, &stderr)
		check(t, status, began, stderr.String())
	})
}
