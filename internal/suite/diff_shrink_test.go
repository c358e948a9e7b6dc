package suite

import (
	"slices"
	"testing"
	"time"
)

// diffShrinkFor is how long a program that failed is shrunk.
const diffShrinkFor = 30 * time.Second

// shrink leaves out whatever the program fails without: actors, then ever
// shorter runs of steps.
func (x *diffPair) shrink(t *testing.T, p *diffProgram, f *diffFailure) (*diffProgram, *diffFailure, int) {
	t.Helper()
	deadline := time.Now().Add(diffShrinkFor)
	tries := 0
	try := func(smaller *diffProgram) bool {
		if time.Now().After(deadline) {
			return false
		}
		tries++
		again := x.again(t, smaller)
		if again == nil {
			return false
		}
		p, f = smaller, again
		return true
	}
	for i := len(p.actors) - 1; i >= 0 && len(p.actors) > 1; i-- {
		try(p.withoutSteps(i, 0, len(p.actors[i].steps)))
	}
	for size := 16; size > 0; size /= 2 {
		for i := range p.actors {
			for at := 0; at < len(p.actors[i].steps); {
				if !try(p.withoutSteps(i, at, min(at+size, len(p.actors[i].steps)))) {
					at += size
				}
			}
		}
	}
	return p, f, tries
}

func (p *diffProgram) withoutSteps(actor, from, to int) *diffProgram {
	q := *p
	q.actors = slices.Clone(p.actors)
	q.actors[actor].steps = slices.Delete(slices.Clone(p.actors[actor].steps), from, to)
	return &q
}
