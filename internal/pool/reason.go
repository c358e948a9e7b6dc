package pool

// Reason says why a physical connection was closed. Each has its counter in
// Stats.Closed.
type Reason uint8

const (
	// Recycled: it reached its greatest age.
	Recycled Reason = iota
	// IdleTimeout: more than Config.Size were open, and it was idle for
	// Config.IdleTimeout.
	IdleTimeout
	// Broken: it failed, was cancelled in mid-query, or was found dead.
	Broken
	// Dirty: session state was left on it that could not be undone.
	Dirty
	// Overflow: more were open than the limit allows, or it took room that a
	// checkout, or another pool of a full server, needed.
	Overflow
	// Unclosed: its user never closed it; the garbage collector found it.
	Unclosed
	// Disposed: the pool was disposed of.
	Disposed
	// Invalidated: InvalidateAll was called.
	Invalidated

	reasons
)

// Reasons is how many reasons there are.
const Reasons = int(reasons)

var reasonNames = [Reasons]string{"recycled", "idle", "broken", "dirty", "overflow", "unclosed", "disposed", "invalidated"}

func (r Reason) String() string { return reasonNames[r] }
