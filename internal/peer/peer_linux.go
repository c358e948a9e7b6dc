package peer

import (
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

func program(c *net.UnixConn) string {
	raw, err := c.SyscallConn()
	if err != nil {
		return ""
	}
	var peer *syscall.Ucred
	var refused error
	err = raw.Control(func(fd uintptr) {
		peer, refused = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED) // unix(7)
	})
	if err != nil || refused != nil || peer.Pid <= 0 { // 0: of another container
		return ""
	}
	// A pid is one of this process's namespace, and /proc may be another's.
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return ""
	}
	name, err := os.ReadFile("/proc/" + strconv.Itoa(int(peer.Pid)) + "/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(name), "\n")
}
