package session

import "strings"

// create reads CREATE as far as what it creates.
func (p *parser) create() bool {
	replaces := false
	for p.tok.kind == word && !p.done() {
		switch {
		case p.accept("temporary"):
			p.plain = false
			p.createTemporary()
			return true
		case p.isOneOf(routines):
			return p.body()
		case p.isOneOf(otherObjects):
			if p.is("database") || p.is("schema") {
				p.st.traits |= traitAltersSchemas
				if replaces {
					p.st.Leaves |= Schema // MariaDB drops it first, and it may be the current one
				}
			}
			p.table = p.is("table")
			if p.table {
				p.st.traits |= traitChangesID // CREATE TABLE … SELECT
			}
			p.plain = true
			return true
		case p.accept("definer"):
			if !p.account() {
				return false
			}
		case p.accept("replace"):
			replaces = true
		case p.isOneOf(modifiers):
			p.advance()
		case p.accept("algorithm"):
			if !p.isSymbol('=') {
				return false
			}
			p.advance()
			p.advance()
		default:
			return false
		}
	}
	return false
}

// What CREATE may be of, and the words that may be before it.
var (
	routines     = []string{"procedure", "function", "trigger", "package", "library"}
	otherObjects = []string{
		"table", "index", "view", "database", "schema", "user", "role", "sequence", "server", "tablespace",
		"logfile", "event", "reference", "resource",
	}
	modifiers = []string{
		"or", "aggregate", "unique", "fulltext", "spatial", "vector", "online", "offline", "undo", "sql", "security",
		"invoker",
	}
)

// account skips = user@host, behind DEFINER.
func (p *parser) account() bool {
	if !p.isSymbol('=') {
		return false
	}
	p.advance()
	if p.accept("current_user") || p.accept("current_role") {
		if p.isSymbol('(') {
			p.advance()
			p.advance()
		}
		return true
	}
	if p.tok.kind != word && p.tok.kind != quoted && p.tok.kind != literal {
		return false
	}
	p.advance()
	if p.tok.kind == userVar || p.tok.kind == userOdd {
		p.advance()
	}
	// That was a host, and no variable.
	p.seen &^= userSign | unnamedSign
	return true
}

// body skips what a stored routine will do when it runs, which is not now. Its
// semicolons separate no statements, if the text is only one.
func (p *parser) body() bool {
	if p.multi || p.seen&(unsureSign|oddSign|escapeSign) != 0 {
		return false
	}
	p.i = len(p.s)
	p.tok = token{kind: atEnd, start: p.i, end: p.i}
	return true
}

func (p *parser) createTemporary() {
	p.st.Leaves |= TempTables
	p.st.traits |= traitChangesID
	if !p.accept("table") {
		return
	}
	if p.accept("if") && !(p.accept("not") && p.accept("exists")) {
		return
	}
	p.st.name = p.tableName()
}

// tableName reads a name, with or without its schema, and returns it as it is
// written but for `. It returns "" for one that may be read in more ways.
func (p *parser) tableName() string {
	start := p.tok.start
	end := start
	for {
		if p.tok.kind != word && (p.tok.kind != quoted || p.s[p.tok.start] != '`') {
			return ""
		}
		if p.tok.kind == quoted && strings.Contains(p.text(), ".") {
			return ""
		}
		end = p.tok.end
		p.advance()
		if !p.isSymbol('.') {
			break
		}
		p.advance()
	}
	name := p.s[start:end]
	for i := range len(name) {
		if c := name[i]; !isWordByte(c) && c != '`' && c != '.' {
			return ""
		}
	}
	if p.seen&(unsureSign|oddSign|escapeSign) != 0 || strings.Contains(name, "``") {
		return ""
	}
	return name
}

func (p *parser) drop() bool {
	switch {
	case p.accept("database"), p.accept("schema"):
		// If it is the current one there is none afterwards.
		p.st.Leaves |= Schema
		p.st.traits |= traitAltersSchemas
		return true
	case p.is("temporary"), p.is("table"), p.is("tables"):
		p.plain = true
		p.st.traits |= traitDropsTable
		p.st.Ends |= TempTables
		return true
	}
	p.plain = true
	return p.tok.kind == word
}

// droppedTables calls drop with each table that DROP TABLE names.
func droppedTables(text string, drop func(name string)) {
	p := parser{lexer: lexer{s: text}}
	p.advance()
	p.accept("drop")
	p.accept("temporary")
	if !p.accept("table") && !p.accept("tables") {
		return
	}
	if p.accept("if") && !p.accept("exists") {
		return
	}
	for {
		name := p.tableName()
		if name == "" {
			return
		}
		drop(tableKey(name))
		if !p.isSymbol(',') {
			return
		}
		p.advance()
	}
}

// tableKey is a table's name as [parser.tableName] returns it, without quotes.
func tableKey(name string) string { return strings.ReplaceAll(name, "`", "") }
