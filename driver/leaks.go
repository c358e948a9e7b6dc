package mysqlpool

import (
	"slices"
	"sync"
	"time"
	"weak"
)

// Leak is a connection that is held for longer than pool_leak_after.
type Leak struct {
	Login string    // user@net(addr), as in PoolStats
	Name  string    // pool_name
	ID    uint64    // connection id on the server
	Since time.Time // when it was checked out
	Stack string    // who checked it out, as a panic shows it
}

// Leaks returns the connections that are held for longer than pool_leak_after,
// longest first. It has none while pool_leak_after is 0. A connection is out of it
// once it is checked in, or once the garbage collector finds that nobody can use it
// any more.
func Leaks() []Leak {
	return leaks.all()
}

// leaks is what Leaks returns.
var leaks = leakList{held: map[*loan]leakHolder{}}

type leakList struct {
	mu   sync.Mutex
	held map[*loan]leakHolder // guarded by mu
}

type leakHolder struct {
	Leak                    // without its stack
	conn weak.Pointer[conn] // nil once it is garbage
}

// add lists a loan, if its connection is still there.
func (l *leakList) add(loan *loan, h leakHolder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropGarbageLocked()
	l.held[loan] = h
}

func (l *leakList) remove(loan *loan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, loan)
}

func (l *leakList) dropGarbageLocked() {
	for loan, h := range l.held {
		if h.conn.Value() == nil {
			delete(l.held, loan)
		}
	}
}

func (l *leakList) all() []Leak {
	l.mu.Lock()
	l.dropGarbageLocked()
	all := make([]Leak, 0, len(l.held))
	for loan, h := range l.held {
		h.Stack = loan.text()
		all = append(all, h.Leak)
	}
	l.mu.Unlock()
	slices.SortFunc(all, func(a, b Leak) int { return a.Since.Compare(b.Since) })
	return all
}
