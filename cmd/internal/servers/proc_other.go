//go:build !unix

package servers

import "syscall"

// canStartLocal says whether this system lets us start a server and be sure
// that it ends with us.
const canStartLocal = false

func ownGroupAndDieWithUs() *syscall.SysProcAttr { return nil }
func ownGroup() *syscall.SysProcAttr             { return nil }
func killGroup(int)                              {}
