package pool

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

// Sums and differences are what they are with numbers of any size, cut off at the
// limits.
func TestInstantsDoNotOverflow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	limits := []int64{0, 1, -1, int64(clockOffset), math.MaxInt64, math.MaxInt64 - 1, math.MinInt64, math.MinInt64 + 1, math.MaxInt64 - int64(clockOffset)}
	pick := func() int64 {
		if r.IntN(2) == 0 {
			return limits[r.IntN(len(limits))]
		}
		return int64(r.Uint64())
	}
	cut := func(b *big.Int) int64 {
		switch {
		case b.IsInt64():
			return b.Int64()
		case b.Sign() > 0:
			return math.MaxInt64
		}
		return math.MinInt64
	}
	for range 100_000 {
		i, d := pick()&math.MaxInt64, pick() // an instant is never negative
		want := cut(new(big.Int).Add(big.NewInt(i), big.NewInt(d)))
		if got := instant(i).add(time.Duration(d)); int64(got) != want {
			t.Fatalf("%d.add(%d): got %d, want %d", i, d, got, want)
		}
		j := pick() & math.MaxInt64
		if got, want := instant(i).sub(instant(j)), cut(new(big.Int).Sub(big.NewInt(i), big.NewInt(j))); int64(got) != want {
			t.Fatalf("%d.sub(%d): got %d, want %d", i, j, got, want)
		}
	}
	if clock() <= 0 || clock().add(math.MaxInt64) != farFuture || clock().add(math.MinInt64) > clock() {
		t.Error("the clock is at its limits already")
	}
}
