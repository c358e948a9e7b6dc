package session

// OnlyReadsDiagnostics reports whether the statement certainly only reads diagnostics, which
// are the same on any schema: SHOW WARNINGS, SELECT FOUND_ROWS(), SET @n = ROW_COUNT(),
// GET DIAGNOSTICS.
func (st *Statement) OnlyReadsDiagnostics() bool {
	if st.reads&(Warnings|RowCount|Found) == 0 || st.traits&(traitVague|traitMultiple) != 0 || st.Leaves&^UserVariables != 0 {
		return false
	}
	p := parser{lexer: lexer{s: st.text}}
	p.advance()
	switch {
	case p.accept("show"):
		return p.is("warnings") || p.is("errors") || p.is("count")
	case p.accept("get"):
		return p.hasNoCalls()
	case p.accept("select"), p.accept("set"):
		return p.selectsOnlyDiagnostics()
	}
	return false
}

// hasNoCalls reports whether there are no parentheses from here on.
func (p *parser) hasNoCalls() bool {
	for ; p.tok.kind != atEnd; p.advance() {
		if p.isSymbol('(') || p.tok.kind == quoted {
			return false
		}
	}
	return true
}

// answerNames is the functions and variables, and noNames the other words, that SELECT
// and SET may have where they need no schema.
var (
	answerNames = []string{"row_count", "found_rows", "last_insert_id", "warning_count", "error_count"}
	noNames     = []string{"select", "as", "limit", "into"}
)

// selectsOnlyDiagnostics reports whether behind SELECT or SET there are no names but those, of
// user variables, and such as are given to columns.
func (p *parser) selectsOnlyDiagnostics() bool {
	const (
		other   = iota
		name    // one that may be called
		closing // ), a variable or an argument: a column's name may follow
		as
	)
	after := other
	for ; p.tok.kind != atEnd; p.advance() {
		switch {
		case p.tok.kind == sysVar:
			if p.advance(); p.tok.kind != word || !p.isOneOf(answerNames[3:]) {
				return false
			}
			after = closing
		case p.tok.kind == word && after == as:
			after = other
		case p.tok.kind == word && p.isOneOf(answerNames[:3]):
			after = name
		case p.is("as"):
			after = as
		case p.tok.kind == word && (p.isOneOf(noNames) || isNumber(p.text())):
			after = other
		case p.tok.kind == word && after == closing:
			after = other
		case p.isSymbol('('):
			if after != name {
				return false
			}
			after = other
		case p.isSymbol(')'), p.isSymbol('?'), p.tok.kind == userVar:
			after = closing
		case p.tok.kind == becomes, p.isSymbol(','), p.isSymbol(';'), p.isSymbol('+'), p.isSymbol('='):
			after = other
		default:
			return false
		}
	}
	return true
}
