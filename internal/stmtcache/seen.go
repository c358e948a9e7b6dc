package stmtcache

import (
	"hash/maphash"
	"sync/atomic"
)

// Seen remembers texts, so that one which is used once pushes nothing out of a
// cache. It forgets: a text whose place another one takes. It is 32 kB from the
// first text on. The zero value remembers nothing. It is safe for concurrent
// use, and must not be copied.
type Seen struct {
	slots atomic.Pointer[[seenSlots]atomic.Uint64] // nil: none
}

// seenSlots is how many texts are remembered at most: 16 times as many as a connection keeps
// by default, so that texts which are used again are rarely forgotten before, in 32 kB.
const seenSlots = 4096

var seed = maphash.MakeSeed()

// Has reports whether a text was added. In one of some 2^64 cases that is wrong.
func (s *Seen) Has(schema, text string) bool {
	all := s.slots.Load()
	if all == nil {
		return false
	}
	h := hash(schema, text)
	return all[h%seenSlots].Load() == h
}

// Add remembers a text.
func (s *Seen) Add(schema, text string) {
	if s.slots.Load() == nil {
		s.slots.CompareAndSwap(nil, new([seenSlots]atomic.Uint64))
	}
	h := hash(schema, text)
	s.slots.Load()[h%seenSlots].Store(h)
}

// hash is never 0, which stands for an empty slot.
func hash(schema, text string) uint64 {
	return maphash.Comparable(seed, key{schema, text}) | 1<<63
}
