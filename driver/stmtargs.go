package mysqlpool

import (
	"database/sql/driver"
	"encoding/json"
	"strings"
	"time"
)

// A server remembers of a prepared statement what arguments it ran with: on
// MySQL 5.6 "x NOT IN (?, 3)" finds nothing any more once it ran with NULL, and
// on MariaDB "ORDER BY ?" sorts in another way after a number than after a text.
// The stock driver, which prepares a text each time, never sees that. So a kept
// statement runs with arguments of the kinds it first ran with.

// argKind is what a server tells apart of an argument. If times has a location it
// tells texts apart by what they look like: see fixesTypes.
func argKind(v driver.Value, times timeFormat) byte {
	switch v := v.(type) {
	case nil:
		return kindNull
	case int64:
		return 'i'
	case uint64:
		return 'u'
	case float64:
		return 'f'
	case bool:
		return 'b'
	case []byte:
		if times.loc != nil {
			return textKind(v, 'x', likeBytes)
		}
		return 'x'
	case string:
		if times.loc != nil {
			return textKind(v, 's', likeText)
		}
		return 's'
	case time.Time:
		if times.loc != nil {
			return times.kind(v)
		}
		return 't'
	case json.RawMessage:
		if times.loc != nil {
			return textKind([]byte(v), 'j', likeBytes)
		}
		return 'j'
	}
	return '?'
}

const (
	kindNull = 'n'
	kindNone = '!' // like no other, so that no kept statement runs with it
)

// suits reports whether a kept statement may run with the arguments. The first
// run decides of what kinds they are.
func (s *statement) suits(args []driver.NamedValue) bool {
	if s.NumInput() != len(args) || anyNamed(args) { // the stock driver refuses those
		return false
	}
	if s.kinds == nil {
		kinds := make([]byte, len(args))
		for i := range args {
			if kinds[i] = argKind(args[i].Value, s.times); kinds[i] == kindNone {
				return false
			}
		}
		s.kinds = kinds
	}
	for i := range args {
		kind := argKind(args[i].Value, s.times)
		if kind == s.kinds[i] {
			continue
		}
		switch {
		case kind == kindNull && s.inserts:
		case s.kinds[i] == kindNull && s.inserts:
			s.kinds[i] = kind
		default:
			return false
		}
	}
	return true
}

// canKeep reports whether a text is to be kept that runs with the arguments: not
// if one is NULL, unless it is only stored.
func canKeep(query string, args []driver.NamedValue, times timeFormat) bool {
	for i := range args {
		switch {
		case args[i].Name != "", argKind(args[i].Value, times) == kindNone:
			return false
		case args[i].Value == nil && !onlyInserts(query):
			return false
		}
	}
	return true
}

// onlyInserts reports whether a text stores its arguments as they are, and
// neither computes with them nor compares them: INSERT … VALUES (?, ?), (?, ?).
func onlyInserts(query string) bool {
	verb, _, _ := strings.Cut(query, " ")
	if !strings.EqualFold(verb, "insert") && !strings.EqualFold(verb, "replace") {
		return false
	}
	const values = "VALUES"
	i := max(strings.LastIndex(query, values), strings.LastIndex(query, "values"))
	return i > 0 && !strings.Contains(query[:i], "?") && strings.Trim(query[i+len(values):], "?(), \t\r\n0123456789") == ""
}

func anyNamed(args []driver.NamedValue) bool {
	for i := range args {
		if args[i].Name != "" {
			return true
		}
	}
	return false
}
