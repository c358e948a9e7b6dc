package servers

import (
	"context"
	"errors"
	"fmt"
)

// DurableArgs are Options.Args with which a server that is started here loses
// nothing that it acknowledged when [Server.Crash] kills it. 2 hands the log to
// the kernel before COMMIT is answered, and what the kernel has the end of a
// process cannot take back; 1 would wait for the disk too, which only a power
// cut needs; with 0, which other servers here have, up to a second of it is
// still in the process. The doublewrite buffer is for the page that the kill
// cuts in two: the kernel leaves a write unfinished when a process is killed in
// it.
var DurableArgs = []string{"--innodb-flush-log-at-trx-commit=2", "--innodb-doublewrite=1"}

var errNotOurs = errors.New("the server was not started here as a process of this machine")

// Crash kills a Local server with SIGKILL, and returns when it is gone. Its data
// and its port are kept for Restart. It does nothing to one that is gone. Neither
// is to be called at the same time as the other, or as Stop.
func (s *Server) Crash() error {
	if s.local == nil {
		return fmt.Errorf("crashing %s: %w", s.Name, errNotOurs)
	}
	s.local.proc.kill()
	return nil
}

// Restart starts a Local server again after Crash, on the same data and the same
// port, and returns once it can be used.
func (s *Server) Restart(ctx context.Context) error {
	if s.local == nil {
		return fmt.Errorf("restarting %s: %w", s.Name, errNotOurs)
	}
	if !s.local.proc.ended() {
		return fmt.Errorf("restarting %s: it runs", s.Name)
	}
	if err := s.local.runOn(ctx, s.local.port); err != nil {
		return fmt.Errorf("restarting %s: %w", s.Name, err)
	}
	return nil
}
