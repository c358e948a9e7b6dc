// Package stmtcache keeps the prepared statements of a connection, by the schema
// and the text that they were prepared with. It knows no MySQL and no
// database/sql.
package stmtcache

import "strings"

// Cache is the statements of one connection. It closes none itself: whoever
// takes one out does. The zero value is an empty cache. It is not safe for
// concurrent use, and must not be copied once it is used.
type Cache[S any] struct {
	entries map[key]*Entry[S]
	unused  Entry[S] // the ring of those that nobody uses; its next is the one used last
}

type key struct{ schema, text string }

// Entry is a statement, be it in a cache or not.
type Entry[S any] struct {
	Stmt S

	key
	users      int
	cached     bool
	prev, next *Entry[S] // in the ring; nil outside it
}

// New returns a statement that is in no cache and has no users.
func New[S any](schema, text string, s S) *Entry[S] {
	return &Entry[S]{Stmt: s, key: key{schema, strings.Clone(text)}} // not what the text may be a part of
}

// Text returns the text that it was prepared with.
func (e *Entry[S]) Text() string { return e.text }

// Kept reports whether it is in a cache or has users. What is not kept is to be
// closed.
func (e *Entry[S]) Kept() bool { return e.cached || e.users > 0 }

// Cached reports whether it is in a cache.
func (e *Entry[S]) Cached() bool { return e.cached }

// Used reports whether it has users.
func (e *Entry[S]) Used() bool { return e.users > 0 }

// Get returns the statement of a text and notes that it is used now, or nil if
// it is not in the cache. It does not allocate.
func (c *Cache[S]) Get(schema, text string) *Entry[S] {
	e := c.entries[key{schema, text}]
	if e != nil && e.next != nil && e != c.unused.next {
		e.unlink()
		c.pushFront(e)
	}
	return e
}

// Add puts a statement in the cache. None of its text may be there.
func (c *Cache[S]) Add(e *Entry[S]) {
	if c.entries == nil {
		c.entries = map[key]*Entry[S]{}
		c.unused.prev, c.unused.next = &c.unused, &c.unused
	}
	c.entries[e.key] = e
	e.cached = true
	if e.users == 0 {
		c.pushFront(e)
	}
}

// Acquire gives a statement one more user. One that has users is not evicted.
func (c *Cache[S]) Acquire(e *Entry[S]) {
	if e.users++; e.next != nil {
		e.unlink()
	}
}

// Release takes a user away.
func (c *Cache[S]) Release(e *Entry[S]) {
	if e.users--; e.users == 0 && e.cached {
		c.pushFront(e)
	}
}

// Evict takes the one out that was used the longest time ago among those without
// users, and returns it; nil if there is none.
func (c *Cache[S]) Evict() *Entry[S] {
	e := c.unused.prev
	if e == nil || e == &c.unused {
		return nil
	}
	c.Remove(e)
	return e
}

// Remove takes a statement out if it is in the cache. It keeps its users.
func (c *Cache[S]) Remove(e *Entry[S]) {
	if !e.cached {
		return
	}
	delete(c.entries, e.key)
	e.cached = false
	if e.next != nil {
		e.unlink()
	}
}

// Clear takes all of them out.
func (c *Cache[S]) Clear() {
	for _, e := range c.entries {
		c.Remove(e)
	}
}

// Len returns how many there are.
func (c *Cache[S]) Len() int { return len(c.entries) }

func (c *Cache[S]) pushFront(e *Entry[S]) {
	e.prev, e.next = &c.unused, c.unused.next
	e.prev.next, e.next.prev = e, e
}

func (e *Entry[S]) unlink() {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
}
