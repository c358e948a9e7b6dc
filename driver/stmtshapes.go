package mysqlpool

import (
	"fmt"
	"strings"
	"time"
)

// From 8.0.22 on MySQL gives each placeholder a type when it prepares, and when
// a value comes that does not fit prepares the statement again by that value, for
// good (MySQL manual, "PREPARE Statement"; Prepared_statement::check_parameter_types
// in sql/sql_prepare.cc). Whether a text fits depends on what it looks like: "5"
// is an integer, "5.5" a decimal number, and "abc" none. So there texts of
// different shapes are arguments of different kinds.

// fixesTypes reports whether a server of that version does so. One that is not
// known may.
func fixesTypes(version string) bool {
	if strings.Contains(version, "MariaDB") {
		return false
	}
	var major, minor, patch int
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); n < 3 {
		return true
	}
	return major > 8 || major == 8 && (minor > 0 || patch >= 22)
}

// Kinds of texts and bytes that look like numbers or times; without any of the bits
// that follow they are digits alone.
const (
	likeText  = 0x80
	likeBytes = 0xc0
)

// What texts have that look like numbers or times.
const (
	hasSign = 1 << iota // in front
	hasDash             // or + or / further on, as in a date
	hasPoint
	hasExponent
	hasTime // a colon, a blank, a T
	isLong  // more digits than fit an integer, or as many as a date with a time
)

// textKind is the kind of a text, or of bytes: word if it looks like no number and no
// time, else like with bits. A server reads no further than to the first letter.
func textKind[T string | []byte](v T, word, like byte) byte {
	start := 0
	for start < len(v) && isTextBlank(v[start]) {
		start++
	}
	bits, digits := byte(0), 0
	if start > 0 {
		bits = hasTime
	}
	for i := start; i < len(v); i++ {
		switch c := v[i]; {
		case '0' <= c && c <= '9':
			digits++
		case (c == '-' || c == '+') && i == start:
			bits |= hasSign
		case c == '-' || c == '+' || c == '/':
			bits |= hasDash
		case c == '.':
			bits |= hasPoint
		case digits == 0:
			return word
		case c == 'e' || c == 'E':
			bits |= hasExponent
		case c == ':' || c == 'T' || c == 'Z' || isTextBlank(c):
			bits |= hasTime
		case bits&(hasDash|hasTime) == hasDash|hasTime: // a time with a zone
			return like | bits
		default:
			return word
		}
	}
	if digits == 0 {
		return word
	}
	const maxDigits, noCentury, century = 18, len("060102150405"), len("20060102150405")
	if digits > maxDigits || bits == 0 && (digits == noCentury || digits == century) {
		bits |= isLong
	}
	return like | bits
}

func isTextBlank(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// timeKind is the kind of a time, which the stock driver sends as a text, in the
// time zone of the DSN.
func timeKind(t time.Time, loc *time.Location) byte {
	if t.IsZero() {
		return 'Z'
	}
	t = t.In(loc)
	switch h, m, s := t.Clock(); {
	case t.Nanosecond() != 0:
		return 'T'
	case h|m|s != 0:
		return 't'
	}
	return 'd'
}
