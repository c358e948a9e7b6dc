package latency

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// timer is a timer of the kernel, since time.Sleep rounds up to whole milliseconds where
// nothing else runs.
type timer struct {
	file *os.File
	raw  syscall.RawConn // file's
}

func newTimer() (*timer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	file := os.NewFile(uintptr(fd), "timer")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &timer{file, raw}, nil
}

// sleep returns after that time, or once the timer is closed.
func (t *timer) sleep(d time.Duration) {
	at := unix.ItimerSpec{Value: unix.NsecToTimespec(d.Nanoseconds())}
	closed := t.raw.Control(func(fd uintptr) { unix.TimerfdSettime(int(fd), 0, &at, nil) })
	if closed == nil {
		var expirations [8]byte
		t.file.Read(expirations[:])
	}
}

func (t *timer) close() { t.file.Close() }
