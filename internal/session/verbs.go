package session

// statement reads the statement that begins at the current token, as far as
// its kind needs it. What it does not recognise is Other.
func (p *parser) statement() {
	paren := p.isSymbol('(')
	for p.isSymbol('(') {
		p.advance()
	}
	if p.tok.kind != word {
		p.unknown()
		return
	}
	verb := p.text()
	if rows := readsRows(verb); rows || !paren && leavesNothing(verb) {
		p.plain = true
		p.st.marks |= opens
		if rows {
			p.st.Ends |= FoundRows
		}
		switch {
		case paren:
		case isFolded(verb, "select"), isFolded(verb, "do"):
			p.advance()
			p.lockFunction()
		case rows:
		case isFolded(verb, "insert"), isFolded(verb, "replace"):
			p.st.marks |= inserts | changesID
		case isFolded(verb, "show"):
			p.advance()
			p.show()
		case isFolded(verb, "kill"):
			p.st.marks |= kills
		case isFolded(verb, "analyze"): // MariaDB runs the statement behind it
			p.st.marks |= changesID
		}
		if !paren && isFolded(verb, "update") {
			p.updatedTables()
		}
		return
	}
	if paren || !p.stateVerb() {
		p.unknown()
	}
}

// unknown is for a statement that is not recognised.
func (p *parser) unknown() {
	p.st.marks |= opens
	p.st.Leaves |= Other
	if !p.sets { // SET has signs for what it asks
		p.st.marks |= changesID
		p.seen |= asksAll
	}
}

// updatedTables reads the tables of UPDATE. Those of MySQL's Performance Schema
// may be about the session itself, and a reset leaves what is set there in place
// (MySQL manual, "The threads Table").
func (p *parser) updatedTables() {
	for p.advance(); !p.done() && !p.is("set"); p.advance() {
		if p.is("performance_schema") || p.tok.kind == quoted && isFolded(p.s[p.tok.start+1:p.tok.end-1], "performance_schema") {
			p.st.Leaves |= Identity
		}
	}
}

// readsRows reports whether statements that begin with the verb return rows of
// tables, and do nothing else.
func readsRows(verb string) bool {
	return isFolded(verb, "select") || isFolded(verb, "with") || isFolded(verb, "values") || isFolded(verb, "table")
}

var plainVerbs = [...]string{
	// data
	"insert", "update", "delete", "replace", "truncate", "do",
	// reports
	"show", "explain", "describe", "desc", "help",
	// upkeep
	"analyze", "check", "checksum", "optimize", "repair", "purge", "kill", "cache",
	// definitions; CREATE, DROP, ALTER and RENAME need a closer look
	"grant", "revoke",
	// inside a transaction, and nothing outside
	"savepoint",
	// errors
	"signal", "resignal",
}

// leavesNothing reports whether statements that begin with the verb leave nothing,
// unless there is a sign in them.
func leavesNothing(verb string) bool {
	for _, v := range &plainVerbs {
		if isFolded(verb, v) {
			return true
		}
	}
	return false
}

// stateVerb reads the statements of which words matter. It reports false if it
// does not recognise the statement.
func (p *parser) stateVerb() bool {
	verb := p.text()
	p.advance()
	switch {
	case isFolded(verb, "set"):
		p.sets = true
		return p.set()
	case isFolded(verb, "begin"):
		p.accept("work")
		p.st.Leaves |= Transaction
		return p.done()
	case isFolded(verb, "start"):
		return p.startTransaction()
	case isFolded(verb, "commit"), isFolded(verb, "rollback"):
		return p.endTransaction(isFolded(verb, "rollback"))
	case isFolded(verb, "release"):
		p.st.marks |= opens
		return p.is("savepoint")
	case isFolded(verb, "use"):
		p.st.Leaves |= Schema
		return true
	case isFolded(verb, "create"):
		p.st.marks |= opens
		return p.create()
	case isFolded(verb, "drop"):
		p.st.marks |= opens
		return p.drop()
	case isFolded(verb, "alter"), isFolded(verb, "rename"):
		if p.is("database") || p.is("schema") {
			p.st.marks |= altersSchemas
		}
		p.plain = true
		p.st.marks |= opens | altersName
		return p.tok.kind == word
	case isFolded(verb, "import"):
		p.plain = true
		p.st.marks |= opens
		return p.is("table")
	case isFolded(verb, "load"):
		p.plain = true
		p.st.marks |= opens | changesID
		return p.is("data") || p.is("xml") || p.is("index")
	case isFolded(verb, "lock"):
		p.st.marks |= opens
		return p.lock()
	case isFolded(verb, "unlock"):
		if p.accept("tables") || p.accept("table") {
			p.st.Ends |= TableLocks
			return p.done()
		}
	case isFolded(verb, "flush"):
		p.st.marks |= opens
		return p.flush()
	case isFolded(verb, "prepare"):
		p.st.Leaves |= Prepared
		return true
	case isFolded(verb, "deallocate"):
		return p.is("prepare")
	case isFolded(verb, "handler"):
		p.st.marks |= opens
		p.st.Leaves |= Handlers
		return true
	case isFolded(verb, "get"):
		p.seen |= warningsSign | rowCountSign
		return p.is("diagnostics") || p.is("current") || p.is("stacked")
	case isFolded(verb, "execute"):
		// What it runs is not in the text. It may be anything but CALL's body.
		p.st.marks |= opens | changesID | kills | altersSchemas
		p.st.Leaves |= Other | Identity
		p.seen |= asksAll
		return true
	case isFolded(verb, "xa"):
		p.st.marks |= opens
		p.st.Leaves |= Identity
		return true
	}
	return false
}

// startTransaction reads START TRANSACTION; START REPLICA and the like are not
// recognised.
func (p *parser) startTransaction() bool {
	if !p.accept("transaction") {
		return false
	}
	p.st.Leaves |= Transaction
	for p.tok.kind == word || p.isSymbol(',') {
		p.advance()
	}
	return p.done()
}

// endTransaction reads COMMIT and ROLLBACK.
func (p *parser) endTransaction(rollback bool) bool {
	p.accept("work")
	if rollback && p.is("to") {
		return true
	}
	ends := Transaction | NextTransaction
	if p.accept("and") {
		no := p.accept("no")
		if !p.accept("chain") {
			return false
		}
		if !no {
			p.st.Leaves |= Transaction
			ends = 0
		}
	}
	if p.is("release") {
		p.st.marks |= kills // the server hangs up
	}
	if p.accept("no") && !p.accept("release") || !p.done() {
		return false
	}
	p.st.Ends |= ends
	return true
}

// lockFunction recognises a statement that is a lock function and nothing else,
// of which the lock's name is known.
func (p *parser) lockFunction() {
	var does marks
	switch {
	case p.is("get_lock"):
		does = takesLock
	case p.is("release_lock"):
		does = freesLock
	case p.is("release_all_locks"):
		does = freesAll
	default:
		return
	}
	p.advance()
	if !p.isSymbol('(') {
		return
	}
	p.advance()
	name := ""
	if does != freesAll {
		switch {
		case p.tok.kind == literal:
			name = p.s[p.tok.start+1 : p.tok.end-1]
			if !isPlainName(name) {
				return
			}
		case p.isSymbol('?'):
			does |= argName
		default:
			return
		}
		p.advance()
	}
	if does&takesLock != 0 {
		if !p.isSymbol(',') {
			return
		}
		p.advance()
		if p.isSymbol('-') {
			p.advance()
		}
		for p.isSymbol('?') || p.isSymbol('.') || p.tok.kind == word && isDigit(p.s[p.tok.start]) {
			p.advance()
		}
	}
	if !p.isSymbol(')') {
		return
	}
	p.advance()
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
	p.st.marks |= does
	if does&takesLock != 0 {
		p.st.Leaves |= Locks
	} else {
		p.st.Ends |= Locks
	}
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

func (p *parser) lock() bool {
	p.st.Leaves |= TableLocks
	// LOCK TABLES FOR BACKUP and LOCK INSTANCE have an UNLOCK of their own.
	return (p.accept("tables") || p.accept("table")) && !p.is("for")
}

// flush reads FLUSH. Two of its forms hold locks until UNLOCK TABLES.
func (p *parser) flush() bool {
	for !p.done() {
		if p.is("read") || p.is("lock") || p.is("export") {
			p.st.Leaves |= TableLocks
		}
		p.advance()
	}
	return true
}
