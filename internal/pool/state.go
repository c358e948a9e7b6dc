package pool

import "fmt"

// State says who may touch a physical connection. The whole machine:
//
//	from            to       moved by
//	(a new login)   InUse    the pool, for the waiter it serves
//	(a new login)   Idle     the pool, when nobody waits any more
//	InUse           Fresh    its owner, OfferUnused
//	InUse           Offered  its owner, Offer
//	InUse           Pinned   its owner, Pin
//	Fresh, Offered  InUse    the owner that released it, Reclaim; or the pool, for a waiter
//	Pinned          InUse    the owner that released it, Reclaim
//	Fresh, Offered  Idle     the sweep after OfferFor, or handOver (Offered)
//	InUse           Idle     its owner, CheckIn
//	Idle            InUse    the pool, for a checkout or ping, or for a caller of Use…/Borrow…
//	any but InUse   Closed   the pool (recycled, idle, broken, overflow, disposed)
//	InUse           Closed   its owner, CheckIn, Discard and Replace
//
// Moves out of InUse are plain stores, since only the owner makes them. Moves
// out of Fresh, Offered and Pinned are compare-and-swaps of the whole word,
// state and generation: owner and pool may race for one, and the connection
// may have been taken, used and released by somebody else in between. Moves
// into and out of Idle are made under the pool's mutex.
type State uint8

const (
	// InUse: it has one owner, a logical connection or the pool, and nobody else may
	// touch it.
	InUse State = iota
	// Offered: its owner released it after use. The owner may reclaim it,
	// and the pool may give it to somebody else.
	Offered
	// Fresh: checked out and not used yet. As Offered, but waiters leave it
	// alone for freshGrace: whoever waited for it should get to use it.
	Fresh
	// Pinned: its owner released it with session state on it. The pool does
	// not give it to anybody else.
	Pinned
	// Idle: the pool has it, and it belongs to nobody.
	Idle
	// Closed: it is gone.
	Closed
)

var stateNames = [...]string{"in use", "offered", "fresh", "pinned", "idle", "closed"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// stateBits is how much of a word the state takes. The generation has the
// rest: 61 bits last for 70 years of a thousand million offers a second.
const stateBits = 3

// word is a state and the number of times that the connection was released.
type word uint64

func (w word) state() State       { return State(w & (1<<stateBits - 1)) }
func (w word) generation() uint64 { return uint64(w) >> stateBits }

// with returns the word in state s and of the same generation.
func (w word) with(s State) word { return w&^(1<<stateBits-1) | word(s) }

// next returns the word in state s and of the next generation.
func (w word) next(s State) word { return word(w.generation()+1)<<stateBits | word(s) }

func (w word) String() string { return fmt.Sprintf("%v #%d", w.state(), w.generation()) }

// Ticket is what an owner gets when it releases a connection, and what it reclaims the
// connection with. It fits that release only.
type Ticket word

// spent is a ticket that fits nothing: no state has this number.
const spent = Ticket(1<<stateBits - 1)

// mover says who moved a connection that was released.
type mover uint8

const (
	byOwner mover = iota
	byPool
)
