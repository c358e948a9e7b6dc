//go:build !linux

package latency

import "time"

type timer struct{}

func newTimer() (*timer, error) { return &timer{}, nil }

func (t *timer) sleep(d time.Duration) { time.Sleep(d) }

func (t *timer) close() {}
