//go:build !linux

package peer

import "net"

func program(*net.UnixConn) string { return "" }
