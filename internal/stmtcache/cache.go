// Package stmtcache is an LRU cache of a connection's prepared statements, by the schema
// and the SQL text that they were prepared with: several of a text, if the caller tells
// them apart. What is kept is decided in physical/stmtcache.go. It does not depend on
// MySQL or database/sql.
package stmtcache

import "strings"

// Cache is the statements of one connection. It closes none itself: the caller closes those
// that it returns. The zero value is an empty cache. It is not safe for
// concurrent use, and must not be copied once it is used.
type Cache[S any] struct {
	entries map[key]*Entry[S] // the latest of each text; Also leads to the others
	schemas map[string]int    // how many there are of each schema
	unused  Entry[S]          // the ring of those without users; its next is the most recently used
	len     int
	cost    int64
	uses    uint64
}

type key struct{ schema, text string }

// Entry is a statement, be it in a cache or not.
type Entry[S any] struct {
	Stmt S

	key
	cost       int64
	users      int
	cached     bool
	also       *Entry[S] // another one of the text in the cache; nil: no more
	usedAt     uint64    // Cache.uses as of then
	prev, next *Entry[S] // in the ring; nil outside it
}

// New returns a statement that is in no cache and has no users. Its cost counts
// while it is in a cache.
func New[S any](schema, text string, cost int64, s S) *Entry[S] {
	return &Entry[S]{Stmt: s, cost: cost, key: key{schema, strings.Clone(text)}} // not what the text may be a part of
}

func (e *Entry[S]) Text() string { return e.text }

func (e *Entry[S]) Schema() string { return e.schema }

func (e *Entry[S]) Cost() int64 { return e.cost }

// Kept reports whether it is in a cache or has users. What is not kept is to be
// closed.
func (e *Entry[S]) Kept() bool { return e.cached || e.users > 0 }

func (e *Entry[S]) Cached() bool { return e.cached }

func (e *Entry[S]) Used() bool { return e.users > 0 }

// Also returns the next statement of the same text, or nil.
func (e *Entry[S]) Also() *Entry[S] { return e.also }

// Get returns a statement of a text, or nil if none is in the cache. Also leads to
// the others. It does not allocate.
func (c *Cache[S]) Get(schema, text string) *Entry[S] { return c.entries[key{schema, text}] }

// Use notes that a statement in the cache is used now.
func (c *Cache[S]) Use(e *Entry[S]) {
	c.touch(e)
	if e.next != nil && e != c.unused.next {
		e.unlink()
		c.pushFront(e)
	}
}

func (c *Cache[S]) touch(e *Entry[S]) {
	c.uses++
	e.usedAt = c.uses
}

// Add puts a statement in the cache, beside others of its text.
func (c *Cache[S]) Add(e *Entry[S]) {
	if c.entries == nil {
		c.entries, c.schemas = map[key]*Entry[S]{}, map[string]int{}
		c.unused.prev, c.unused.next = &c.unused, &c.unused
	}
	e.also = c.entries[e.key]
	c.entries[e.key] = e
	e.cached = true
	c.len++
	c.schemas[e.schema]++
	c.cost += e.cost
	c.touch(e)
	if e.users == 0 {
		c.pushFront(e)
	}
}

// SetCost changes what a statement costs.
func (c *Cache[S]) SetCost(e *Entry[S], cost int64) {
	if e.cached {
		c.cost += cost - e.cost
	}
	e.cost = cost
}

// Acquire gives a statement one more user. One that has users is not evicted.
func (c *Cache[S]) Acquire(e *Entry[S]) {
	if e.users++; e.next != nil {
		e.unlink()
	}
}

// Release removes a user.
func (c *Cache[S]) Release(e *Entry[S]) {
	if e.users--; e.users == 0 && e.cached {
		c.touch(e)
		c.pushFront(e)
	}
}

// Evict removes the least recently used statement without users, and returns it; nil if
// there is none.
func (c *Cache[S]) Evict() *Entry[S] {
	e := c.unused.prev
	if e == nil || e == &c.unused {
		return nil
	}
	c.Remove(e)
	return e
}

// EvictOf is Evict among the statements of one text, if there are at least most of them.
func (c *Cache[S]) EvictOf(schema, text string, most int) *Entry[S] {
	var oldest *Entry[S]
	n := 0
	for e := c.Get(schema, text); e != nil; e = e.also {
		n++
		if e.users == 0 && (oldest == nil || e.usedAt < oldest.usedAt) {
			oldest = e
		}
	}
	if n < most || oldest == nil {
		return nil
	}
	c.Remove(oldest)
	return oldest
}

// Remove removes a statement from the cache if it is there. It keeps its users.
func (c *Cache[S]) Remove(e *Entry[S]) {
	if !e.cached {
		return
	}
	if first := c.entries[e.key]; first != e {
		for first.also != e {
			first = first.also
		}
		first.also = e.also
	} else if e.also != nil {
		c.entries[e.key] = e.also
	} else {
		delete(c.entries, e.key)
	}
	e.also, e.cached = nil, false
	c.len--
	if c.schemas[e.schema]--; c.schemas[e.schema] == 0 {
		delete(c.schemas, e.schema)
	}
	c.cost -= e.cost
	if e.next != nil {
		e.unlink()
	}
}

// Clear removes all statements.
func (c *Cache[S]) Clear() {
	for _, e := range c.entries {
		for e != nil {
			also := e.also
			c.Remove(e)
			e = also
		}
	}
}

// Knows reports whether a statement of the schema is in the cache.
func (c *Cache[S]) Knows(schema string) bool { return c.schemas[schema] > 0 }

// Len returns how many statements are in the cache.
func (c *Cache[S]) Len() int { return c.len }

// Cost returns the sum of what they cost.
func (c *Cache[S]) Cost() int64 { return c.cost }

func (c *Cache[S]) pushFront(e *Entry[S]) {
	e.prev, e.next = &c.unused, c.unused.next
	e.prev.next, e.next.prev = e, e
}

func (e *Entry[S]) unlink() {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
}
