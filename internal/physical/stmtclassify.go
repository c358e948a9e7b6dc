package physical

import "strings"

func (p keeper) cachesSubqueries() bool {
	facts := p.Host.Learned.Load()
	return facts == nil || facts.CachesSubqueries
}

// comparesWithSubquery reports whether a text may compare with the rows of a subquery:
// IN, ANY, SOME or ALL, and a query in parentheses.
func comparesWithSubquery(query string) bool {
	for i := 0; i < len(query); i++ {
		word := wordAt(query, i)
		if word == "" {
			continue
		}
		i += len(word) - 1
		if !isOneOf(word, "in", "any", "some", "all") {
			continue
		}
		rest := skipBlanks(query[i+1:])
		if !strings.HasPrefix(rest, "(") {
			continue
		}
		for strings.HasPrefix(rest, "(") {
			rest = skipBlanks(rest[1:])
		}
		if isOneOf(wordAt(rest, 0), "select", "with", "values", "table") {
			return true
		}
	}
	return false
}

// returnsNoRows reports whether a text surely returns none.
func returnsNoRows(query string) bool {
	if !isOneOf(wordAt(skipBlanks(query), 0), "insert", "update", "delete", "replace") {
		return false
	}
	for i := 0; i < len(query); i++ {
		if word := wordAt(query, i); word != "" {
			if strings.EqualFold(word, "returning") {
				return false
			}
			i += len(word) - 1
		}
	}
	return true
}

// wordAt returns the word that begins there, or "".
func wordAt(query string, i int) string {
	end := i
	for end < len(query) && isWordByte(query[end]) {
		end++
	}
	return query[i:end]
}

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

func isOneOf(word string, all ...string) bool {
	for _, w := range all {
		if strings.EqualFold(word, w) {
			return true
		}
	}
	return false
}

// skipBlanks skips blanks and comments. What a server runs although it stands in a
// comment (/*!50000 SELECT */) is no comment here.
func skipBlanks(query string) string {
	for {
		query = strings.TrimLeft(query, " \t\r\n\v\f")
		end, from := "\n", 1
		switch {
		case strings.HasPrefix(query, "/*!"), strings.HasPrefix(query, "/*M!"):
			query = strings.TrimLeft(query, "/*M!0123456789")
			continue
		case strings.HasPrefix(query, "*/"):
			query = query[2:]
			continue
		case strings.HasPrefix(query, "/*"):
			end, from = "*/", 2
		case strings.HasPrefix(query, "#"), strings.HasPrefix(query, "--"):
		default:
			return query
		}
		at := strings.Index(query[from:], end)
		if at < 0 {
			return ""
		}
		query = query[from+at+len(end):]
	}
}
