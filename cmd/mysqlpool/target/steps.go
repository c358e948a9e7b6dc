package target

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// steps reads what "go build -v" says, and tells how far it is.
type steps struct {
	tell  Teller
	start time.Time
	ended chan struct{}

	mu         sync.Mutex // guards what follows
	downloaded int
	compiled   int
	linking    bool
}

func newSteps(tell Teller) *steps {
	return &steps{tell: tell, start: time.Now(), ended: make(chan struct{})}
}

// line takes a line of go build: a module that it downloads, or a package that it
// compiles. The program's own is the last of these.
func (s *steps) line(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		s.downloaded++
	case strings.HasSuffix(line, "/"+programName):
		s.linking = true
	case !strings.ContainsAny(line, " #"):
		s.compiled++
	}
}

func (s *steps) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := time.Since(s.start).Round(time.Second)
	switch {
	case s.linking:
		return fmt.Sprintf("linking the embedded server, %v so far", took)
	case s.compiled == 0 && s.downloaded == 0:
		return fmt.Sprintf("go build runs, %v so far", took)
	}
	return fmt.Sprintf("%d modules downloaded, %d packages compiled, %v so far", s.downloaded, s.compiled, took)
}

// tick tells until ctx ends: the linker itself says nothing.
func (s *steps) tick(ctx context.Context) {
	defer close(s.ended)
	for tick := time.NewTicker(500 * time.Millisecond); ; {
		s.tell.At(s.String())
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

func (s *steps) wait() { <-s.ended }
