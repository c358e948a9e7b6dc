package physical

import (
	"time"
	"unicode/utf8"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
)

// From 8.0.22 on MySQL gives each placeholder a type when it prepares, and when
// a value comes that does not fit prepares the statement again by that value, for
// good (MySQL manual, "PREPARE Statement"; Prepared_statement::check_parameter_types
// in sql/sql_prepare.cc). Whether a text fits depends on what it looks like: "5"
// is an integer, "5.5" a decimal number, and "abc" none. So there texts of
// different shapes are arguments of different classes, and those of which it is not
// sure what the server makes of them are of none.

// likeNumber is the class of texts that look like numbers or dates; without any of the
// bits that follow they are digits alone.
const likeNumber = 0x80

// What texts have that look like numbers or times.
const (
	hasSign     = 1 << iota // in front
	hasDash                 // or + or / further on, as in a date
	hasPoint                // one or more
	hasExponent             // e
	hasTime                 // a colon, a blank, a T
)

// textClass is the class of a text, or of bytes: that of a word if it looks like no
// number and no time, likeNumber with bits if it looks like a plain one, else classNone.
// A server reads no further than to the first letter, except for e.
func textClass[T string | []byte](v T) byte {
	start := 0
	for start < len(v) && isTextBlank(v[start]) {
		start++
	}
	bits, digits, points := byte(0), 0, 0
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
			points++
		case digits == 0:
			return wordClass(v)
		case c == 'e' || c == 'E':
			bits |= hasExponent
		case c == ':' || c == 'T' || c == 'Z' || isTextBlank(c):
			bits |= hasTime
		case bits&hasExponent != 0, bits&(hasDash|hasTime) == hasDash|hasTime: // 1e999x; a time with a zone
			return classNone
		default:
			return wordClass(v)
		}
	}
	const (
		integer    = 18                    // digits that any has room for
		noCentury  = len("060102150405")   // a date with a time of day
		century    = len("20060102150405") // likewise
		noDatetime = 6                     // digits that are no date with a time of day, and no large time
	)
	switch {
	case digits == 0:
		return wordClass(v)
	case bits == 0 && digits <= integer && digits != noCentury && digits != century,
		bits == hasSign && v[start] == '-' && digits <= noDatetime && v[start+1] != '0',
		bits == hasPoint && points == 1 && digits <= noDatetime,
		bits == hasDash:
		return likeNumber | bits
	}
	return classNone
}

// wordClass is the class of a text that is no number.
func wordClass[T string | []byte](v T) byte {
	i := 0
	for ; i+8 <= len(v); i += 8 {
		if (v[i] | v[i+1] | v[i+2] | v[i+3] | v[i+4] | v[i+5] | v[i+6] | v[i+7]) >= utf8.RuneSelf {
			return classWide
		}
	}
	for ; i < len(v); i++ {
		if v[i] >= utf8.RuneSelf {
			return classWide
		}
	}
	return classText
}

func isTextBlank(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// timeClass is the class of a time: with a fraction of a second or without, and a date
// alone.
func timeClass(t time.Time, f dsn.TimeFormat) byte {
	if t.IsZero() {
		return 'Z'
	}
	t = t.In(f.Loc).Truncate(f.Truncate)
	switch h, m, s := t.Clock(); {
	case t.Nanosecond() != 0:
		return 'T'
	case h|m|s != 0:
		return 't'
	}
	return 'd'
}
