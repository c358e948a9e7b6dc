//go:build !unix

package main

import (
	"os"
	"os/exec"
)

func ownGroup(*exec.Cmd) {}

func signalGroup(cmd *exec.Cmd, _ os.Signal) { killGroup(cmd) } // there is nothing milder

func killGroup(cmd *exec.Cmd) { cmd.Process.Kill() }

func exitStatus(state *os.ProcessState) int { return state.ExitCode() }
