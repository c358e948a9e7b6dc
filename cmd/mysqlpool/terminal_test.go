package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	terminal "github.com/buildkite/terminal-to-html/v3"
	"github.com/chromedp/chromedp"
	"github.com/creack/pty"

	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
)

// onTerminal runs the command in a terminal of 80 columns and returns what it
// wrote, and its exit status.
func onTerminal(t *testing.T, args ...string) (out string, status int) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "mysqlpool")
	if b, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, b)
	}
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: columns, Rows: 60})
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	b, err := io.ReadAll(tty)
	if err != nil && !errors.Is(err, syscall.EIO) { // the end, on Linux
		t.Fatal(err)
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

// On a terminal there are colours, and the exit status tells.
func TestOnATerminal(t *testing.T) {
	server := needLocal(t, servers.Options{Args: []string{"--wait_timeout=5"}})
	for _, row := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"demo", "--views=3"}, 0, "\x1b[32m"},
		{[]string{"doctor"}, 0, "\x1b[32mok"},
		{[]string{"doctor", "--dsn=" + server.DSN}, exitFailed, "\x1b[31mproblem"},
	} {
		if out, status := onTerminal(t, row.args...); status != row.status || !strings.Contains(out, row.want) {
			t.Errorf("%s: exit status %d, want %d and %q: %s", row.args[0], status, row.status, row.want, out)
		}
	}
}

// For docs: what demo and doctor look like in a terminal.
func TestTerminalScreenshots(t *testing.T) {
	dir := os.Getenv("MYSQL_POOL_TEST_SCREENSHOTS")
	if dir == "" {
		t.Skip("MYSQL_POOL_TEST_SCREENSHOTS names no folder to write to")
	}
	chromium := needChromium(t)
	server := needLocal(t, servers.Options{Args: []string{"--wait_timeout=10", "--max_prepared_stmt_count=100"}})
	pictures := map[string][]string{
		"demo":         {"demo", "--dsn=" + server.DSN},
		"doctor":       {"doctor", "--dsn=" + server.DSN},
		"doctor-hosts": {"doctor", "--replicas=4", "--dsn=" + threeHosts(t)},
		"doctor-tidb":  {"doctor", "--dsn=" + likeTiDB(t)},
	}
	if os.Getenv("MYSQL_POOL_TEST_ALL_SCREENSHOTS") != "" {
		pictures["doctor-good"] = []string{"doctor", "--dsn=" + needLocal(t, servers.Options{}).DSN}
	}
	for name, args := range pictures {
		out, _ := onTerminal(t, args...)
		shown := append(slices.Clone(args[:len(args)-1]), "--dsn=…")
		p := openTab(t, chromium, "data:text/html;charset=utf-8;base64,"+base64.StdEncoding.EncodeToString([]byte(page("$ mysqlpool "+strings.Join(shown, " ")+"\r\n"+out))))
		p.look(1000, 400, "light")
		p.until("document.fonts.status === 'loaded'")
		const size = `Math.ceil(document.querySelector("#terminal").getBoundingClientRect().%s)`
		p.look(eval[int64](p, fmt.Sprintf(size, "width")), eval[int64](p, fmt.Sprintf(size, "height")), "light")
		png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		writePNG(t, filepath.Join(dir, name+".png"), png)
	}
}

// threeHosts is the DSN of a primary, a read-only server and one that is away.
func threeHosts(t *testing.T) string {
	t.Helper()
	primary, replica, away := needLocal(t, servers.Options{}), needLocal(t, servers.Options{Args: []string{"--read_only=ON"}}), needLocal(t, servers.Options{})
	asUser(t, replica)
	gate := gateTo(t, away)
	gate.Shut()
	user, _, _ := strings.Cut(asUser(t, primary), "@")
	return user + "@tcp(" + strings.Join([]string{addrOf(t, primary.DSN), addrOf(t, replica.DSN), addrOf(t, gate.DSN)}, ",") + ")/"
}

// likeTiDB is the DSN of a server that answers as TiDB does.
func likeTiDB(t *testing.T) string {
	t.Helper()
	return variables(map[string]string{"max_connections": "0", "max_prepared_stmt_count": "-1", "pseudo_thread_id": "", "version": "8.0.11-TiDB-v8.5.0", "version_comment": "TiDB Server"}).
		to(t, needLocal(t, servers.Options{}).DSN)
}

// page is a terminal's output as HTML.
func page(out string) string {
	return `<!doctype html><meta charset="utf-8"><style>
body { margin: 0; background: #fff }
#terminal { display: inline-block; margin: 0; padding: 18px 22px; background: #1d2430; color: #dfe5ee; border-radius: 8px;
	font: 15px/1.35 "DejaVu Sans Mono", "Liberation Mono", monospace; white-space: pre }
.term-fg1 { font-weight: bold; color: #fff } .term-fg31 { color: #ff8a80 } .term-fg32 { color: #8fd694 } .term-fg33 { color: #ffd479 }
</style><pre id="terminal">` + strings.TrimRight(terminal.Render([]byte(out)), "\n") + `</pre>`
}
