package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/internal/doctor"
	"github.com/mysqlpool/mysqlpool/cmd/servers"
)

// oneDoctor lets one doctor at a time run in this process, of which each at its
// end disposes of every pool.
var oneDoctor sync.Mutex

// runDoctor runs doctor with these arguments.
func runDoctor(t *testing.T, args ...string) (status int, stdout, stderr *bytes.Buffer) {
	t.Helper()
	oneDoctor.Lock()
	defer oneDoctor.Unlock()
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	return run(t.Context(), append([]string{"doctor"}, args...), stdout, stderr), stdout, stderr
}

// examine runs doctor on a server and returns what it found.
func examine(t *testing.T, dsn string) (r doctor.Report) {
	t.Helper()
	status, stdout, stderr := runDoctor(t, "--json", "--dsn="+dsn)
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || stderr.Len() > 0 {
		t.Fatalf("exit status %d: %v: %s", status, err, stderr)
	}
	want := 0
	if !r.OK {
		want = exitFailed
	}
	if amiss := r.Count(doctor.Amiss); status != want || r.OK != (amiss == 0) {
		t.Errorf("exit status %d, want %d: ok %v with %d amiss", status, want, r.OK, amiss)
	}
	return r
}

// found returns the level of a finding.
func found(r doctor.Report, name string) doctor.Finding {
	for _, f := range r.Findings {
		if f.Name == name {
			return f
		}
	}
	return doctor.Finding{}
}

func TestDoctorOnItsOwnServer(t *testing.T) {
	status, stdout, stderr := runDoctor(t)
	if status != 0 || stderr.Len() > 0 {
		t.Fatalf("exit status %d: %s%s", status, stdout, stderr)
	}
	checkDoctor(t, stdout.String())
}

// checkDoctor checks what the text always is.
func checkDoctor(t *testing.T, out string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	for _, line := range lines {
		if n := len([]rune(line)); n > columns || strings.HasSuffix(line, " ") {
			t.Errorf("%d columns wide, or with blanks at its end: %q", n, line)
		}
	}
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "Try next: ") {
		t.Errorf("the last line says not what to try next: %q", last)
	}
	if strings.Contains(out, "\x1b") {
		t.Error("colours, though this is no terminal")
	}
}

// ills are servers that something is wrong with, and what doctor must say.
var ills = []struct {
	name  string
	args  []string
	find  string
	level doctor.Level
	only  string // a flavour that it is tried on
}{
	{"short wait_timeout", []string{"--wait_timeout=5"}, "wait_timeout", doctor.Amiss, ""},
	{"few connections", []string{"--max_connections=10"}, "max_connections", doctor.OK, ""},
	{"too few connections", []string{"--max_connections=7"}, "max_connections", doctor.Amiss, "MySQL"},
	{"few connections for the account", []string{"--max_user_connections=4"}, "max_user_connections", doctor.Amiss, ""},
	{"no statements", []string{"--max_prepared_stmt_count=0"}, "max_prepared_stmt_count", doctor.Amiss, ""},
	{"few statements", []string{"--max_prepared_stmt_count=60"}, "max_prepared_stmt_count", doctor.Hint, ""},
	{"init_connect", []string{"--init_connect=SET @x = 1"}, "session state", doctor.Hint, "MariaDB"},
}

// Each of the three ways that doctor prints mends what it found.
func TestDoctorMends(t *testing.T) {
	for _, ill := range ills {
		t.Run(ill.name, func(t *testing.T) {
			t.Parallel()
			server := needLocal(t, servers.Options{Args: ill.args})
			dsn := asUser(t, server)
			r := examine(t, dsn)
			if ill.only != "" && r.Readings.Flavour != ill.only {
				t.Skipf("not of %s", r.Readings.Flavour)
			}
			f := found(r, ill.find)
			if f.Level != ill.level {
				t.Fatalf("got %+v, want %s", f, ill.level)
			}
			if ill.level == doctor.OK {
				return
			}
			if f.Mend == nil || f.Text == "" {
				t.Fatalf("it does not say how to mend it: %+v", f)
			}
			_, stdout, _ := runDoctor(t, "--dsn="+dsn)
			checkDoctor(t, stdout.String())
			for _, want := range []string{f.Mend.SetGlobal, f.Mend.MyCnf[strings.Index(f.Mend.MyCnf, "\n")+1:], f.Mend.Flag, "is lost when the server restarts"} {
				if !strings.Contains(strings.Join(strings.Fields(stdout.String()), " "), want) {
					t.Errorf("it does not print %q:\n%s", want, stdout)
				}
			}

			mended := func(how string, server *servers.Server) {
				t.Helper()
				if f := found(examine(t, asUser(t, server)), ill.find); f.Level != doctor.OK {
					t.Errorf("%s does not mend it: %+v", how, f)
				}
			}
			if _, err := server.Monitor().ExecContext(t.Context(), f.Mend.SetGlobal); err != nil {
				t.Errorf("%s %v", f.Mend.SetGlobal, err)
			}
			mended(f.Mend.SetGlobal, server)
			server.Stop()
			mended(f.Mend.Flag, needLocal(t, servers.Options{Args: append(slices.Clone(ill.args), f.Mend.Flag)}))
			// The section is as a whole what the user has, with these lines at its end.
			var cnf strings.Builder
			cnf.WriteString("[mysqld]\n")
			for _, arg := range ill.args {
				fmt.Fprintln(&cnf, strings.TrimPrefix(arg, "--"))
			}
			fmt.Fprintln(&cnf, f.Mend.MyCnf)
			mended(f.Mend.MyCnf, needLocal(t, servers.Options{MyCnf: cnf.String()}))
		})
	}
}

// needLocal starts a server of this machine.
func needLocal(t *testing.T, o servers.Options) *servers.Server {
	t.Helper()
	o.Kinds, o.Logf = []servers.Kind{servers.Local}, t.Logf
	server, err := servers.Find(t.Context(), o)
	if err != nil {
		if os.Getenv("MYSQL_POOL_REQUIRE_REAL") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// asUser returns the DSN of somebody without an administrator's rights, for whom
// init_connect and the limits count.
func asUser(t *testing.T, s *servers.Server) string {
	t.Helper()
	for _, query := range []string{"GRANT ALL ON test.* TO doctor@'%' IDENTIFIED BY 'hush'", "CREATE USER IF NOT EXISTS doctor@'%' IDENTIFIED BY 'hush'"} {
		if _, err := s.Monitor().ExecContext(t.Context(), query); err == nil {
			break
		}
	}
	at, rest, _ := strings.Cut(s.DSN, "@")
	_ = at
	return "doctor:hush@" + strings.SplitAfter(rest, "/")[0]
}

// The driver logs how long each connection may live; what doctor says of it is
// what wait_timeout allows, less a second and what chance takes off.
func TestDoctorSaysWhatTheDriverDoes(t *testing.T) {
	server := needLocal(t, servers.Options{Args: []string{"--wait_timeout=100", "--max_connections=50"}})
	r := examine(t, server.DSN+"?@pool_size=7")
	if got := r.Pool.Recycle; got > 99 || got < 99*.974 || math.IsNaN(got) {
		t.Errorf("recycled after %v s, want 96.5 to 99", got)
	}
	if r.Pool.Limit != 47 || r.Readings.Size != 7 || !r.Pool.Statements {
		t.Errorf("got %+v, want 47 at most, pool_size 7, statements kept", r.Pool)
	}
	if r.Readings.RoundTrip.Median <= 0 || r.Readings.Login.Median <= r.Readings.RoundTrip.Median {
		t.Errorf("a login of %+v, a round trip of %+v", r.Readings.Login, r.Readings.RoundTrip)
	}
	if server.TLSDSN != "" {
		if f := found(examine(t, server.TLSDSN), "TLS"); !strings.HasPrefix(f.Value, "TLS") {
			t.Errorf("TLS: got %+v", f)
		}
	}
	if r := examine(t, server.DSN+"?wait_timeout=10"); found(r, "wait_timeout").Level != doctor.Amiss || found(r, "wait_timeout").Mend != nil {
		t.Errorf("the DSN's own: got %+v, want no way to mend it on the server", found(r, "wait_timeout"))
	}
	wantNothingLeft(t, server)
}

func TestDoctorBadInput(t *testing.T) {
	server := oneServer(t)
	for arg, want := range map[string]string{
		"--dsn=nonsense":                                "not a DSN",
		"--dsn=root:hush@tcp(127.0.0.1:1)/x":            "refused",
		"--dsn=root:hush@tcp(127.0.0.1:1,127.0.0.1:2)/": "several hosts",
		"--dsn=" + server.DSN + "?@pool_sizes=1":        "pool_sizes",
		"--jsn":                                         "unknown flag",
	} {
		status, stdout, stderr := runDoctor(t, arg)
		if status != exitUsage || !strings.Contains(stderr.String(), want) || strings.Count(stderr.String(), "\n") != 1 || strings.Contains(stderr.String(), "hush") || stdout.Len() > 0 {
			t.Errorf("%s: exit status %d, want %q in one line: %s%s", arg, status, want, stdout, stderr)
		}
	}
}

// Ctrl-C ends it within a second, and leaves nothing.
func TestDoctorInterrupted(t *testing.T) {
	server := oneServer(t)
	db, err := sql.Open("mysql", server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, after := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond} {
		ctx, cancel := context.WithCancel(t.Context()) // a deadline would reach the dialer as one, and not as Ctrl-C
		timer := time.AfterFunc(after, cancel)
		start := time.Now()
		var stdout, stderr bytes.Buffer
		status := run(ctx, []string{"doctor", "--dsn=" + server.DSN}, &stdout, &stderr)
		timer.Stop()
		cancel()
		if took := time.Since(start); took > time.Second {
			t.Errorf("after %v: it took %v", after, took)
		}
		if status != exitInterrupted && status != 0 {
			t.Errorf("after %v: exit status %d: %s", after, status, &stderr)
		}
	}
	wantNothingLeft(t, server)
}

func TestWrap(t *testing.T) {
	for text, want := range map[string]string{
		"":                "",
		"one two three":   "one two|three",
		"averylongword a": "averylongword|a",
		"äöü äöü äöü":     "äöü äöü|äöü",
	} {
		if got := strings.Join(wrap(text, 8), "|"); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
