package servers

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// A process is a server that this process started, together with its minder.
type process struct {
	cmd    *exec.Cmd
	done   chan struct{} // closed once it has ended and been reaped
	err    error         // why it ended, valid then
	minder *minder
}

// startProcess starts cmd, which runs until it ends by itself or kill is
// called, and at the longest until this process dies, in whatever way: then dir
// is removed too.
func startProcess(cmd *exec.Cmd, dir string) (*process, error) {
	cmd.SysProcAttr = ownGroupAndDieWithUs()
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// On Linux the kernel kills the server when the *thread* that started
		// it ends. So this goroutine keeps its thread until the server is gone.
		runtime.LockOSThread()
		err := cmd.Start()
		if err == nil {
			if p.minder, err = startMinder(cmd.Process.Pid, dir); err != nil {
				killGroup(cmd.Process.Pid)
				cmd.Wait()
			}
		}
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		p.minder.serverGone()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// ended reports whether the process is gone.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill ends the process and all of its group at once, and returns when it is
// gone. What it served was made to be thrown away, so it need not say goodbye.
func (p *process) kill() {
	if !p.ended() {
		killGroup(p.cmd.Process.Pid)
		<-p.done
	}
	p.minder.dismiss()
}

// A minder is a shell that outlives this process if need be. SIGKILL leaves us
// no time to clean up, and only Linux kills a child with its parent: so the
// minder waits for the end of a pipe that only we hold open.
type minder struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

// The pipe ends without a line when we died: then the server's group is killed.
// A line says that the server is gone, and its number perhaps someone else's.
// The second rm is for a server that was still writing during the first.
const minderScript = `trap '' INT TERM HUP
read -r gone || kill -KILL -- "-$1"
cat >/dev/null
rm -rf -- "$2" || { sleep 1; rm -rf -- "$2"; }`

func startMinder(pid int, dir string) (*minder, error) {
	cmd := exec.Command("/bin/sh", "-c", minderScript, "mysqlpool-minder", fmt.Sprint(pid), dir)
	cmd.SysProcAttr = ownGroup() // a Ctrl-C is not for it
	cmd.Dir = "/"
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the shell that cleans up after us: %w", err)
	}
	return &minder{cmd, pipe}, nil
}

// serverGone tells the minder to kill nothing any more.
func (m *minder) serverGone() { io.WriteString(m.pipe, "gone\n") }

// dismiss ends the minder. Cleaning up is the caller's from here.
func (m *minder) dismiss() {
	m.cmd.Process.Kill()
	m.cmd.Wait()
}

// logTail returns what a server's log says went wrong, for an error message: its
// last errors, or its last lines where it names none; indented, and without the
// password.
func logTail(file, password string) string {
	log, err := os.ReadFile(file)
	if err != nil {
		return "  (no log: " + err.Error() + ")"
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	if errs := slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		return !strings.Contains(line, "[ERROR]")
	}); len(errs) > 0 {
		lines = errs
	}
	lines = lines[max(0, len(lines)-15):]
	return strings.ReplaceAll("  "+strings.Join(lines, "\n  "), password, "***")
}
