package stmtcache

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A cache is what a list would be that is searched from end to end.
func TestCacheIsAList(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var c Cache[int]
		var model []*Entry[int] // in the cache, used last first
		var outside []*Entry[int]
		touch := func(i int) {
			e := model[i]
			model = slices.Insert(slices.Delete(model, i, i+1), 0, e)
		}
		takeOut := func(i int) {
			outside = append(outside, model[i])
			model = slices.Delete(model, i, i+1)
		}
		for step := range 300 {
			schema, text := fmt.Sprint(r.IntN(2)), fmt.Sprint(r.IntN(6))
			of := func(e *Entry[int]) bool { return e.Schema() == schema && e.Text() == text }
			any := -1 // one of the text
			var all []*Entry[int]
			for i, e := range model {
				if of(e) {
					all = append(all, e)
					if any < 0 || r.IntN(2) == 0 {
						any = i
					}
				}
			}
			switch r.IntN(9) {
			case 0, 1:
				var got []*Entry[int]
				for e := c.Get(schema, text); e != nil; e = e.Also() {
					got = append(got, e)
				}
				same := func(a, b *Entry[int]) int { return a.Stmt - b.Stmt }
				slices.SortFunc(got, same)
				slices.SortFunc(all, same)
				if !slices.Equal(got, all) {
					t.Fatalf("seed %d: Get and Also: got %d statements, want %d", seed, len(got), len(all))
				}
				if any >= 0 {
					c.Use(model[any])
					touch(any)
				}
			case 2, 3:
				e := New(schema, text, r.Int64N(100), step)
				e.users = r.IntN(2)
				c.Add(e)
				model = slices.Insert(model, 0, e)
			case 4:
				if any >= 0 {
					c.Acquire(model[any])
				}
			case 5:
				if any >= 0 && model[any].users > 0 {
					if c.Release(model[any]); model[any].users == 0 {
						touch(any)
					}
				}
			case 6:
				if any >= 0 && r.IntN(2) == 0 {
					c.Remove(model[any])
					takeOut(any)
				} else if any >= 0 {
					c.SetCost(model[any], r.Int64N(100))
				}
			case 7, 8:
				most := 0
				var e *Entry[int]
				if r.IntN(2) == 0 {
					most = 3
					e = c.EvictOf(schema, text, most)
				} else {
					e = c.Evict()
				}
				want := -1
				for i, e := range model {
					if e.users == 0 && (most == 0 || of(e) && len(all) >= most) {
						want = i
					}
				}
				if (e == nil) != (want < 0) || e != nil && e != model[want] {
					t.Fatalf("seed %d: evicted %v, want index %d of the model; at most %d of a text", seed, e, want, most)
				}
				if e != nil {
					takeOut(want)
				}
			}
			cost := int64(0)
			for _, e := range model {
				cost += e.cost
			}
			if c.Len() != len(model) || c.Cost() != cost {
				t.Fatalf("seed %d: got %d statements of cost %d, want %d of cost %d", seed, c.Len(), c.Cost(), len(model), cost)
			}
		}
		for _, e := range outside {
			if e.Kept() != (e.users > 0) {
				t.Errorf("seed %d: kept outside the cache: got %v with %d users", seed, e.Kept(), e.users)
			}
		}
		c.Clear()
		if c.Len() != 0 || c.Cost() != 0 || c.Evict() != nil {
			t.Fatalf("seed %d: not empty after Clear", seed)
		}
	}
}

func TestSeen(t *testing.T) {
	var s Seen
	if s.Has("app", "SELECT ?") {
		t.Error("a new one has a text, want none")
	}
	s.Add("app", "SELECT ?")
	if !s.Has("app", "SELECT ?") {
		t.Error("it has not what was added")
	}
	for _, other := range [][2]string{{"ap", "pSELECT ?"}, {"", "SELECT ?"}, {"app", "SELECT ?+1"}} {
		if s.Has(other[0], other[1]) {
			t.Errorf("it has %q, which was not added", other)
		}
	}
	for i := range 100 * seenSlots {
		s.Add("app", fmt.Sprint(i))
	}
	if s.Has("app", "SELECT ?") {
		t.Error("it has forgotten nothing, so that it is not bounded")
	}
}

const benchText = "SELECT id, name, email, created_at FROM users WHERE tenant = ? AND id = ?"

func BenchmarkHit(b *testing.B) {
	var c Cache[int]
	texts := make([]string, 20)
	for i := range texts {
		texts[i] = fmt.Sprint(benchText, " LIMIT ", i)
		c.Add(New("app", texts[i], 1, i))
	}
	// As a program does that makes its texts again each time.
	other := strings.Clone(texts[7])
	for _, bench := range []struct {
		name string
		text func(i int) string
	}{
		{"same text", func(int) string { return texts[7] }},
		{"equal text", func(int) string { return other }},
		{"20 texts in turn", func(i int) string { return texts[i%len(texts)] }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if c.Get("app", bench.text(i)) == nil {
					b.Fatal("a miss")
				}
			}
		})
	}
}

func BenchmarkMiss(b *testing.B) {
	var c Cache[int]
	var s Seen
	c.Add(New("app", benchText, 1, 0))
	b.ReportAllocs()
	for b.Loop() {
		if c.Get("app", benchText[:len(benchText)-1]) != nil || s.Has("app", benchText) {
			b.Fatal("a hit")
		}
	}
}

// A hit is on the way of every query.
func TestHitDoesNotAllocate(t *testing.T) {
	var c Cache[int]
	for i := range 3 {
		c.Add(New("app", fmt.Sprint(benchText, i), 1, i))
	}
	i := 0
	if n := testing.AllocsPerRun(100, func() {
		i++
		e := c.Get("app", [...]string{benchText + "0", benchText + "1", benchText + "2"}[i%3])
		c.Use(e)
		c.Acquire(e)
		c.Release(e)
	}); n != 0 {
		t.Errorf("allocations: got %v, want 0", n)
	}
}
