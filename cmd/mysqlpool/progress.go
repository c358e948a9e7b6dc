package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"
)

// progress is one line on a terminal that says how far a long command is.
// Elsewhere it writes nothing.
type progress struct {
	to         *os.File // nil: nobody looks
	all, ended int
	start      time.Time
}

func newProgress(to *os.File, all int) *progress {
	p := &progress{all: all, start: time.Now()}
	if term.IsTerminal(int(to.Fd())) {
		p.to = to
	}
	return p
}

// at says what is done now.
func (p *progress) at(what string) {
	p.ended++
	if p.to == nil {
		return
	}
	left := ""
	if done := p.ended - 1; done > 0 {
		took := time.Since(p.start)
		left = fmt.Sprintf(", %v left", (took * time.Duration(p.all-done) / time.Duration(done)).Round(time.Second))
	}
	fmt.Fprintf(p.to, "\r\x1b[K%3d %%  %s%s", 100*(p.ended-1)/p.all, what, left)
}

// skip leaves out steps that will not come.
func (p *progress) skip(n int) { p.all -= n }

// done clears the line.
func (p *progress) done() {
	if p.to != nil {
		fmt.Fprint(p.to, "\r\x1b[K")
		p.to = nil
	}
}
