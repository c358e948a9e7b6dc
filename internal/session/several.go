package session

import "strings"

// MayBeSeveral reports whether a text may be several statements where the session allows
// them: it has a semicolon that is not at its end. The byte of one is part of no other
// character, in any character set that a client may have.
func MayBeSeveral(query string) bool {
	i := strings.IndexByte(query, ';')
	return i >= 0 && strings.IndexByte(strings.TrimRight(query, "; \t\r\n"), ';') >= 0
}

// MayFollowUse reports whether the statement, sent behind USE and a semicolon in one text,
// certainly does what it does alone: it reads or changes rows or tables, and does not read
// what USE changes. A comment alone would be no statement.
func (st *Statement) MayFollowUse() bool {
	const others = traitVague | traitMultiple | traitKills | traitAltersSchemas | traitMayBegin
	return st.Leaves|st.Ends&^FoundRows == 0 && st.reads == 0 && st.traits&others == 0 && !MayBeSeveral(st.text) &&
		(st.UsesTables() || st.ReturnsRows())
}

// ReturnsRows reports whether the statement's first word is one of those that return rows.
func (st *Statement) ReturnsRows() bool {
	p := parser{lexer: lexer{s: st.text}}
	for p.advance(); p.isSymbol('('); p.advance() {
	}
	return p.tok.kind == word && p.isOneOf(rowWords)
}

var rowWords = []string{"select", "show", "values", "table", "describe", "desc", "explain", "help", "check", "checksum"}
