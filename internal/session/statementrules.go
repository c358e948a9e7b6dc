// The rules by verb. Scan is in statement.go.

package session

// verb is what is known of the statements that begin with a word.
type verb struct {
	name string
	kind verbKind

	// Of each of them, whatever follows.
	traits   traits
	leaves   Kinds
	findings findings

	reads reader // of the words behind it
}

type verbKind uint8

const (
	verbByWords verbKind = iota // its words decide what it leaves
	verbPlain                   // it leaves nothing, unless there is a sign in it
	verbRows                    // as verbPlain; it returns rows of tables, and does nothing else
)

// verbs is every verb that is known, by its first letter.
var verbs = func() (by ['z' + 1][]verb) {
	for _, v := range []verb{
		{name: "select", kind: verbRows, reads: readLockFunction},
		{name: "with", kind: verbRows},
		{name: "values", kind: verbRows},
		{name: "table", kind: verbRows},

		// Data.
		{name: "insert", kind: verbPlain, traits: traitInserts | traitChangesID},
		{name: "replace", kind: verbPlain, traits: traitInserts | traitChangesID},
		{name: "update", kind: verbPlain, reads: readUpdatedTables},
		{name: "delete", kind: verbPlain},
		{name: "truncate", kind: verbPlain},
		{name: "do", kind: verbPlain, reads: readLockFunction},
		{name: "load", traits: traitOpensTx | traitChangesID, reads: readLoad},
		{name: "import", traits: traitOpensTx, reads: readImportTable},
		{name: "handler", traits: traitOpensTx, leaves: Handlers},

		// Reports.
		{name: "show", kind: verbPlain, reads: readShow},
		{name: "explain", kind: verbPlain},
		{name: "describe", kind: verbPlain},
		{name: "desc", kind: verbPlain},
		{name: "help", kind: verbPlain},
		{name: "get", findings: warningsSign | rowCountSign, reads: readDiagnostics},

		// Upkeep. MariaDB's ANALYZE runs the statement behind it.
		{name: "analyze", kind: verbPlain, traits: traitChangesID},
		{name: "check", kind: verbPlain},
		{name: "checksum", kind: verbPlain},
		{name: "optimize", kind: verbPlain},
		{name: "repair", kind: verbPlain},
		{name: "purge", kind: verbPlain},
		{name: "kill", kind: verbPlain, traits: traitKills},
		{name: "cache", kind: verbPlain},
		{name: "flush", traits: traitOpensTx, reads: readFlush},

		// Definitions.
		{name: "create", traits: traitOpensTx, reads: readCreate},
		{name: "drop", traits: traitOpensTx, reads: readDrop},
		{name: "alter", traits: traitOpensTx | traitRenamesTable, reads: readAlter},
		{name: "rename", traits: traitOpensTx | traitRenamesTable, reads: readAlter},
		{name: "grant", kind: verbPlain},
		{name: "revoke", kind: verbPlain},

		// Transactions and locks. SAVEPOINT does nothing outside of a transaction.
		{name: "begin", leaves: Transaction, reads: readBegin},
		{name: "start", reads: readStartTransaction},
		{name: "commit", reads: readEndTransaction},
		{name: "rollback", reads: readRollback},
		{name: "savepoint", kind: verbPlain},
		{name: "release", traits: traitOpensTx, reads: readReleaseSavepoint},
		{name: "xa", traits: traitOpensTx, leaves: Identity},
		{name: "lock", traits: traitOpensTx, leaves: TableLocks, reads: readLock},
		{name: "unlock", reads: readUnlock},

		// The session.
		{name: "set", reads: readSet},
		{name: "use", leaves: Schema},

		// Prepared statements. What EXECUTE runs is not in the text: it may be anything
		// but CALL's body.
		{name: "prepare", leaves: Prepared},
		{name: "deallocate", reads: readDeallocate},
		{name: "execute", traits: traitOpensTx | traitChangesID | traitKills | traitAltersSchemas, leaves: Other | Identity, findings: allDiagnostics},

		// Errors.
		{name: "signal", kind: verbPlain},
		{name: "resignal", kind: verbPlain},
	} {
		by[v.name[0]] = append(by[v.name[0]], v)
	}
	return by
}()

// verbOf returns what is known of a verb; nil if nothing is.
func verbOf(s string) *verb {
	c := s[0] | 0x20
	if int(c) >= len(verbs) {
		return nil
	}
	for i := range verbs[c] {
		if v := &verbs[c][i]; isFolded(s, v.name) {
			return v
		}
	}
	return nil
}

// statement reads the statement that begins at the current token, as far as
// its kind needs it. What it does not recognise is Other.
func (p *parser) statement() {
	inParens := p.isSymbol('(')
	for p.isSymbol('(') {
		p.advance()
	}
	var v *verb
	if p.tok.kind == word {
		v = verbOf(p.text())
	}
	if v == nil || inParens && v.kind != verbRows {
		p.unknown()
		return
	}
	p.advance()
	p.begins(v)
	if !inParens && !p.reads(v.reads) {
		p.unknown()
	}
}

// reader is a method that reads the words behind a verb, and reports false if it does
// not recognise the statement. It is no func: the parser would be allocated.
type reader uint8

const (
	readNothing reader = iota // none matter
	readLockFunction
	readUpdatedTables
	readLoad
	readImportTable
	readShow
	readDiagnostics
	readFlush
	readCreate
	readDrop
	readAlter
	readBegin
	readStartTransaction
	readEndTransaction
	readRollback
	readReleaseSavepoint
	readLock
	readUnlock
	readSet
	readDeallocate
)

func (p *parser) reads(r reader) bool {
	switch r {
	case readLockFunction:
		return p.lockFunction()
	case readUpdatedTables:
		return p.updatedTables()
	case readLoad:
		return p.load()
	case readImportTable:
		return p.importTable()
	case readShow:
		return p.show()
	case readDiagnostics:
		return p.diagnostics()
	case readFlush:
		return p.flush()
	case readCreate:
		return p.create()
	case readDrop:
		return p.drop()
	case readAlter:
		return p.alter()
	case readBegin:
		return p.begin()
	case readStartTransaction:
		return p.startTransaction()
	case readEndTransaction:
		return p.endTransaction()
	case readRollback:
		return p.rollback()
	case readReleaseSavepoint:
		return p.releaseSavepoint()
	case readLock:
		return p.lock()
	case readUnlock:
		return p.unlock()
	case readSet:
		return p.set()
	case readDeallocate:
		return p.deallocate()
	}
	return true
}

// begins notes what is known by the verb alone.
func (p *parser) begins(v *verb) {
	p.st.traits |= v.traits
	p.st.Leaves |= v.leaves
	p.seen |= v.findings
	if v.kind != verbByWords {
		p.plain = true
		p.st.traits |= traitOpensTx
	}
	if v.kind == verbRows {
		p.st.Ends |= FoundRows
	}
}

// unknown is for a statement that is not recognised.
func (p *parser) unknown() {
	p.st.traits |= traitOpensTx
	p.st.Leaves |= Other
	if !p.sets { // SET has signs for what it reads
		p.st.traits |= traitChangesID
		p.seen |= allDiagnostics
	}
}

// updatedTables reads the tables of UPDATE. Those of MySQL's Performance Schema
// may be about the session itself, and a reset leaves what is set there in place
// (MySQL manual, "The threads Table").
func (p *parser) updatedTables() bool {
	for ; !p.done() && !p.is("set"); p.advance() {
		if p.is("performance_schema") || p.tok.kind == quoted && isFolded(p.s[p.tok.start+1:p.tok.end-1], "performance_schema") {
			p.st.Leaves |= Identity
		}
	}
	return true
}

func (p *parser) load() bool {
	p.plain = true
	return p.is("data") || p.is("xml") || p.is("index")
}

func (p *parser) importTable() bool {
	p.plain = true
	return p.is("table")
}

// diagnostics reads GET DIAGNOSTICS.
func (p *parser) diagnostics() bool { return p.is("diagnostics") || p.is("current") || p.is("stacked") }

// alter reads ALTER and RENAME.
func (p *parser) alter() bool {
	if p.is("database") || p.is("schema") {
		p.st.traits |= traitAltersSchemas
	}
	p.plain = true
	return p.tok.kind == word
}

func (p *parser) begin() bool {
	p.accept("work")
	return p.done()
}

func (p *parser) rollback() bool {
	p.accept("work")
	return p.is("to") || p.endTransaction()
}

func (p *parser) releaseSavepoint() bool { return p.is("savepoint") }

func (p *parser) unlock() bool {
	if !p.accept("tables") && !p.accept("table") {
		return false
	}
	p.st.Ends |= TableLocks
	return p.done()
}

func (p *parser) deallocate() bool { return p.is("prepare") }

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
func (p *parser) endTransaction() bool {
	p.accept("work")
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
		p.st.traits |= traitKills // the server hangs up
	}
	if p.accept("no") && !p.accept("release") || !p.done() {
		return false
	}
	p.st.Ends |= ends
	return true
}

func (p *parser) lock() bool {
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
