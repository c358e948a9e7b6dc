package session

import (
	"strings"
	"unicode/utf8"
)

// tokenKind says what a token is.
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

// signs is what a lexer has met on its way.
type signs uint16

const (
	lockSign    signs = 1 << iota // the name of a lock function
	rowsSign                      // SQL_CALC_FOUND_ROWS
	userSign                      // a user variable
	unnamedSign                   // a user variable whose name was not read
	becomesSign                   // :=
	oddSign                       // what makes anything possible: an executed comment, a byte that no statement has
	unsureSign                    // how quotes are to be read depends on the session; the text was not read to its end
	escapeSign                    // as unsureSign, but reading the text in each way will tell
	brokenSign                    // what no statement has, in this reading: a quote that is not closed, \ outside quotes; with unsureSign
)

// reading is how backslashes in quotes are understood.
type reading uint8

const (
	plainSingle reading = 1 << iota // they are plain in '...': sql_mode NO_BACKSLASH_ESCAPES
	plainDouble                     // and in "...": that mode, or ANSI_QUOTES
)

// lexer cuts a statement's text into tokens as the server does (MySQL manual,
// "Lexical Structure"), and keeps to itself what white space and comments are.
// Where the server's reading depends on the session's sql_mode or character
// set, which are not known here, it doubts: see [lexer.doubt].
type lexer struct {
	s       string
	i       int
	reading reading
	seen    signs
}

const (
	classOdd     = iota // control bytes
	classBlank          // white space
	classWord           // letters, digits, _ and $
	classSymbol         // symbols that mean nothing here
	classSpecial        // those that do
	classHigh           // beyond ASCII
)

var class = func() (t [256]uint8) {
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
		switch c := l.s[l.i]; class[c] {
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
				l.doubt(l.i)
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
			l.seen |= signOf(l.s[start+1 : l.i-1])
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
			l.doubt(start)
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
		c := class[s[i]]
		if c == classWord {
			start := i
			for i++; i < len(s) && class[s[i]] == classWord; i++ {
			}
			if s[start] == '$' {
				i = start
				break
			}
			if i-start >= len("get_lock") {
				l.seen |= signOf(s[start:i])
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
	for l.i < len(l.s) && class[l.s[l.i]] == classWord {
		l.i++
	}
	if l.s[start] == '$' {
		// MySQL 9 has strings between $$ and $$.
		l.doubt(start)
		return token{symbol, start, len(l.s)}
	}
	l.seen |= signOf(l.s[start:l.i])
	return token{word, start, l.i}
}

// variable reads @name or @@ (MySQL manual, "User-Defined Variables").
func (l *lexer) variable() token {
	start := l.i
	l.i++
	switch l.peek(0) {
	case '@':
		l.i++
		return token{sysVar, start, l.i}
	case '\'', '"', '`':
		l.seen |= userSign | unnamedSign
		l.quote(l.s[l.i])
		return token{userOdd, start, l.i}
	}
	for l.i < len(l.s) && (class[l.s[l.i]] == classWord || l.s[l.i] == '.') {
		l.i++
	}
	l.seen |= userSign
	if l.i == start+1 || l.peek(0) >= 0x80 {
		l.seen |= unnamedSign
		return token{userOdd, start, l.i}
	}
	return token{userVar, start + 1, l.i}
}

// comment skips the comment that begins with c at the current place, and
// reports false if none does (MySQL manual, "Comments").
func (l *lexer) comment(c byte) bool {
	start := l.i
	switch {
	case c == '#':
	case c == '-' && l.peek(1) == '-':
		// Behind the dashes the server wants white space or a control byte. What
		// those are beyond ASCII depends on the character set.
		if n := l.peek(2); n >= 0x7f {
			l.doubt(start)
			return true
		} else if l.i+2 < len(l.s) && n > ' ' {
			return false
		}
	case c == '/' && l.peek(1) == '*':
		l.blockComment()
		return true
	default:
		return false
	}
	end := indexFrom(l.s, start, "\n")
	if end < 0 {
		end = len(l.s)
	}
	l.i = end
	l.noZero(start)
	return true
}

func (l *lexer) blockComment() {
	start := l.i
	end := indexFrom(l.s, start+2, "*/")
	switch n := l.peek(2); {
	case end < 0:
		l.seen |= oddSign
		l.doubt(start)
		return
	case n == '!', l.peek(3) == '!' && class[n] == classWord:
		// /*! and MariaDB's /*M!: the server executes what is inside. The rest
		// is read as if it were code, but cannot be made sense of.
		l.seen |= oddSign
		l.doubt(start)
		return
	case n == '+' && strings.ContainsAny(l.s[start:end], "'\"`\\"):
		// A hint has quotes of its own, and these may hide the end.
		l.doubt(start)
		return
	}
	l.i = end + 2
	l.noZero(start)
}

// noZero doubts if there is a zero byte between start and here: to the server
// it ends some tokens and not others.
func (l *lexer) noZero(start int) {
	if strings.IndexByte(l.s[start:l.i], 0) >= 0 {
		l.doubt(start)
	}
}

// quote skips what is between quotes (MySQL manual, "String Literals").
//
// Whether a backslash escapes depends on the session. It matters only right
// before a quote: with an even number of backslashes there the quote ends the
// text either way. A byte beyond ASCII before them may take the first with it.
// No character set has a second byte that is ' or ", but some have `.
func (l *lexer) quote(q byte) {
	start := l.i
	for i := start + 1; ; {
		at := strings.IndexByte(l.s[i:], q)
		if at < 0 {
			l.seen |= brokenSign
			l.doubt(start)
			return
		}
		at += i
		if q != '`' && l.s[at-1] == '\\' {
			n := 1
			for at-1-n > start && l.s[at-1-n] == '\\' {
				n++
			}
			if l.s[at-1-n] >= 0x80 {
				l.doubt(start)
				return
			}
			if n%2 == 1 {
				l.seen |= escapeSign
				if l.escapes(q) {
					i = at + 1
					continue
				}
			}
		}
		if at+1 < len(l.s) && l.s[at+1] == q {
			if q == '`' && l.s[at-1] >= 0x80 {
				l.doubt(start) // the first of the two may belong to that byte
				return
			}
			i = at + 2
			continue
		}
		l.i = at + 1
		break
	}
	// An identifier is not read as carefully as a string.
	if q != '\'' {
		text := l.s[start+1 : l.i-1]
		if q == '`' && l.s[l.i-2] >= 0x80 || !utf8.ValidString(text) {
			l.doubt(start)
			return
		}
		l.noZero(start)
	}
}

func (l *lexer) escapes(q byte) bool {
	if q == '"' {
		return l.reading&plainDouble == 0
	}
	return l.reading&plainSingle == 0
}

// doubt gives up reading at a place from which on the server may read the text
// in more ways than one. From there each byte is taken for code, so a sign
// counts wherever it is; and there are no more tokens.
func (l *lexer) doubt(from int) {
	l.seen |= unsureSign
	l.i = len(l.s)
	s := l.s[from:]
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '@', c == ';', c == ':' && hasPrefixAt(s, i, ":="):
			l.seen |= oddSign
			return
		case c == '/' && hasPrefixAt(s, i, "/*") && strings.IndexByte(s[i:min(i+4, len(s))], '!') >= 0:
			l.seen |= oddSign
			return
		case isWordByte(c):
			w := nextWord(s[i:])
			if signOf(w) != 0 {
				l.seen |= oddSign
				return
			}
			i += len(w)
		default:
			i++
		}
	}
}

// signOf returns what the name of a function, or a word, is a sign of: MySQL
// manual, "Locking Functions", "The Locking Service" and "Version Tokens
// Reference".
func signOf(w string) signs {
	switch len(w) {
	case len("get_lock"):
		if fold(w, "get_lock") {
			return lockSign
		}
	case len("release_lock"):
		if fold(w, "release_lock") {
			return lockSign
		}
	case len("release_all_locks"):
		if fold(w, "release_all_locks") {
			return lockSign
		}
	case len("sql_calc_found_rows"):
		if fold(w, "sql_calc_found_rows") {
			return rowsSign
		}
	}
	if len(w) > len("service_") && (hasFoldedPrefix(w, "service_get_") || hasFoldedPrefix(w, "service_release_") ||
		hasFoldedPrefix(w, "version_tokens_")) {
		return oddSign
	}
	return 0
}
