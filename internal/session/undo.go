package session

import "strings"

// Baseline is the values that the known variables had after the login, as SQL
// writes them.
type Baseline struct {
	sets [len(varGroups)]string // "a = 1, b = 'x'", or "" if the group cannot be put back
}

// VariableNames returns the names of the variables that [NewBaseline] wants,
// for SHOW SESSION VARIABLES WHERE Variable_name IN (...). No server has all.
func VariableNames() []string {
	var names []string
	for _, g := range varGroups {
		names = append(names, g.names...)
	}
	return names
}

// NewBaseline makes a baseline of variables' values as the server shows them. A
// variable that is missing, or whose value cannot be written back surely, is
// one that Undo cannot put back.
func NewBaseline(values map[string]string) *Baseline {
	b := new(Baseline)
	for i, g := range varGroups {
		var sets []string
		for _, name := range g.names {
			value, ok := values[name]
			if !ok && g.any {
				continue
			}
			sql := ""
			if ok {
				sql, ok = sqlValue(name, value)
			}
			if !ok {
				sets = nil
				break
			}
			sets = append(sets, name+" = "+sql)
			if g.any {
				break
			}
		}
		b.sets[i] = strings.Join(sets, ", ")
	}
	return b
}

// Charset returns the statement that gives the session the login's character
// set and collation. The server's own reset gives it others. It reports false if
// they are not known, as of a nil baseline.
func (b *Baseline) Charset() (string, bool) {
	if b == nil || b.sets[namesGroup] == "" {
		return "", false
	}
	return "SET " + b.sets[namesGroup], true
}

// sqlValue returns a variable's value as SET takes it: the servers want numbers
// bare, and the rest as strings; ON and OFF they take bare.
func sqlValue(name, value string) (string, bool) {
	switch {
	case name == "character_set_results" && value == "":
		return "NULL", true
	case value == "ON", value == "OFF", isNumber(value):
		return value, true
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '\'' || c == '\\' {
			return "", false
		}
	}
	return "'" + value + "'", true
}

func isNumber(s string) bool {
	dots := 0
	for i := range len(s) {
		if s[i] == '.' {
			dots++
		} else if !isDigit(s[i]) {
			return false
		}
	}
	return s != "" && isDigit(s[0]) && isDigit(s[len(s)-1]) && dots <= 1
}

// undoable is the kinds of which Undo may know enough. User variables are not
// among them: one that is set to NULL has a type, which shows in the columns of
// whoever reads it, and one that was never set has none.
const undoable = Transaction | NextTransaction | Schema | Variables | Locks | FoundRows

// Undo returns the statements that take back what is left, at most three, but
// for the schema, which is the driver's to choose. It reports false if that
// cannot be said exactly. With releaseAllLocks the server has that function
// (MySQL 5.7, MariaDB 10.5).
func (s *State) Undo(b *Baseline, releaseAllLocks bool) ([]string, bool) {
	if s.kinds&^undoable != 0 {
		return nil, false
	}
	var undo []string
	// First: to turn autocommit on commits what is open.
	if s.kinds&(Transaction|NextTransaction) != 0 || s.AutocommitSet() {
		undo = append(undo, "ROLLBACK")
	}
	set, ok := s.undoSet(b)
	if !ok {
		return nil, false
	}
	if set != "" {
		undo = append(undo, set)
	}
	if s.kinds&Locks != 0 {
		release, ok := s.undoLocks(releaseAllLocks)
		if !ok {
			return nil, false
		}
		undo = append(undo, release)
	}
	return undo, true
}

func (s *State) undoSet(b *Baseline) (string, bool) {
	var sets []string
	if s.kinds&Variables != 0 {
		if b == nil || s.vars == 0 || s.vague&Variables != 0 {
			return "", false
		}
		for i, set := range b.sets {
			if s.vars&(1<<i) == 0 {
				continue
			}
			if set == "" {
				return "", false
			}
			sets = append(sets, set)
		}
	}
	if len(sets) == 0 {
		return "", true
	}
	return "SET " + strings.Join(sets, ", "), true
}

func (s *State) undoLocks(releaseAll bool) (string, bool) {
	if releaseAll {
		return "DO RELEASE_ALL_LOCKS()", true
	}
	var calls []string
	for _, l := range s.locks {
		for range l.count {
			calls = append(calls, "RELEASE_LOCK('"+l.name+"')")
		}
	}
	if s.vague&Locks != 0 || len(calls) == 0 || len(calls) > maxNames {
		return "", false
	}
	return "DO " + strings.Join(calls, ", "), true
}
