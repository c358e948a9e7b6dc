package session

import "strings"

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
			l.ambiguous(start)
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
		l.ambiguous(start)
		return
	case n == '!', l.peek(3) == '!' && byteClass[n] == classWord:
		// /*! and MariaDB's /*M!: the server executes what is inside. The rest
		// is read as if it were code, but cannot be made sense of.
		l.seen |= oddSign
		l.ambiguous(start)
		return
	case n == '+' && strings.ContainsAny(l.s[start:end], "'\"`\\"):
		// A hint has quotes of its own, and these may hide the end.
		l.ambiguous(start)
		return
	}
	l.i = end + 2
	l.noZero(start)
}
