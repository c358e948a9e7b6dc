package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
	for name, args := range map[string][]string{
		"demo":   {"demo", "--dsn=" + server.DSN},
		"doctor": {"doctor", "--dsn=" + server.DSN},
	} {
		out, _ := onTerminal(t, args...)
		p := openTab(t, chromium, "data:text/html;charset=utf-8;base64,"+base64.StdEncoding.EncodeToString([]byte(page("$ mysqlpool "+args[0]+" --dsn=…\r\n"+out))))
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

// page is a terminal's output as HTML.
func page(out string) string {
	return `<!doctype html><meta charset="utf-8"><style>
body { margin: 0; background: #fff }
#terminal { display: inline-block; margin: 0; padding: 18px 22px; background: #1d2430; color: #dfe5ee; border-radius: 8px;
	font: 15px/1.35 "DejaVu Sans Mono", "Liberation Mono", monospace; white-space: pre }
.term-fg1 { font-weight: bold; color: #fff } .term-fg31 { color: #ff8a80 } .term-fg32 { color: #8fd694 } .term-fg33 { color: #ffd479 }
</style><pre id="terminal">` + strings.TrimRight(terminal.Render([]byte(out)), "\n") + `</pre>`
}
