package watch

import (
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	if percentile(nil, 50) != nil {
		t.Error("there is one of none")
	}
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, tt := range []struct {
		all  []float64
		p    int
		want float64
	}{
		{[]float64{7}, 50, 7}, {[]float64{7}, 99, 7}, {[]float64{3, 1, 2}, 50, 2}, {[]float64{3, 1, 2}, 99, 3},
		{[]float64{4, 3, 2, 1}, 50, 2}, {hundred, 50, 50}, {hundred, 99, 99},
	} {
		if got := percentile(tt.all, tt.p); got == nil || *got != tt.want {
			t.Errorf("percentile %d of %v: got %v, want %v", tt.p, tt.all, got, tt.want)
		}
	}
}

func TestSince(t *testing.T) {
	for _, tt := range []struct{ last, now, want int64 }{{5, 5, 0}, {5, 9, 4}, {5, 2, 2}} {
		if got := since(tt.last, tt.now); got != tt.want {
			t.Errorf("from %d to %d: got %d, want %d", tt.last, tt.now, got, tt.want)
		}
	}
}

func TestClaims(t *testing.T) {
	c := claims{byID: map[int64]claim{}}
	if !c.claim(1, left) || c.claim(1, left) {
		t.Error("a connection is new once")
	}
	if !c.claim(1, right) { // the server was started again
		t.Error("an id that serves the other side is another connection")
	}
	c.claim(2, left)
	c.claim(3, left)
	before := c.byID[3].at
	c.byID[3] = claim{left, before.Add(time.Hour)} // claimed after the list was made
	c.drop(before.Add(time.Minute), []conn{{ID: 2}})
	for id, want := range map[int64]bool{1: false, 2: true, 3: true} {
		if _, ok := c.sideOf(id); ok != want {
			t.Errorf("connection %d: known %v, want %v", id, ok, want)
		}
	}
}
