package session

// Statement is the effects of a statement on session state, as far as its text shows them.
// It is a value; making it allocates nothing.
type Statement struct {
	// Leaves is the kinds of state that it can leave behind, even if it fails.
	Leaves Kinds
	// Ends is the kinds of state that the statement ends if it succeeds. Of Locks and
	// TempTables it may end only some.
	Ends Kinds

	text   string
	name   string // the lock, or the temporary table, that it is about
	vars   varSet
	traits traits
	reads  Diagnostics

	scanned bool
}

// traits is what else is known of a statement.
type traits uint16

const (
	traitOpensTx       traits = 1 << iota // it may touch tables
	traitVague                            // names in it are not certain
	traitArgName                          // the lock's name is the first argument
	traitTakesLock                        // all that it does is to take the lock called name
	traitFreesLock                        // ... to release it
	traitFreesAllLocks                    // ... to release all of them
	traitDropsTable                       // DROP TABLE
	traitRenamesTable                     // tables may have other names after it

	traitInserts       // it is an INSERT or a REPLACE
	traitChangesID     // LAST_INSERT_ID() may be another one after it
	traitKills         // KILL
	traitAltersSchemas // it creates, drops or alters a schema
	traitMayBegin      // it ends the transaction, and may begin one
	traitMultiple      // it is several statements

	// traitsOfAny is the traits that several statements have if one of them has, and that
	// a statement has which is not understood.
	traitsOfAny = traitOpensTx | traitChangesID | traitKills | traitAltersSchemas
)

// Scan reads a statement. With multi, the connection's multiStatements, the
// text may be several.
func Scan(query string, multi bool) Statement {
	st, seen := scan(query, multi, 0)
	if seen&escapeSign == 0 {
		return st
	}
	st.traits |= traitVague
	for _, r := range [...]reading{plainSingle | plainDouble, plainDouble} {
		as, seen := scan(query, multi, r)
		st.Leaves |= as.Leaves
		if seen&brokenSign == 0 {
			st.Ends &= as.Ends
		}
		st.vars |= as.vars
		st.traits |= as.traits & traitsOfAny
		st.reads |= as.reads
	}
	return st
}

// OpensTx reports whether the statement would open a transaction if autocommit
// were off, as any does that may touch tables.
func (st Statement) OpensTx() bool { return st.traits&traitOpensTx != 0 }

func scan(query string, multi bool, r reading) (Statement, findings) {
	p := parser{lexer: lexer{s: query, reading: r}, multi: multi}
	p.st.text = query
	var all findings
	n := 0 // statements
	for more := true; more; {
		p.seen, p.plain, p.sets, p.exact, p.table = 0, false, false, false, false
		before := p.st
		p.advance()
		if !p.done() {
			n++
			if n > 1 && !multi {
				p.st.Leaves |= Other
			}
			p.statement()
		}
		for !p.done() {
			p.skip()
			p.advance()
		}
		more = p.tok.kind != atEnd
		if r != 0 && p.seen&brokenSign != 0 {
			// Read in this way it is a syntax error, and does not run.
			p.st = before
			all |= brokenSign
			break
		}
		p.classify()
		all |= p.seen
	}
	st := p.st
	st.scanned = true
	if n > 1 || all&(unsureSign|oddSign) != 0 {
		st.Ends = 0
		st.traits = st.traits&traitsOfAny | traitVague
	}
	if n > 1 {
		st.traits |= traitMultiple
	}
	if all&(unsureSign|oddSign) != 0 {
		st.traits |= traitOpensTx | traitChangesID
	}
	if all != 0 {
		st.reads = diagnosticsOf(all)
	}
	if st.Leaves&Other != 0 {
		if mentions(query, identityWords) {
			st.Leaves |= Identity
		}
		if mentions(query, schemaWords) {
			st.traits |= traitAltersSchemas
		}
	}
	return st, all
}

// parser reads one statement after the other.
type parser struct {
	lexer
	tok   token
	multi bool
	plain bool // the statement's words do not matter, only signs do
	sets  bool // := is nothing special
	exact bool // the statement is a lock function alone
	table bool // the statement is CREATE TABLE
	st    Statement
}

func (p *parser) advance() { p.tok = p.next() }

func (p *parser) text() string { return p.s[p.tok.start:p.tok.end] }

func (p *parser) isSymbol(c byte) bool {
	return p.tok.kind == symbol && p.s[p.tok.start] == c
}

// is reports whether the current token is the lower-case word, in any case.
func (p *parser) is(w string) bool {
	return p.tok.kind == word && isFolded(p.text(), w)
}

// isOneOf is is for some words.
func (p *parser) isOneOf(words []string) bool {
	for _, w := range words {
		if p.is(w) {
			return true
		}
	}
	return false
}

// acceptSymbol skips the current token if it is the symbol.
func (p *parser) acceptSymbol(c byte) bool {
	if p.isSymbol(c) {
		p.advance()
		return true
	}
	return false
}

// accept skips the current token if it is the word.
func (p *parser) accept(w string) bool {
	if p.is(w) {
		p.advance()
		return true
	}
	return false
}

// done reports whether the statement is over.
func (p *parser) done() bool { return p.tok.kind == atEnd || p.isSymbol(';') }

// classify turns the signs of a statement that was read to its end into kinds and traits.
func (p *parser) classify() {
	if p.seen&oddSign != 0 || p.seen&unsureSign != 0 && !p.plain || p.seen&becomesSign != 0 && !p.sets {
		p.st.Leaves |= Other
	}
	if p.seen&userSign != 0 {
		p.st.Leaves |= UserVariables
	}
	if p.seen&unnamedSign != 0 {
		p.st.traits |= traitVague
	}
	if p.seen&lockSign != 0 && !p.exact {
		p.st.Leaves |= Locks
		p.st.name, p.st.traits = "", p.st.traits&^(traitArgName|traitTakesLock)
	}
	if p.seen&transactionSign != 0 && p.table {
		p.st.Leaves |= Transaction // CREATE TABLE t (…) START TRANSACTION; if it fails too
		p.st.traits |= traitMayBegin
	}
	if p.seen&setsIDSign != 0 {
		p.st.traits |= traitChangesID
	}
	if p.seen&returningSign != 0 {
		p.st.traits &^= traitInserts // its answer is rows, and has no id
	}
	if p.seen&rowsSign != 0 {
		p.st.Leaves |= FoundRows
		p.st.Ends &^= FoundRows
	}
}

// Words without which a text that is not understood does not do this.
var (
	// It changes what a reset leaves in place: who the session acts as, and on MariaDB
	// what SHOW PROFILES shows.
	identityWords = []string{"role", "authorization", "xa", "execute", "profiling", "resource"}
	// It creates, drops or alters a schema.
	schemaWords = []string{"database", "schema"}
)

// mentions reports whether a text has one of some words in it.
func mentions(s string, words []string) bool {
	for i := 0; i < len(s); {
		if !isWordByte(s[i]) {
			i++
			continue
		}
		w := nextWord(s[i:])
		for _, word := range words {
			if isFolded(w, word) {
				return true
			}
		}
		i += len(w)
	}
	return false
}
