package session

// lockFunctions is the functions that take and release named locks.
var lockFunctions = [...]struct {
	name string
	does traits
}{
	{"get_lock", traitTakesLock},
	{"release_lock", traitFreesLock},
	{"release_all_locks", traitFreesAllLocks},
}

// lockFunction parses a statement that is a single lock function with a known lock name. It
// always returns true; any other call is found by its name (lockSign).
func (p *parser) lockFunction() bool {
	for i := range lockFunctions {
		if f := &lockFunctions[i]; p.accept(f.name) {
			p.lockCall(f.does)
			break
		}
	}
	return true
}

// lockCall reads what is behind the name of a lock function.
func (p *parser) lockCall(does traits) {
	if !p.acceptSymbol('(') {
		return
	}
	name := ""
	if does != traitFreesAllLocks {
		var ok bool
		if name, ok = p.lockName(&does); !ok {
			return
		}
	}
	if does&traitTakesLock != 0 && !p.lockTimeout() || !p.acceptSymbol(')') {
		return
	}
	if p.accept("as") || p.tok.kind == word {
		if p.tok.kind != word && p.tok.kind != quoted {
			return
		}
		p.advance()
	}
	if !p.done() || p.seen&(unsureSign|oddSign) != 0 {
		return
	}
	p.exact = true
	p.st.name = name
	p.st.traits |= does
	if does&traitTakesLock != 0 {
		p.st.Leaves |= Locks
	} else {
		p.st.Ends |= Locks
	}
}

// lockName reads a lock's name, or notes that it is an argument. It reports false if
// the name cannot be told.
func (p *parser) lockName(does *traits) (name string, ok bool) {
	switch {
	case p.tok.kind == literal:
		name = p.s[p.tok.start+1 : p.tok.end-1]
		if !isPlainName(name) {
			return "", false
		}
	case p.isSymbol('?'):
		*does |= traitArgName
	default:
		return "", false
	}
	p.advance()
	return name, true
}

// lockTimeout skips a timeout that is a number or an argument.
func (p *parser) lockTimeout() bool {
	if !p.acceptSymbol(',') {
		return false
	}
	p.acceptSymbol('-')
	for p.isSymbol('?') || p.isSymbol('.') || p.tok.kind == word && isDigit(p.s[p.tok.start]) {
		p.advance()
	}
	return true
}

// isPlainName reports whether a lock's name is the same in every character set
// and needs no escapes.
func isPlainName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isWordByte(c) && c != ' ' && c != '-' && c != '.' && c != ':' && c != '/' {
			return false
		}
	}
	return s != ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
