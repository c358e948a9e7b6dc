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
		at := func(schema, text string) int {
			return slices.IndexFunc(model, func(e *Entry[int]) bool { return e.key == key{schema, text} })
		}
		touch := func(i int) {
			e := model[i]
			model = slices.Insert(slices.Delete(model, i, i+1), 0, e)
		}
		for range 300 {
			schema, text := fmt.Sprint(r.IntN(2)), fmt.Sprint(r.IntN(8))
			switch i := at(schema, text); r.IntN(7) {
			case 0, 1:
				e := c.Get(schema, text)
				if (e != nil) != (i >= 0) || e != nil && e != model[i] {
					t.Fatalf("seed %d: Get: got %v, want index %d of the model", seed, e, i)
				}
				if i >= 0 {
					touch(i)
				}
			case 2:
				if i >= 0 {
					continue
				}
				e := New(schema, text, 0)
				e.users = r.IntN(2)
				c.Add(e)
				model = slices.Insert(model, 0, e)
			case 3:
				if i >= 0 {
					c.Acquire(model[i])
				}
			case 4:
				if i >= 0 && model[i].users > 0 {
					if c.Release(model[i]); model[i].users == 0 {
						touch(i)
					}
				}
			case 5:
				if i >= 0 && r.IntN(2) == 0 {
					e := model[i]
					c.Remove(e)
					outside = append(outside, e)
					model = slices.Delete(model, i, i+1)
				}
			case 6:
				want := -1
				for i, e := range model {
					if e.users == 0 {
						want = i
					}
				}
				e := c.Evict()
				if (e == nil) != (want < 0) || e != nil && e != model[want] {
					t.Fatalf("seed %d: Evict: got %v, want index %d of the model", seed, e, want)
				}
				if e != nil {
					model = slices.Delete(model, want, want+1)
				}
			}
			if c.Len() != len(model) {
				t.Fatalf("seed %d: Len: got %d, want %d", seed, c.Len(), len(model))
			}
		}
		for _, e := range outside {
			if e.Kept() != (e.users > 0) {
				t.Errorf("seed %d: kept outside the cache: got %v with %d users", seed, e.Kept(), e.users)
			}
		}
		c.Clear()
		if c.Len() != 0 || c.Evict() != nil {
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
	for i := range 100 * slots {
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
		c.Add(New("app", texts[i], i))
	}
	// As a program does that makes its texts anew each time.
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
	c.Add(New("app", benchText, 0))
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
		c.Add(New("app", fmt.Sprint(benchText, i), i))
	}
	i := 0
	if n := testing.AllocsPerRun(100, func() {
		i++
		e := c.Get("app", [...]string{benchText + "0", benchText + "1", benchText + "2"}[i%3])
		c.Acquire(e)
		c.Release(e)
	}); n != 0 {
		t.Errorf("allocations: got %v, want 0", n)
	}
}
