package session

import "slices"

// maxNames is how many names of a kind are kept. With more of them nothing is
// said of any.
const maxNames = 16

// State is what the statements of one owner left on a session. The zero value
// is a clean one. It must not be copied.
type State struct {
	kinds  Kinds
	vague  Kinds // those of which names are not known
	vars   varSet
	tables []string   // temporary tables
	locks  []heldLock // at least those that the session holds
}

type heldLock struct {
	name  string
	count int
}

// Before notes what a statement that is about to run may leave. That counts
// even if it fails: it may have done half of what it says. firstArg is the
// value of its first placeholder.
func (s *State) Before(st *Statement, firstArg any) {
	if st.Leaves == 0 && s.kinds == 0 {
		return
	}
	if s.AutocommitSet() && st.OpensTx() {
		s.kinds |= Transaction
	}
	if s.kinds&TempTables != 0 && (st.Leaves&Schema != 0 || st.traits&(traitRenamesTable|traitVague) != 0) {
		s.vague |= TempTables
	}
	s.kinds |= st.Leaves
	s.vars |= st.vars
	if st.Leaves&Locks != 0 {
		s.addLock(st, firstArg)
	}
	if st.Leaves&TempTables != 0 {
		s.addTable(st)
	}
}

// After takes off what a statement that succeeded ended. firstArg is as in
// [State.Before].
func (s *State) After(st *Statement, firstArg any) {
	ends := st.Ends & s.kinds
	if ends == 0 {
		return
	}
	s.kinds &^= ends &^ (Locks | TempTables)
	if ends&Locks != 0 {
		s.endLocks(st, firstArg)
	}
	if ends&TempTables != 0 && s.vague&TempTables == 0 && st.traits&(traitDropsTable|traitVague) == traitDropsTable {
		droppedTables(st.text, func(name string) {
			s.tables = slices.DeleteFunc(s.tables, func(t string) bool { return t == name })
		})
		if len(s.tables) == 0 {
			s.kinds &^= TempTables
		}
	}
}

// Kinds returns what is left; 0 if the session is clean.
func (s *State) Kinds() Kinds { return s.kinds }

// AutocommitSet reports whether a statement set autocommit, so that what the
// session's autocommit is now is not in the text of any statement.
func (s *State) AutocommitSet() bool { return s.vars&(1<<autocommitGroup) != 0 }

// Add notes kinds of state that is known of in another way. Names are not.
func (s *State) Add(k Kinds) {
	s.kinds |= k
	s.vague |= k
}

// Remove takes kinds of state off that are known to be gone.
func (s *State) Remove(k Kinds) {
	s.kinds &^= k
	s.vague &^= k
	if k&Variables != 0 {
		s.vars = 0
	}
	if k&TempTables != 0 {
		s.tables = s.tables[:0]
	}
	if k&Locks != 0 {
		s.locks = s.locks[:0]
	}
}

// Reset makes the state clean.
func (s *State) Reset() { s.Remove(^Kinds(0)) }

func (s *State) addTable(st *Statement) {
	if st.name == "" || st.traits&traitVague != 0 || s.kinds&Schema != 0 || !s.addName(&s.tables, tableKey(st.name)) {
		s.vague |= TempTables
	}
}

// addName adds a name to the list, and reports false if there are too many.
func (s *State) addName(list *[]string, name string) bool {
	if slices.Contains(*list, name) {
		return true
	}
	if len(*list) == maxNames {
		return false
	}
	*list = append(*list, name)
	return true
}

// lockName returns the name of the lock that the statement takes or releases,
// or "" if it cannot be told.
func lockName(st *Statement, firstArg any) string {
	if st.traits&traitArgName == 0 {
		return st.name
	}
	name := ""
	switch a := firstArg.(type) {
	case string:
		name = a
	case []byte:
		name = string(a)
	}
	if !isPlainName(name) {
		return ""
	}
	return name
}

func (s *State) addLock(st *Statement, firstArg any) {
	name := ""
	if st.traits&traitTakesLock != 0 && st.traits&traitVague == 0 {
		name = lockName(st, firstArg)
	}
	if name == "" {
		s.vague |= Locks
		return
	}
	for i := range s.locks {
		if s.locks[i].name == name {
			s.locks[i].count++
			return
		}
	}
	if len(s.locks) == maxNames {
		s.vague |= Locks
		return
	}
	s.locks = append(s.locks, heldLock{name, 1})
}

func (s *State) endLocks(st *Statement, firstArg any) {
	if s.kinds&(Variables|Other) != 0 {
		return // with sql_select_limit=0 nothing was released
	}
	if st.traits&traitFreesAllLocks != 0 {
		s.Remove(Locks)
		return
	}
	name := lockName(st, firstArg)
	if name == "" || st.traits&traitFreesLock == 0 {
		return
	}
	s.locks = slices.DeleteFunc(s.locks, func(l heldLock) bool { return l.name == name && l.count == 1 })
	for i := range s.locks {
		if s.locks[i].name == name {
			s.locks[i].count--
		}
	}
	if len(s.locks) == 0 && s.vague&Locks == 0 {
		s.kinds &^= Locks
	}
}
