package physical

import (
	"math"
	"strings"
	"testing"
)

// What a statement costs, and what all may cost, is reckoned right where an int has 32
// bits, too.
func TestCostsAtTheirLimits(t *testing.T) {
	for _, c := range []struct {
		perConn int
		want    int64
	}{
		{0, ConnStmtCosts}, {256, ConnStmtCosts}, {1 << 15, 1 << 30}, {1<<16 - 1, 1<<31 - 1<<15},
		{1 << 16, 1 << 31}, {math.MaxInt32, 1 << 31},
	} {
		if got := int64(NewStmtLimits(c.perConn).Costs); got != c.want {
			t.Errorf("pool_stmt_cache=%d: bound of %d bytes, want %d", c.perConn, got, c.want)
		}
	}
	long := strings.Repeat("1,", 4_000_000) // 8 MB, four million words
	if got, least := int64(StmtCost(long, 0)), int64(4_000_000)*wordCost; got < least {
		t.Errorf("a long statement: %d bytes, want more than %d", got, least)
	}
}
