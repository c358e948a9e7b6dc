//go:build countmoves

package pool

import (
	"fmt"
	"sync/atomic"
)

// countsMoves: this is a build for tests that report how often each move of the
// state machine happened.
const countsMoves = true

var moves [2][len(stateNames)][len(stateNames)]atomic.Int64

func countMove(from, to word, by mover) { moves[by][from.state()][to.state()].Add(1) }

// Moves returns how often each move of State happened in this process, but for
// those into InUse by a login, which Stats counts. It is nil in a build without
// the tag countmoves.
func Moves() map[string]int64 {
	all := map[string]int64{}
	for by := range moves {
		for from := range moves[by] {
			for to := range moves[by][from] {
				if n := moves[by][from][to].Load(); n > 0 {
					all[fmt.Sprintf("%v to %v%s", State(from), State(to), [...]string{byOwner: "", byPool: " by the pool"}[by])] = n
				}
			}
		}
	}
	return all
}
