package session

import "strings"

// Diagnostics is what a statement may read of what the session keeps about earlier statements.
type Diagnostics uint8

const (
	LastID   Diagnostics = 1 << iota // LAST_INSERT_ID(), @@last_insert_id, @@identity, with sql_auto_is_null "id IS NULL"
	Warnings                         // SHOW WARNINGS and ERRORS, GET DIAGNOSTICS, @@warning_count, @@error_count
	RowCount                         // ROW_COUNT()
	Found                            // FOUND_ROWS()
)

// diagnosticsOf returns what a statement with these signs may read.
func diagnosticsOf(s findings) (a Diagnostics) {
	if s&(oddSign|unsureSign) != 0 {
		s |= allDiagnostics
	}
	if s&allDiagnostics == 0 {
		return 0
	}
	if s&(idSign|setsIDSign) != 0 {
		a |= LastID
	}
	if s&warningsSign != 0 {
		a |= Warnings
	}
	if s&rowCountSign != 0 {
		a |= RowCount
	}
	if s&foundSign != 0 {
		a |= Found
	}
	return a
}

// Reads returns the diagnostics that the statement may read. What a stored function, a
// trigger or a view reads is not in the text.
func (st *Statement) Reads() Diagnostics { return st.reads }

// Inserts reports whether all that the statement can do to LAST_INSERT_ID() is
// what an INSERT or a REPLACE does, whose answer has an id.
func (st *Statement) Inserts() bool { return st.traits&traitInserts != 0 }

// ChangesID reports whether LAST_INSERT_ID() may be another one after the statement.
func (st *Statement) ChangesID() bool { return st.traits&traitChangesID != 0 }

// MayBegin reports whether the statement ended the transaction that was open, and
// may have begun one: only the server's answer tells.
func (st *Statement) MayBegin() bool { return st.traits&traitMayBegin != 0 }

// Kills reports whether the statement may end other sessions, or its own.
func (st *Statement) Kills() bool { return st.traits&traitKills != 0 }

// AltersSchemas reports whether a schema may be gone after the statement, or be
// another one of the same name.
func (st *Statement) AltersSchemas() bool { return st.traits&traitAltersSchemas != 0 }

// sign notes what a word, or the name of a function, that ends at end is a sign of.
func (l *lexer) sign(w string, end int) {
	s := signOf(w)
	if s&functionSigns == 0 {
		l.seen |= s
		return
	}
	rest := strings.TrimLeft(l.s[end:], whitespace)
	switch {
	case rest == "":
	case rest[0] == '(':
		if rest = strings.TrimLeft(rest[1:], whitespace); s == idSign && (rest == "" || rest[0] != ')') {
			s |= setsIDSign
		}
		l.seen |= s
	case byteClass[rest[0]] == classHigh, byteClass[rest[0]] == classOdd, strings.IndexByte("/#-", rest[0]) >= 0:
		// There may be a comment before the parenthesis, or white space beyond ASCII.
		if s == idSign {
			s |= setsIDSign
		}
		l.seen |= s
	}
}

const whitespace = " \t\n\v\f\r"

// sysVarSign returns what a system variable is a sign of, of which s begins with
// the scope or the name.
func sysVarSign(s string) findings {
	for range 2 {
		var name string
		if s = strings.TrimLeft(s, whitespace); s == "" {
			return 0
		}
		switch {
		case s[0] == '`':
			end := strings.IndexByte(s[1:], '`')
			if end < 0 {
				return 0
			}
			name, s = s[1:1+end], s[end+2:]
		case isWordByte(s[0]):
			name = nextWord(s)
			s = s[len(name):]
		default:
			return allDiagnostics // a comment, perhaps
		}
		switch {
		case isFolded(name, "last_insert_id"), isFolded(name, "identity"):
			return idSign
		case isFolded(name, "warning_count"), isFolded(name, "error_count"):
			return warningsSign
		case !isFolded(name, "session") && !isFolded(name, "local"):
			return 0
		}
		if s = strings.TrimLeft(s, whitespace); s == "" {
			return 0
		}
		if s[0] != '.' {
			return allDiagnostics
		}
		s = s[1:]
	}
	return 0
}

// show reads what is behind SHOW, as far as it may show diagnostics.
func (p *parser) show() bool {
	for n := 0; n < 5 && (p.tok.kind == word || p.tok.kind == symbol) && !p.done(); n++ {
		switch {
		case p.is("warnings"), p.is("errors"):
			p.seen |= warningsSign
			return true
		case p.is("variables"):
			p.seen |= warningsSign | idSign
			return true
		}
		p.advance()
	}
	return true
}

// Acts reports whether [Statement.Kills] or [Statement.AltersSchemas] does.
func (st *Statement) Acts() bool { return st.traits&(traitKills|traitAltersSchemas) != 0 }

// Several reports whether the text is more than one statement.
func (st *Statement) Several() bool { return st.traits&traitMultiple != 0 }

// IsZero reports whether it was not made by [Scan].
func (st *Statement) IsZero() bool { return !st.scanned }

// IsOf reports whether it was made by [Scan] of that text.
func (st *Statement) IsOf(text string) bool { return st.scanned && st.text == text }

// UsesTables reports whether the statement surely used tables if it succeeded:
// then MariaDB, and MySQL before 5.7, dropped the warnings of earlier ones.
func (st *Statement) UsesTables() bool {
	p := parser{lexer: lexer{s: st.text}}
	p.advance()
	switch {
	case p.is("insert"), p.is("replace"), p.is("update"), p.is("delete"), p.is("truncate"):
		return true
	case p.is("create"), p.is("drop"), p.is("alter"):
		return p.isOfTables()
	case !p.is("select") && !p.is("with"), st.traits&traitVague != 0:
		return false
	}
	// TRIM(x FROM y) names none.
	for depth := 0; p.tok.kind != atEnd; p.advance() {
		switch {
		case p.isSymbol('('):
			depth++
		case p.isSymbol(')'):
			depth--
		case depth == 0 && p.is("from"):
			p.advance()
			return !p.is("dual")
		}
	}
	return false
}

// MayWarnWithoutTables reports whether the statement may leave a warning although it names
// no table: then those of earlier statements stay too. It creates, drops or alters something
// else than tables (there is no such procedure), or computes something (1 / 0).
func (st *Statement) MayWarnWithoutTables() bool {
	p := parser{lexer: lexer{s: st.text}}
	p.advance()
	switch {
	case p.is("create"), p.is("drop"), p.is("alter"):
		return !p.isOfTables()
	case p.is("select"), p.is("do"):
		return !st.UsesTables() && p.computes()
	}
	return false
}

// computing is words that are operators or functions without parentheses of their own.
var computing = []string{"and", "between", "binary", "case", "div", "in", "interval", "is", "like", "mod", "not", "or", "regexp", "rlike", "xor"}

// computes reports whether behind SELECT there is more than values, names, and functions
// without arguments.
func (p *parser) computes() bool {
	for p.advance(); p.tok.kind != atEnd; p.advance() {
		switch {
		case p.tok.kind == word && p.isOneOf(computing):
			return true
		case p.isSymbol('('):
			if p.advance(); !p.isSymbol(')') {
				return true
			}
		case p.tok.kind == symbol && !p.isSymbol(',') && !p.isSymbol('.') && !p.isSymbol('?') && !p.isSymbol(';'):
			return true
		}
	}
	return false
}

// isOfTables reports whether CREATE, DROP or ALTER, at which the parser is, has a
// table, an index or a view as its object.
func (p *parser) isOfTables() bool {
	const modifiers = 8 // CREATE OR REPLACE ALGORITHM = MERGE … VIEW has more, and counts as unknown
	for range modifiers {
		p.advance()
		switch {
		case p.is("table"), p.is("tables"), p.is("index"), p.is("view"):
			return true
		case p.tok.kind != word:
			return false
		}
	}
	return false
}

// SetsFound reports whether the statement surely set FOUND_ROWS() if it succeeded;
// keeps is of MariaDB, and MySQL before 5.7.
func (st *Statement) SetsFound(keeps bool) bool {
	if (st.Ends|st.Leaves)&FoundRows != 0 {
		return true
	}
	if st.traits&traitVague != 0 {
		return false
	}
	p := parser{lexer: lexer{s: st.text}}
	p.advance()
	switch {
	case p.is("do"), p.is("update"):
		return !keeps
	case p.accept("show"):
		return st.reads&Warnings == 0 && !p.is("profile") && !p.is("profiles") && !p.is("count")
	}
	return false
}
