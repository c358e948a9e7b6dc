package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"time"

	"golang.org/x/term"
)

// grace is how long the command may take to end after a signal.
const grace = 10 * time.Second

// runCommand runs the command to its end and returns the exit status that
// withserver owes. It passes signals on, and kills the command if it is still
// there after grace, or at a second signal.
func runCommand(command []string, dir string, env []string, signals <-chan os.Signal, stderr io.Writer) int {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, env
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	// In a group of its own the command may not read from the terminal: it
	// would be stopped, not answered.
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		cmd.Stdin = os.Stdin
	}
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(stderr, "withserver: running %s: %v\n", command[0], err)
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
			return exitNotFound
		}
		return exitCannotRun
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()

	var kill <-chan time.Time
	for {
		select {
		case <-ended:
			return exitStatus(cmd.ProcessState)
		case sig := <-signals:
			if kill != nil {
				fmt.Fprintf(stderr, "withserver: %v again: killing %s\n", sig, command[0])
				killGroup(cmd)
				continue
			}
			signalGroup(cmd, sig)
			kill = time.After(grace)
		case <-kill:
			fmt.Fprintf(stderr, "withserver: %s still runs %v after the signal: killing it\n", command[0], grace)
			killGroup(cmd)
		}
	}
}
