package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/internal/doctor"
)

// runQuick runs a command that needs no server.
func runQuick(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestHelpAndVersion(t *testing.T) {
	_, long, _ := runQuick(t, "--help")
	for _, args := range [][]string{{}, {"help"}} {
		if status, out, errs := runQuick(t, args...); status != 0 || out != long || errs != "" {
			t.Errorf("%q: exit status %d, want 0 and what --help says: %s%s", args, status, out, errs)
		}
	}
	for _, command := range []string{"demo", "watch", "doctor", "size", "bench", "completion", "help"} {
		_, want, _ := runQuick(t, command, "--help")
		if status, out, _ := runQuick(t, "help", command); command != "help" && (status != 0 || out != want) {
			t.Errorf("help %s: exit status %d: %s", command, status, out)
		}
		for line := range strings.Lines(want) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > columns {
				t.Errorf("%s --help: %d columns wide: %q", command, n, line)
			}
		}
		if !strings.Contains(long, "  "+command) {
			t.Errorf("--help does not name %s", command)
		}
	}
	if status, out, _ := runQuick(t, "help", "nonsense"); status != exitUsage || out != "" {
		t.Errorf("help nonsense: exit status %d: %s", status, out)
	}
	if status, out, _ := runQuick(t, "--version"); status != 0 || !regexp.MustCompile(`^mysqlpool.* go1\.\d+.*\)\n$`).MatchString(out) {
		t.Errorf("--version: exit status %d: %s", status, out)
	}
}

// An error that is of several is one line.
func TestOneLine(t *testing.T) {
	err := fmt.Errorf("mysqlpool: none answers: %w", errors.Join(io.EOF, net.ErrClosed))
	if got, want := oneLine(err), "none answers: EOF; use of closed network connection"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The shells say what they would complete.
func TestCompletion(t *testing.T) {
	_, script, _ := runQuick(t, "completion", "bash")
	complete := func(t *testing.T, shell string, words ...string) []string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), shell, "-c", script+`
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mysqlpool; echo "${COMPREPLY[@]}"`, "x")
		cmd.Args = append(cmd.Args, words...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.Fields(string(out))
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	for _, row := range []struct {
		words, want string
	}{
		{"mysqlpool d", "demo doctor"},
		{"mysqlpool --v", "--version"},
		{"mysqlpool doctor --r", "--replicas="},
		{"mysqlpool doctor --j", "--json"},
		{"mysqlpool help wa", "watch"},
		{"mysqlpool completion f", "fish"},
		{"mysqlpool bench --json=x --rounds=5 --ro", "--rounds= --round-time="},
	} {
		got := complete(t, bash, strings.Fields(row.words)...)
		want := strings.Fields(row.want)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", row.words, got, want)
		}
	}
	for _, shell := range []string{"zsh", "fish"} {
		status, script, _ := runQuick(t, "completion", shell)
		for _, want := range []string{"doctor", "replicas", "fish"} {
			if status != 0 || !strings.Contains(script, want) {
				t.Errorf("%s: exit status %d, no %s", shell, status, want)
			}
		}
		if path, err := exec.LookPath(shell); err == nil {
			cmd := exec.CommandContext(t.Context(), path, "-n")
			cmd.Stdin = strings.NewReader(script)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s does not take it: %v: %s", shell, err, out)
			}
		}
	}
	if status, _, _ := runQuick(t, "completion", "ksh"); status != exitUsage {
		t.Errorf("ksh: exit status %d", status)
	}
}

// The JSON's keys are those that its documentation names, and no others.
func TestDoctorJSONKeys(t *testing.T) {
	text, err := os.ReadFile("../../docs/doctor-json.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_.\\[\\]]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, m[1])
	}
	keys := keysOf("", reflect.TypeFor[doctor.Report]())
	slices.Sort(documented)
	slices.Sort(keys)
	for _, key := range keys {
		if !slices.Contains(documented, key) {
			t.Errorf("%s is not in docs/doctor-json.md", key)
		}
	}
	for _, key := range documented {
		if !slices.Contains(keys, key) {
			t.Errorf("%s is in docs/doctor-json.md, and not in the report", key)
		}
	}
	if !strings.Contains(string(text), fmt.Sprintf("`format` is %d", doctor.Format)) {
		t.Errorf("docs/doctor-json.md does not say that format is %d", doctor.Format)
	}
}

// keysOf is the JSON keys of a type, with those that contain them.
func keysOf(prefix string, of reflect.Type) (keys []string) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	switch {
	case of.Kind() == reflect.Slice:
		return keysOf(prefix+"[]", of.Elem())
	case of.Kind() != reflect.Struct || of == reflect.TypeFor[time.Time]():
		return []string{prefix}
	}
	for i := range of.NumField() {
		f := of.Field(i)
		if !f.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if prefix != "" {
			name = prefix + "." + name
		}
		keys = append(keys, keysOf(name, f.Type)...)
	}
	return keys
}

// The examples in the documentation are of what there is.
func TestDoctorJSONIsWhatDoctorPrints(t *testing.T) {
	server := oneServer(t)
	_, stdout, stderr := runDoctor(t, "--json", "--dsn="+server.DSN)
	d := json.NewDecoder(stdout)
	d.DisallowUnknownFields()
	var r doctor.Report
	if err := d.Decode(&r); err != nil || r.Format != doctor.Format || len(r.Hosts) != 1 {
		t.Errorf("%v: %+v %s", err, r, stderr)
	}
}

// The command is built without the embedded server, Docker, toxiproxy and what
// draws plots.
func TestCommandIsSmall(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	for _, heavy := range []string{"dolthub", "docker", "toxiproxy", "gonum.org", "prometheus", "/cmd/internal/servers", "/cmd/internal/faults"} {
		for _, p := range packages {
			if strings.Contains(p, heavy) {
				t.Errorf("it imports %s", p)
			}
		}
	}
	binary := filepath.Join(t.TempDir(), "mysqlpool")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	if most := int64(20 << 20); info.Size() > most {
		t.Errorf("it has %d bytes, want %d at most", info.Size(), most)
	}
	cmd := exec.CommandContext(t.Context(), binary, "--help")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if took := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); took > 200*time.Millisecond {
		t.Errorf("--help takes %v of CPU, want 200 ms at most", took)
	}
}

// Files are opened before the long run: what cannot be written is told at once,
// and a run that fails leaves what was there.
func TestBenchOpensFilesFirst(t *testing.T) {
	server := oneServer(t)
	dir := t.TempDir()
	start := time.Now()
	for flag, path := range map[string]string{"--json": filepath.Join(dir, "none", "b.json"), "--plot": dir, "--html": dir} {
		// A round would take a minute.
		status, stdout, stderr := runQuick(t, "bench", "--round-time=1m", "--dsn="+server.DSN, flag+"="+path)
		if status != exitFailed || !strings.HasPrefix(stderr, "mysqlpool: "+flag+": ") || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%s: exit status %d: %s", flag, status, stderr)
		}
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	there, made := filepath.Join(dir, "there"), filepath.Join(dir, "made")
	if err := os.WriteFile(there, []byte("precious, and longer than nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := runQuick(t, "bench", "--dsn=root:x@tcp(127.0.0.1:1)/", "--json="+there, "--plot="+made); status != exitFailed {
		t.Errorf("nobody there: exit status %d", status)
	}
	if b, err := os.ReadFile(there); err != nil || string(b) != "precious, and longer than nothing" {
		t.Errorf("a run that failed changed the file: %q, %v", b, err)
	}
	if _, err := os.Stat(made); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a run that failed left a file: %v", err)
	}
	o, err := openOutput(there)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.finish([]byte("short")); err != nil {
		t.Fatal(err)
	}
	o.abandon()
	if b, err := os.ReadFile(there); err != nil || string(b) != "short" {
		t.Errorf("got %q, %v, want what was written and no more", b, err)
	}
}

// What is logged stands above the line of progress, which stays in one place.
func TestProgressAndLog(t *testing.T) {
	tty, far, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	if err := pty.Setsize(far, &pty.Winsize{Cols: 30, Rows: 10}); err != nil {
		t.Fatal(err)
	}
	p := newProgress(far, 4)
	p.at("one")
	fmt.Fprintln(p, "a line of a log")
	p.at("two, of which there is more to say than fits")
	io.WriteString(p, "cut off")
	p.done()
	fmt.Fprintln(p, "the end")
	far.Close()
	b, _ := io.ReadAll(tty)
	const clear = "\r\x1b[K"
	line := "  0 %  one"
	long := " 25 %  two, of which there i…"
	want := clear + line + clear + "a line of a log\r\n" + line + clear + long
	got := regexp.MustCompile(`, \d+s left`).ReplaceAllString(string(b), "")
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, clear+"cut off\r\n"+long+clear+"the end\r\n") {
		t.Errorf("got  %q\nwant %q…", got, want)
	}
	for l := range strings.SplitSeq(strings.ReplaceAll(string(b), clear, "\n"), "\n") {
		if n := len([]rune(strings.TrimSuffix(l, "\r"))); n >= 30 {
			t.Errorf("%d columns on a terminal of 30: %q", n, l)
		}
	}
	// Elsewhere it says little.
	var out bytes.Buffer
	q := newProgress(&out, 2)
	q.at("one")
	q.At("two")
	q.Say("three")
	q.done()
	if out.String() != "three\n" {
		t.Errorf("without a terminal: got %q", &out)
	}
	q.said = time.Now().Add(-sayEvery)
	q.at("two of two")
	q.At("four")
	if out.String() != "three\nfour\n" {
		t.Errorf("after half a minute: got %q", &out)
	}
}

func TestDemoOfFewViews(t *testing.T) {
	server := oneServer(t)
	for views, want := range map[string]string{"2": "too few to compare", "5": "times as fast"} {
		_, out, _ := runQuick(t, "demo", "--views="+views, "--dsn="+server.DSN)
		if other := map[string]string{"2": "times as fast", "5": "too few"}[views]; !strings.Contains(out, want) || strings.Contains(out, other) {
			t.Errorf("%s views: want %q:\n%s", views, want, out)
		}
	}
}

// What watch prints can be opened, whatever it listens on.
func TestWatchAddressWorks(t *testing.T) {
	server := oneServer(t)
	for _, listen := range []string{":0", "0.0.0.0:0", "127.0.0.1:0"} {
		w := startWatch(t, "--listen="+listen, "--dsn="+server.DSN)
		if !strings.HasPrefix(w.url, "http://127.0.0.1:") {
			t.Errorf("--listen=%s: it prints %s", listen, w.url)
		}
		w.state(t) // fails if it cannot be asked
		w.stop()
	}
}

// The embedded server's program is built once, and ends with the command,
// however that ends.
func TestEmbeddedServerEndsWithTheCommand(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("it reads /proc")
	}
	binary := filepath.Join(t.TempDir(), "mysqlpool")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), binary, "watch", "--listen=127.0.0.1:0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := &bytes.Buffer{}
	for b := make([]byte, 1); !strings.Contains(seen.String(), "until Ctrl-C"); {
		if _, err := stdout.Read(b); err != nil {
			t.Fatalf("%v: %s", err, seen)
		}
		seen.Write(b)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
	if err != nil {
		t.Skip(err)
	}
	pids := strings.Fields(string(children))
	for _, task := range mustGlob(t, fmt.Sprintf("/proc/%d/task/*/children", cmd.Process.Pid)) {
		if b, err := os.ReadFile(task); err == nil {
			pids = append(pids, strings.Fields(string(b))...)
		}
	}
	if len(pids) == 0 {
		t.Fatal("the embedded server has no process")
	}
	cmd.Process.Kill()
	cmd.Wait()
	for _, pid := range pids {
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			status, err := os.ReadFile("/proc/" + pid + "/status")
			if err != nil || strings.Contains(string(status), "State:\tZ") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the embedded server (%s) is left behind", pid)
			}
		}
	}
}

func mustGlob(t *testing.T, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
