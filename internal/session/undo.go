package session

import "strings"

// Baseline is the values that the known variables had after the login, as SQL
// writes them.
type Baseline struct {
	sets  [len(varGroups)]string // "a = 1, b = 'x'", or "" if the group cannot be put back
	names string                 // the statement that puts the character sets back, or "" if none does exactly
}

// Charsets says how the session's character sets came about in the login.
type Charsets struct {
	// CollatesClient means that character_set_client has a collation of its own,
	// which no variable shows, and which arguments of prepared statements have:
	// MariaDB, and MySQL before 8.0.22. SET NAMES sets it, and so does the login.
	CollatesClient bool

	// OneByOne means that statements of the login may have set variables of the
	// character sets one by one, so that they do not say what that collation is.
	OneByOne bool
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
func NewBaseline(values map[string]string, c Charsets) *Baseline {
	b := new(Baseline)
	for i := range varGroups {
		b.sets[i], _ = groupSets(&varGroups[i], values)
	}
	switch {
	case b.sets[namesGroup] == "", c.OneByOne && c.CollatesClient:
	case !c.OneByOne && isSetByNames(values):
		b.names = "SET NAMES " + values["character_set_client"] + " COLLATE " + values["collation_connection"]
	case !c.CollatesClient:
		b.names = "SET " + b.sets[namesGroup]
	}
	return b
}

// groupSets returns the assignments that put a group back. It reports false if it
// cannot be put back.
func groupSets(g *varGroup, values map[string]string) (string, bool) {
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
			return "", false
		}
		sets = append(sets, name+" = "+sql)
		if g.any {
			break
		}
	}
	return strings.Join(sets, ", "), len(sets) > 0
}

// isSetByNames reports whether the variables are what one SET NAMES makes them,
// as a login does too. Then that also makes what no variable shows what it was
// (see [Charsets]).
func isSetByNames(values map[string]string) bool {
	charset, collation := values["character_set_client"], values["collation_connection"]
	if charset == "" || values["character_set_results"] != charset || !isName(charset) || !isName(collation) {
		return false
	}
	of, _, _ := strings.Cut(collation, "_")
	return of == charset || isUTF8MB3(of) && isUTF8MB3(charset) // MySQL 8.0 has utf8_bin for utf8mb3
}

func isUTF8MB3(charset string) bool { return charset == "utf8" || charset == "utf8mb3" }

func isName(s string) bool {
	for i := range len(s) {
		if !isWordByte(s[i]) {
			return false
		}
	}
	return s != ""
}

// Charset returns the statement that gives the session the login's character
// set and collation. It reports false if none does exactly, or if they are not
// known, as of a nil baseline.
func (b *Baseline) Charset() (string, bool) {
	if b == nil || b.names == "" {
		return "", false
	}
	return b.names, true
}

// HasNames reports whether these are the values that the variables of the
// character sets had.
func (b *Baseline) HasNames(client, results, collation string) bool {
	if b == nil {
		return false
	}
	set, ok := groupSets(&varGroups[namesGroup], map[string]string{
		"character_set_client": client, "character_set_results": results, "collation_connection": collation,
	})
	return ok && set == b.sets[namesGroup]
}

// Value returns the value of a variable that is in a group of its own, as SQL
// writes it; "" if it is unknown.
func (b *Baseline) Value(name string) string {
	if b == nil {
		return ""
	}
	for i, g := range varGroups {
		if len(g.names) == 1 && g.names[0] == name {
			return strings.TrimPrefix(b.sets[i], name+" = ")
		}
	}
	return ""
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

// Undo returns the statements that undo what is left, but for the schema,
// which is the driver's to choose. No statement is longer than maxBytes unless
// that is 0; mostly there are three of them at most. It reports false if that
// cannot be said exactly. With releaseAllLocks the server has that function
// (MySQL 5.7, MariaDB 10.5).
func (s *State) Undo(b *Baseline, releaseAllLocks bool, maxBytes int) ([]string, bool) {
	if s.kinds&^undoable != 0 {
		return nil, false
	}
	var undo []string
	// First: to turn autocommit on commits what is open.
	if s.kinds&(Transaction|NextTransaction) != 0 || s.AutocommitSet() {
		undo = append(undo, "ROLLBACK")
	}
	sets, ok := s.undoSets(b, maxBytes)
	if !ok {
		return nil, false
	}
	undo = append(undo, sets...)
	if s.kinds&Locks != 0 {
		release, ok := s.undoLocks(releaseAllLocks)
		if !ok {
			return nil, false
		}
		undo = append(undo, release)
	}
	for _, st := range undo {
		if maxBytes > 0 && len(st) > maxBytes {
			return nil, false
		}
	}
	return undo, true
}

// undoSets returns the statements that put the variables back.
func (s *State) undoSets(b *Baseline, maxBytes int) (undo []string, ok bool) {
	if s.kinds&Variables == 0 {
		return nil, true
	}
	if b == nil || s.vars == 0 || s.vague&Variables != 0 {
		return nil, false
	}
	if s.vars&(1<<namesGroup) != 0 {
		// First, and by itself: the others are read in the character set that it sets.
		if b.names == "" {
			return nil, false
		}
		undo = append(undo, b.names)
	}
	set := ""
	for i, value := range b.sets {
		switch {
		case i == namesGroup || s.vars&(1<<i) == 0:
			continue
		case value == "":
			return nil, false
		case set == "":
			set = "SET " + value
		case maxBytes > 0 && len(set)+len(", ")+len(value) > maxBytes:
			undo = append(undo, set)
			set = "SET " + value
		default:
			set += ", " + value
		}
	}
	if set != "" {
		undo = append(undo, set)
	}
	return undo, true
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
