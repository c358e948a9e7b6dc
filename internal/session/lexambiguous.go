package session

import "strings"

// ambiguous gives up reading at a place from which on the server may read the text
// in more ways than one. From there each byte is taken for code, so a sign
// counts wherever it is; and there are no more tokens.
func (l *lexer) ambiguous(from int) {
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
			if s := signOf(w); s&stateSigns != 0 {
				l.seen |= oddSign
				return
			} else if s != 0 {
				l.seen |= s | allDiagnostics
			}
			i += len(w)
		default:
			i++
		}
	}
}

// noZero calls ambiguous if there is a zero byte between start and here: to the server it
// ends some tokens and not others.
func (l *lexer) noZero(start int) {
	if strings.IndexByte(l.s[start:l.i], 0) >= 0 {
		l.ambiguous(start)
	}
}
