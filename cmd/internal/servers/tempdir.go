package servers

import "os"

// maxDir is how long a directory's path may be, so that the path of a unix
// socket in it stays below the 104 bytes that macOS allows (Linux: 108).
const maxDir = 80

// privateDir makes a directory that only this user can enter, short enough to
// hold a unix socket.
func privateDir() (string, error) {
	const pattern = "mysqlpool-"
	parent := os.TempDir()
	if len(parent)+len(pattern)+12 > maxDir {
		parent = "/tmp"
	}
	return os.MkdirTemp(parent, pattern)
}
