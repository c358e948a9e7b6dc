package physical

import (
	"math"
	"strings"
	"testing"
)

// On 32 bits too no text is so long, and no pool_stmt_cache so large, that its cost is
// thought small.
func TestCostsDoNotOverflow(t *testing.T) {
	for _, words := range []int{1, 1 << 10, 1 << 20, 4 << 20, 8 << 20} {
		text := strings.Repeat("?,", words)
		if got := StmtCost(text, 1<<16); got < minStmtCost+min(words, 1<<20)*wordCost {
			t.Errorf("%d words: got %d", words, got)
		}
	}
	least := 0
	for _, perConn := range []int{-1, 0, 1, 256, 257, 1 << 15, 1<<16 - 1, 1 << 16, 1 << 20, math.MaxInt32} {
		got := NewStmtLimits(perConn).Costs
		if got < max(least, ConnStmtCosts) {
			t.Errorf("pool_stmt_cache=%d: got %d bytes, want no less than for fewer, and %d", perConn, got, ConnStmtCosts)
		}
		least = got
	}
}
