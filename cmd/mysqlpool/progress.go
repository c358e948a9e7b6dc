package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// progress is one line at the end of what a terminal shows, that says how far a
// long command is. What is written to it appears above that line. Elsewhere than on
// a terminal there is no such line; what At gets is written out every half minute.
type progress struct {
	start    time.Time
	terminal bool
	width    int

	mu         sync.Mutex // guards what follows
	to         io.Writer
	all, ended int
	line       string // "" if none is shown
	said       time.Time
}

// sayEvery is how often progress is told where it cannot be shown in one place.
const sayEvery = 30 * time.Second

// newProgress is for that many steps; 0 if nobody knows.
func newProgress(to io.Writer, all int) *progress {
	p := &progress{all: all, start: time.Now(), to: to, said: time.Now(), width: columns}
	if f, ok := to.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.terminal = true
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			p.width = w
		}
	}
	return p
}

// at says what is done now, in the next of the steps.
func (p *progress) at(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended++
	left := ""
	if done := p.ended - 1; done > 0 {
		took := time.Since(p.start)
		left = fmt.Sprintf(", %v left", (took * time.Duration(p.all-done) / time.Duration(done)).Round(time.Second))
	}
	if !p.terminal {
		return
	}
	p.showLocked(fmt.Sprintf("%3d %%  %s%s", 100*(p.ended-1)/p.all, what, left))
}

// At says what is done now, of steps that nobody has counted.
func (p *progress) At(doing string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal {
		p.showLocked(doing)
	} else if time.Since(p.said) >= sayEvery {
		fmt.Fprintln(p.to, doing)
		p.said = time.Now()
	}
}

func (p *progress) showLocked(line string) {
	if r := []rune(line); len(r) >= p.width { // a terminal would wrap it
		line = string(r[:p.width-2]) + "…"
	}
	p.line = line
	fmt.Fprintf(p.to, "\r\x1b[K%s", line)
}

// Say writes a line above.
func (p *progress) Say(line string) { fmt.Fprintln(p, line) }

// Write writes whole lines above. It is for loggers.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line == "" {
		return p.to.Write(b)
	}
	text := append([]byte("\r\x1b[K"), b...)
	if !bytes.HasSuffix(b, []byte("\n")) {
		text = append(text, '\n')
	}
	if _, err := p.to.Write(append(text, p.line...)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// skip leaves out steps that will not come.
func (p *progress) skip(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all -= n
}

// done clears the line.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line != "" {
		fmt.Fprint(p.to, "\r\x1b[K")
		p.line = ""
	}
}
