// Package session tells from a statement's text whether the statement can
// leave state behind in the server's session.
package session

// Plain reports whether the statement is a read or a write that leaves nothing
// behind in its session: one SELECT, INSERT, UPDATE, DELETE, REPLACE, WITH,
// VALUES, TABLE, SHOW, DESCRIBE or EXPLAIN, without any sign of a variable, a
// lock function, a second statement or a comment that the server executes.
//
// It knows little and trusts nothing: what it does not recognise is not plain,
// and a sign inside a quoted string counts too. What a stored function or a
// trigger does is not in the text and cannot be seen. It does not allocate.
func Plain(query string) bool {
	i, ok := skipBlank(query)
	if !ok {
		return false
	}
	word := nextWord(query[i:])
	return plainVerb(word) && !hasSign(query[i+len(word):])
}

// skipBlank returns where the first word begins, behind white space, opening
// parentheses and comments. It reports false if there is no such place or if
// a comment there is one that the server executes.
func skipBlank(query string) (int, bool) {
	for i := 0; i < len(query); {
		switch c := query[i]; {
		case isSpace(c) || c == '(':
			i++
		case c == '#', c == '-' && hasPrefixAt(query, i, "--") && i+2 < len(query) && isSpace(query[i+2]):
			end := indexFrom(query, i, "\n")
			if end < 0 {
				return 0, false
			}
			i = end + 1
		case hasPrefixAt(query, i, "/*"):
			end := indexFrom(query, i+2, "*/")
			if end < 0 || isExecuted(query, i) {
				return 0, false
			}
			i = end + 2
		default:
			return i, true
		}
	}
	return 0, false
}

// plainVerb reports whether statements that begin with the word read or write
// rows and do nothing else.
func plainVerb(word string) bool {
	switch len(word) {
	case 4:
		return fold(word, "show") || fold(word, "with") || fold(word, "desc")
	case 5:
		return fold(word, "table")
	case 6:
		return fold(word, "select") || fold(word, "insert") || fold(word, "update") ||
			fold(word, "delete") || fold(word, "values")
	case 7:
		return fold(word, "replace") || fold(word, "explain")
	case 8:
		return fold(word, "describe")
	}
	return false
}

// hasSign reports whether the rest of a statement has any sign of state.
func hasSign(s string) bool {
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '@', c == ';':
			return true
		case c == '/':
			if hasPrefixAt(s, i, "/*") && isExecuted(s, i) {
				return true
			}
			i++
		case isWordByte(c):
			word := nextWord(s[i:])
			if stateWord(word) {
				return true
			}
			i += len(word)
		default:
			i++
		}
	}
	return false
}

// stateWord reports whether a word is the name of a function that takes or
// releases a lock (MySQL manual, "Locking Functions", "The Locking Service" and
// "Version Tokens Reference") or of one that remembers the number of rows found for the next statement.
func stateWord(word string) bool {
	switch len(word) {
	case len("get_lock"):
		return fold(word, "get_lock")
	case len("release_lock"):
		return fold(word, "release_lock")
	case len("release_all_locks"):
		return fold(word, "release_all_locks")
	case len("sql_calc_found_rows"):
		return fold(word, "sql_calc_found_rows")
	}
	return hasFoldedPrefix(word, "service_get_") || hasFoldedPrefix(word, "service_release_") || hasFoldedPrefix(word, "version_tokens_")
}

// isExecuted reports whether the comment at i is one that a server executes:
// /*! on MySQL and MariaDB, /*M! on MariaDB alone.
func isExecuted(s string, i int) bool {
	return hasPrefixAt(s, i, "/*!") || hasPrefixAt(s, i, "/*M!") || hasPrefixAt(s, i, "/*m!")
}
