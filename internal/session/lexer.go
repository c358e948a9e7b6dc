package session

import "strings"

// tokenKind is what a token is.
type tokenKind uint8

const (
	atEnd   tokenKind = iota // the text is over
	word                     // an unquoted identifier, a keyword or a number, in ASCII
	literal                  // '...'
	quoted                   // `...`, or "..." which is an identifier with ANSI_QUOTES and else a string
	userVar                  // @name
	userOdd                  // @'name', @`name`, @"name", or @ before anything else
	sysVar                   // @@
	becomes                  // :=
	symbol                   // any other byte
)

// token is a piece of a statement's text; for userVar without the @.
type token struct {
	kind       tokenKind
	start, end int
}

// lexer cuts a statement's text into tokens as the server does (MySQL manual,
// "Lexical Structure"), and keeps to itself what white space and comments are.
// Where the server's reading depends on the session's sql_mode or character
// set, which are not known here, it gives up: see [lexer.ambiguous].
type lexer struct {
	s       string
	i       int
	reading reading
	seen    findings
}

const (
	classOdd     = iota // control bytes
	classBlank          // white space
	classWord           // letters, digits, _ and $
	classSymbol         // symbols that mean nothing here
	classSpecial        // those that do
	classHigh           // beyond ASCII
)

var byteClass = func() (t [256]uint8) {
	for c := range t {
		switch c := byte(c); {
		case c >= 0x80:
			t[c] = classHigh
		case isSpace(c):
			t[c] = classBlank
		case isWordByte(c):
			t[c] = classWord
		case c < ' ' || c == 0x7f:
			t[c] = classOdd
		case strings.IndexByte("'\"`@:/-#\\;", c) >= 0:
			t[c] = classSpecial
		default:
			t[c] = classSymbol
		}
	}
	return t
}()

// next returns the next token.
func (l *lexer) next() token {
	for l.i < len(l.s) {
		switch c := l.s[l.i]; byteClass[c] {
		case classBlank:
			l.i++
		case classWord:
			return l.word()
		case classSymbol:
			l.i++
			return token{symbol, l.i - 1, l.i}
		case classHigh:
			// A byte beyond ASCII may take these two with it, in the character
			// sets of China, Japan and Korea.
			if l.peek(1) == '`' || l.peek(1) == '\\' {
				l.ambiguous(l.i)
				continue
			}
			l.i++
			return token{symbol, l.i - 1, l.i}
		case classSpecial:
			if t, ok := l.special(c); ok {
				return t
			}
		default:
			l.seen |= oddSign
			l.i++
		}
	}
	return token{kind: atEnd, start: len(l.s), end: len(l.s)}
}

// special reads what begins with c at the current place. It reports false if
// that is not a token.
func (l *lexer) special(c byte) (token, bool) {
	start := l.i
	kind := symbol
	switch c {
	case '\'':
		kind = literal
		l.quote(c)
	case '"', '`':
		kind = quoted
		l.quote(c)
		if l.i-start > 2 {
			l.sign(l.s[start+1:l.i-1], l.i)
		}
	case '@':
		return l.variable(), true
	case ':':
		l.i++
		if l.peek(0) == '=' {
			kind = becomes
			l.seen |= becomesSign
			l.i++
		}
	case '\\':
		if l.peek(1) == 'N' { // NULL
			l.i += 2
		} else {
			l.seen |= brokenSign
			l.ambiguous(start)
			return token{}, false
		}
	default:
		if l.comment(c) {
			return token{}, false
		}
		l.i++
	}
	if l.seen&unsureSign != 0 {
		kind = symbol // its end is not known
	}
	return token{kind, start, l.i}, true
}

// skip moves on to the next place at which a token may matter to one who only
// looks for signs and for the end of the statement.
func (l *lexer) skip() {
	s, i := l.s, l.i
	for i < len(s) {
		c := byteClass[s[i]]
		if c == classWord {
			start := i
			for i++; i < len(s) && byteClass[s[i]] == classWord; i++ {
			}
			if s[start] == '$' {
				i = start
				break
			}
			if i-start >= minSignWord {
				l.sign(s[start:i], i)
			}
		} else if c <= classSymbol {
			i++
		} else {
			break
		}
	}
	l.i = i
}

// peek returns the n-th byte from here, or 0.
func (l *lexer) peek(n int) byte {
	if l.i+n < len(l.s) {
		return l.s[l.i+n]
	}
	return 0
}

func (l *lexer) word() token {
	start := l.i
	for l.i < len(l.s) && byteClass[l.s[l.i]] == classWord {
		l.i++
	}
	if l.s[start] == '$' {
		// MySQL 9 has strings between $$ and $$.
		l.ambiguous(start)
		return token{symbol, start, len(l.s)}
	}
	l.sign(l.s[start:l.i], l.i)
	return token{word, start, l.i}
}

// variable reads @name or @@ (MySQL manual, "User-Defined Variables").
func (l *lexer) variable() token {
	start := l.i
	l.i++
	switch l.peek(0) {
	case '@':
		l.i++
		l.seen |= sysVarSign(l.s[l.i:])
		return token{sysVar, start, l.i}
	case '\'', '"', '`':
		l.seen |= userSign | unnamedSign
		l.quote(l.s[l.i])
		return token{userOdd, start, l.i}
	}
	for l.i < len(l.s) && (byteClass[l.s[l.i]] == classWord || l.s[l.i] == '.') {
		l.i++
	}
	l.seen |= userSign
	if l.i == start+1 || l.peek(0) >= 0x80 {
		l.seen |= unnamedSign
		return token{userOdd, start, l.i}
	}
	return token{userVar, start + 1, l.i}
}
