package session

// set reads SET (MySQL manual, "SET Syntax for Variable Assignment"). It
// reports false for what it does not recognise.
func (p *parser) set() bool {
	p.sets = true
	if p.is("transaction") {
		p.st.Leaves |= NextTransaction
		return p.characteristics(0)
	}
	if p.accept("statement") {
		return p.forOne()
	}
	// A scope holds for the assignments behind it that have none. What that
	// means in a list of several is left to the reset.
	global, items := false, 0
	for {
		ok, isGlobal := p.assignment()
		if !ok {
			return false
		}
		global = global || isGlobal
		items++
		if p.done() {
			break
		}
		p.advance() // the comma
	}
	return !global || items == 1
}

// forOne reads SET STATEMENT name = value, … FOR statement (MariaDB manual, "SET
// STATEMENT"): the variables have these values while the statement runs, and
// what it leaves is what it would leave by itself. It recognises plain values of
// variables that do not change what the statement is, and plain statements.
func (p *parser) forOne() bool {
	for {
		if p.tok.kind != word || findVar(p.text())&^decisive == 0 {
			return false
		}
		p.advance()
		if !p.becomes() || p.tok.kind != word && p.tok.kind != literal {
			return false
		}
		p.advance()
		if p.isSymbol('.') { // 0.5
			p.advance()
			p.advance()
		}
		if p.accept("for") {
			break
		}
		if !p.isSymbol(',') {
			return false
		}
		p.advance()
	}
	p.sets = false
	if p.tok.kind != word {
		return false
	}
	v := verbOf(p.text())
	if v == nil || v.kind == verbByWords {
		return false
	}
	p.begins(v)
	if v.kind == verbPlain {
		p.st.traits = p.st.traits&^traitInserts | traitChangesID
	}
	return true
}

// decisive is the variables that decide how a statement is read or what
// transaction it opens.
var decisive = findVar("character_set_client") | findVar("autocommit") | findVar("transaction_isolation") |
	findVar("transaction_read_only") | findVar("sql_mode")

// assignment reads one assignment, to the comma or the end behind it.
func (p *parser) assignment() (ok, global bool) {
	bare := true // SET @@x, unlike SET x, may be for one transaction only
	switch {
	case p.tok.kind == userVar || p.tok.kind == userOdd:
		p.advance()
		return p.value(), false
	case p.tok.kind == sysVar:
		p.advance()
		scope, isGlobal := p.scope()
		if scope {
			if !p.isSymbol('.') {
				return false, false
			}
			p.advance()
			global = isGlobal
		}
		bare = scope
	case p.accept("names"):
		return p.names(), false
	case p.is("character"), p.is("char"):
		p.advance()
		return p.accept("set") && p.names(), false
	case p.accept("charset"):
		return p.names(), false
	case p.is("role"):
		p.st.Leaves |= Identity
		return false, false
	default:
		scope, isGlobal := p.scope()
		if scope && p.is("transaction") {
			if isGlobal {
				return p.characteristics(0), true
			}
			return p.characteristics(1<<isolationGroup | 1<<readOnlyGroup), false
		}
		if scope && p.is("authorization") {
			p.st.Leaves |= Identity
			return false, false
		}
		global = isGlobal
	}
	return p.setVariable(global, bare)
}

// setVariable reads the name of a variable and what it is set to.
func (p *parser) setVariable(global, bare bool) (ok, isGlobal bool) {
	var v varSet
	switch p.tok.kind {
	case word:
		v = findVar(p.text())
		if p.is("last_insert_id") || p.is("identity") {
			p.seen |= setsIDSign
		}
	case quoted:
		v = findVar(p.s[p.tok.start+1 : p.tok.end-1])
	default:
		return false, false
	}
	p.advance()
	if !p.becomes() {
		return false, false
	}
	named := p.tok.kind == literal || p.tok.kind == quoted || p.tok.kind == word && !p.is("null")
	tokens := p.expression()
	if tokens == 0 {
		return false, false
	}
	// For stored functions of MySQL 5.6 that were called meanwhile
	// character_set_results stays NULL, whatever it is set to. So whatever may be
	// NULL counts as that.
	if v&(1<<namesGroup) != 0 && (!named || tokens > 1) {
		v = 0
	}
	if global {
		return true, true
	}
	if v == 0 {
		return false, false
	}
	p.st.Leaves |= Variables
	p.st.vars |= v
	if !bare && v&(1<<isolationGroup|1<<readOnlyGroup) != 0 {
		p.st.Leaves |= NextTransaction
	}
	return true, false
}

// scope skips a scope, if there is one.
func (p *parser) scope() (found, global bool) {
	switch {
	case p.accept("session"), p.accept("local"):
		return true, false
	case p.accept("global"), p.accept("persist"), p.accept("persist_only"):
		return true, true
	}
	return false, false
}

// value skips = and an expression.
func (p *parser) value() bool { return p.becomes() && p.expression() > 0 }

// becomes skips = or :=.
func (p *parser) becomes() bool {
	if !p.isSymbol('=') && p.tok.kind != becomes {
		return false
	}
	p.advance()
	return true
}

// expression skips an expression, to the comma or the end behind it, and returns
// how many tokens that were; 0 if it is none.
func (p *parser) expression() (n int) {
	depth := 0
	for ; !p.done(); n++ {
		switch {
		case p.isSymbol('('):
			depth++
			p.st.traits |= traitOpensTx // perhaps a subquery
		case p.isSymbol(')'):
			depth--
		case p.isSymbol(',') && depth == 0:
			return n
		}
		if depth < 0 {
			return 0
		}
		p.advance()
	}
	if depth != 0 {
		return 0
	}
	return n
}

// names reads what is behind SET NAMES and SET CHARACTER SET.
func (p *parser) names() bool {
	p.st.Leaves |= Variables
	p.st.vars |= 1 << namesGroup
	return !p.isSymbol('=') && p.expression() > 0
}

// characteristics reads SET [SESSION] TRANSACTION to its end. Of a transaction
// for the session it notes the variables.
func (p *parser) characteristics(vars varSet) bool {
	p.advance()
	if vars != 0 {
		p.st.Leaves |= Variables
		p.st.vars |= vars
	}
	n := 0
	for p.tok.kind == word || p.isSymbol(',') {
		p.advance()
		n++
	}
	return n > 0 && p.done()
}
