package servers

import "syscall"

// ownGroupAndDieWithUs gives a child its own process group, so that a Ctrl-C
// reaches us and not it, and has the kernel kill it when its starter dies.
func ownGroupAndDieWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
