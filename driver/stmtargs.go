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

// argKind is what a server tells apart of an argument.
func argKind(v driver.Value) byte {
	switch v.(type) {
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
		return 'x'
	case string:
		return 's'
	case time.Time:
		return 't'
	case json.RawMessage:
		return 'j'
	}
	return '?'
}

const kindNull = 'n'

// suits reports whether a kept statement may run with the arguments. The first
// run decides of what kinds they are.
func (s *statement) suits(args []driver.NamedValue) bool {
	if s.NumInput() != len(args) {
		return false
	}
	if s.kinds == nil {
		kinds := make([]byte, len(args))
		for i := range args {
			kinds[i] = argKind(args[i].Value)
		}
		s.kinds = kinds
	}
	for i := range args {
		kind := argKind(args[i].Value)
		if args[i].Name != "" { // the stock driver refuses it
			return false
		}
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
func canKeep(query string, args []driver.NamedValue) bool {
	for i := range args {
		if args[i].Name != "" || args[i].Value == nil && !onlyInserts(query) {
			return false
		}
	}
	return true
}

// onlyInserts reports whether a text stores its arguments, and does not compare
// them.
func onlyInserts(query string) bool {
	if len(query) < len("replace") {
		return false
	}
	verb := query[:len("insert")]
	if !strings.EqualFold(verb, "insert") && !strings.EqualFold(query[:len("replace")], "replace") {
		return false
	}
	return !strings.Contains(strings.ToLower(query), "select")
}
