package session

import (
	"strings"
	"unicode/utf8"
)

// reading is how backslashes in quotes are understood.
type reading uint8

const (
	plainSingle reading = 1 << iota // they are plain in '...': sql_mode NO_BACKSLASH_ESCAPES
	plainDouble                     // and in "...": that mode, or ANSI_QUOTES
)

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
			l.ambiguous(start)
			return
		}
		at += i
		if q != '`' && l.s[at-1] == '\\' {
			n := 1
			for at-1-n > start && l.s[at-1-n] == '\\' {
				n++
			}
			if l.s[at-1-n] >= 0x80 {
				l.ambiguous(start)
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
				l.ambiguous(start) // the first of the two may belong to that byte
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
			l.ambiguous(start)
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
