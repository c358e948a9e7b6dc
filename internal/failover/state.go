// Package failover keeps what is known of the hosts that a pool may log in to:
// a state for each, when to look again, in which order to try them, and which
// connections are to be closed because another host is wanted in their place.
// It does no I/O and reads no clock: its caller reports what happened, and when.
package failover

import "fmt"

// State is what is known of a host. The whole machine:
//
//	state      writable  read-only  unready  no room  failed   silent     refused    probe    no answer  unwatched
//	unknown    up        read-only  unready  full     down     suspect    read-only  unknown  unknown    unknown
//	up         up        read-only  unready  full     down     suspect    read-only  probing  up         unknown
//	suspect    up        read-only  unready  full     down     suspect    read-only  suspect  suspect    unknown
//	read-only  up        read-only  unready  full     down     read-only  read-only  probing  read-only  unknown
//	unready    up        read-only  unready  full     down     unready    read-only  probing  unready    unknown
//	full       up        read-only  unready  full     down     full       read-only  probing  full       unknown
//	down       up        read-only  unready  full     down     down       read-only  probing  down       unknown
//	probing    up        read-only  unready  full     down     probing    read-only  probing  (before)   unknown
//
// A host that is used, whatever its state, is probed without becoming probing.
type State uint8

const (
	// Unknown: nobody logged in to it yet, or nobody used the pool for a while.
	// The next login tries it.
	Unknown State = iota
	// Up: it answers, and says nothing of being read-only.
	Up
	// Suspect: a connection to it fell silent. It is used as before until a
	// probe, which starts at once, says more.
	Suspect
	// ReadOnly: it answers, and takes no writes.
	ReadOnly
	// Unready: it takes logins, and is not fit for statements: not part of its
	// cluster, or a replica whose replication has stopped.
	Unready
	// Full: it refused the latest login since it has no room for another, and the
	// pool has no connection to it.
	Full
	// Down: the latest login failed.
	Down
	// Probing: its back-off is over and a probe is under way. It is used as
	// little as before.
	Probing

	states
)

var stateNames = [states]string{"unknown", "up", "suspect", "read-only", "unready", "full", "down", "probing"}

func (s State) String() string {
	if s < states {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Event is what happened to a host.
type Event uint8

const (
	// Writable: a login or a probe succeeded, and the server says nothing of
	// being read-only or unready.
	Writable Event = iota
	// TakesNoWrites: the server answered that it is read-only.
	TakesNoWrites
	// NotReady: the server answered that it is not fit for statements.
	NotReady
	// NoRoom: the server answered that it takes no more logins, for anybody or for
	// the account.
	NoRoom
	// Failed: a login failed, for a reason that is the host's.
	Failed
	// Silent: a connection got no answer within the pool's own time limit.
	Silent
	// Refused: the server refused a write because it is read-only, whatever it
	// says of itself.
	Refused

	probeStarted
	noAnswer  // a probe ended for a reason that is not the host's
	unwatched // nobody uses the pool

	events
)

// asBefore stands for the state that a host had when its probe started.
const asBefore = states

var transitions = [states][events]State{
	//         writable, read-only, unready, no room, failed, silent, refused, probe, no answer, unwatched
	Unknown:  {Up, ReadOnly, Unready, Full, Down, Suspect, ReadOnly, Unknown, Unknown, Unknown},
	Up:       {Up, ReadOnly, Unready, Full, Down, Suspect, ReadOnly, Probing, Up, Unknown},
	Suspect:  {Up, ReadOnly, Unready, Full, Down, Suspect, ReadOnly, Suspect, Suspect, Unknown},
	ReadOnly: {Up, ReadOnly, Unready, Full, Down, ReadOnly, ReadOnly, Probing, ReadOnly, Unknown},
	Unready:  {Up, ReadOnly, Unready, Full, Down, Unready, ReadOnly, Probing, Unready, Unknown},
	Full:     {Up, ReadOnly, Unready, Full, Down, Full, ReadOnly, Probing, Full, Unknown},
	Down:     {Up, ReadOnly, Unready, Full, Down, Down, ReadOnly, Probing, Down, Unknown},
	Probing:  {Up, ReadOnly, Unready, Full, Down, Probing, ReadOnly, Probing, asBefore, Unknown},
}
