package session

import "strings"

func isSpace(c byte) bool {
	return c == ' ' || '\t' <= c && c <= '\r'
}

// isWordByte reports whether c is ASCII and can be part of an unquoted
// identifier (MySQL manual, "Schema Object Names"). A byte beyond ASCII ends a
// word, although it may be a letter: in latin1 0xA0 is white space, and what is
// behind it begins a word for the server.
func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '$'
}

// nextWord returns the word that s begins with, or nothing.
func nextWord(s string) string {
	i := 0
	for i < len(s) && isWordByte(s[i]) {
		i++
	}
	return s[:i]
}

// foldsTo reports whether s, which has the length of word, is that lower-case ASCII word, in
// any case.
func foldsTo(s, word string) bool {
	for i := range len(word) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// isFolded is foldsTo for an s of any length.
func isFolded(s, word string) bool { return len(s) == len(word) && foldsTo(s, word) }

// hasFoldedPrefix is foldsTo for the beginning of s.
func hasFoldedPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && foldsTo(s[:len(prefix)], prefix)
}

func hasPrefixAt(s string, i int, prefix string) bool {
	return strings.HasPrefix(s[i:], prefix)
}

// indexFrom returns where sub is in s at or behind i, or -1.
func indexFrom(s string, i int, sub string) int {
	if at := strings.Index(s[i:], sub); at >= 0 {
		return i + at
	}
	return -1
}
