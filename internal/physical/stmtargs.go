package physical

import (
	"database/sql/driver"
	"encoding/json"
	"strings"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
)

// A server remembers of a prepared statement what arguments it ran with: on
// MySQL 5.6 "x NOT IN (?, 3)" finds nothing any more once it ran with NULL, and
// on MariaDB "ORDER BY ?" sorts in another way after a number than after a text.
// The stock driver, which prepares a text each time, never sees that. So a kept
// statement runs with arguments of the classes it first ran with, and a text is kept
// once for each list of classes.

// argClass is what a server tells apart of an argument, which is what the stock
// driver sends for it (writeExecutePacket there), whatever its type in Go: texts,
// bytes, JSON and times all go as a text, and each nil goes as NULL. If times has a
// location the server tells texts apart by what they look like too: see serverinfo.FixesTypes.
func argClass(v driver.Value, times dsn.TimeFormat) byte {
	switch v := v.(type) {
	case nil:
		return classNull
	case int64:
		return 'i'
	case uint64:
		return 'u'
	case float64:
		return 'f'
	case bool:
		return 'b'
	case []byte:
		class := bytesClass(v, times)
		if class == classWide && times.Loc != nil {
			class = classBytes
		}
		return class
	case string:
		if times.Loc != nil {
			return textClass(v)
		}
		return wordClass(v)
	case time.Time:
		if times.Loc != nil {
			return timeClass(v, times)
		}
		return classText
	case json.RawMessage:
		return bytesClass(v, times)
	}
	return classNone // the stock driver refuses it
}

func bytesClass(v []byte, times dsn.TimeFormat) (class byte) {
	switch {
	case v == nil:
		return classNull
	case times.Loc == nil:
		return wordClass(v)
	}
	return textClass(v)
}

const (
	classNull = 'n'
	classText = 's' // of ASCII
	classWide = 'S' // a text with other characters: its character set counts
	// classBytes is such bytes where the server fixes types. A text that is stored is
	// what it was, or refused, and so are bytes but in a column of bits.
	classBytes = 'B'
	classNone  = '!' // like no other, so that no kept statement runs with it
)

// accepts reports whether a kept statement may run with the arguments. The first
// run decides of what classes they are.
func (s *statement) accepts(args []driver.NamedValue) bool {
	if s.NumInput() != len(args) || anyNamed(args) { // the stock driver refuses those
		return false
	}
	if s.argClasses == nil {
		if !canKeep(args, s.times, s.inserts) {
			return false
		}
		classes := make([]byte, len(args))
		for i := range args {
			classes[i] = argClass(args[i].Value, s.times)
		}
		s.argClasses = classes
		return true
	}
	for i := range args {
		class := argClass(args[i].Value, s.times)
		if class == s.argClasses[i] {
			continue
		}
		switch {
		case !s.inserts:
			return false
		case class == classNull:
		case s.argClasses[i] == classNull:
			s.argClasses[i] = class
		case isWord(class) && isWord(s.argClasses[i]): // it is stored, or refused
		default:
			return false
		}
	}
	return true
}

// canKeep reports whether a text is to be kept for arguments like these; inserts
// as onlyInserts says.
//
// Where the server fixes types it may prepare a new statement again because of a number
// or a time that it did not expect. By then it has converted the texts to one character
// set, and a kept statement converts them to another. With ASCII both are the same.
func canKeep(args []driver.NamedValue, times dsn.TimeFormat, inserts bool) bool {
	wide, bytes, other := false, false, false
	for i := range args {
		class := argClass(args[i].Value, times)
		if args[i].Name != "" {
			return false
		}
		switch class {
		case classNone:
			return false
		case classNull, classText:
		case classWide:
			wide = true
		case classBytes:
			bytes = true
		default:
			other = true
		}
	}
	return times.Loc == nil || !other || !bytes && (!wide || inserts)
}

func isWord(class byte) bool { return class == classText || class == classWide }

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
