//go:build unix

package servers

import "syscall"

// canStartLocal says whether this system lets us start a server and be sure
// that it ends with us.
const canStartLocal = true

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills the process group of a child that has not been reaped.
func killGroup(pid int) { syscall.Kill(-pid, syscall.SIGKILL) }
