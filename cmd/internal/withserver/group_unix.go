//go:build unix

package main

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup has cmd start a process group. Signals can then be sent to all that
// the command started: "go test" does not pass a SIGTERM on to the test binary.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func signalGroup(cmd *exec.Cmd, sig os.Signal) {
	syscall.Kill(-cmd.Process.Pid, sig.(syscall.Signal))
}

func killGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

func exitStatus(state *os.ProcessState) int {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return exitFromSignal + int(ws.Signal())
	}
	return state.ExitCode()
}
