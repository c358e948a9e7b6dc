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
	name, err := os.ReadFile("/proc/" + strconv.Itoa(int(peer.Pid)) + "/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(name), "\n")
}
