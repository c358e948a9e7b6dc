package failover

// Target says which hosts a pool wants.
type Target uint8

const (
	// Auto: a host that takes writes if one does, else one that answers.
	Auto Target = iota
	// Primary: only a host that takes writes.
	Primary
	// Replica: only hosts that are read-only.
	Replica
	// PreferReplica: hosts that are read-only if there is one, else one that
	// answers.
	PreferReplica
	// Any: any host that answers.
	Any

	targets
)

// Rating is how much a host is wanted.
type Rating uint8

const (
	// Wanted: it is what the target asks for, or may be.
	Wanted Rating = iota
	// Fallback: it answers, and serves while no wanted host does.
	Fallback
	// Last: it is tried when nothing else can be had.
	Last
	// Never: it answers, and is not what the target asks for.
	Never
)

// ratings is by target and by state. A host that is being probed counts as what
// it was before.
var ratings = [targets][states]Rating{
	//             unknown, up, suspect, read-only, unready, full, down
	Auto:          {Wanted, Wanted, Wanted, Fallback, Last, Last, Last},
	Primary:       {Wanted, Wanted, Wanted, Never, Never, Last, Last},
	Replica:       {Wanted, Never, Never, Wanted, Never, Last, Last},
	PreferReplica: {Wanted, Fallback, Fallback, Wanted, Last, Last, Last},
	Any:           {Wanted, Wanted, Wanted, Wanted, Last, Last, Last},
}

// strict reports whether a wrong host is worse than none.
func (t Target) strict() bool { return t == Primary || t == Replica }

// Writes reports whether a refused write says that another host is wanted.
func (t Target) Writes() bool { return t == Auto || t == Primary }

// Monitors reports whether hosts in use are probed, since no statement fails
// when one becomes unfit.
func (t Target) Monitors() bool { return t == Replica || t == PreferReplica }
