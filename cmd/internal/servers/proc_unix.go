//go:build unix && !linux

package servers

import "syscall"

// ownGroupAndDieWithUs gives a child its own process group, so that a Ctrl-C
// reaches us and not it. That it dies with us is the minder's work alone here.
func ownGroupAndDieWithUs() *syscall.SysProcAttr { return ownGroup() }
