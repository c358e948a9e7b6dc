package session

import (
	"math"
	"strconv"
	"strings"
)

// Rows is what the text of an INSERT or a REPLACE shows of the rows it inserts.
type Rows uint8

const (
	// AnyRows may have any values in their columns.
	AnyRows Rows = iota
	// OneRow and ManyRows have values that are written out, of which none is an id
	// in question, and placeholders.
	OneRow
	ManyRows
	// OneOrUpdate and ManyOrUpdate are with ON DUPLICATE KEY UPDATE.
	OneOrUpdate
	ManyOrUpdate
)

// maxPlainText bounds the texts that are read to their end for [Statement.Rows], in
// bytes.
const maxPlainText = 64 << 10

// Rows returns what rows a statement inserts, for which [Statement.Inserts] is true. What a
// trigger makes of them is not in the text.
func (st *Statement) Rows(id uint64) Rows {
	if len(st.text) > maxPlainText || st.traits&(traitVague|traitInserts) != traitInserts {
		return AnyRows
	}
	p := parser{lexer: lexer{s: st.text}}
	return p.rows(id)
}

func (p *parser) rows(id uint64) Rows {
	p.advance()
	p.advance() // INSERT, REPLACE
	for p.accept("low_priority") || p.accept("delayed") || p.accept("high_priority") || p.accept("ignore") || p.accept("into") {
	}
	for p.tok.kind == word || p.tok.kind == quoted { // the table
		p.advance()
		if !p.isSymbol('.') {
			break
		}
		p.advance()
	}
	if p.accept("partition") && !p.list() {
		return AnyRows
	}
	if p.isSymbol('(') && !p.list() {
		return AnyRows
	}
	n := 0
	switch {
	case p.accept("values"), p.accept("value"):
		for {
			if !p.plainRow(id) {
				return AnyRows
			}
			n++
			if !p.isSymbol(',') {
				break
			}
			p.advance()
		}
	case p.accept("set"):
		n = 1
		for {
			if p.tok.kind != word && p.tok.kind != quoted {
				return AnyRows
			}
			p.advance()
			if !p.becomes() || !p.plainValue(id) {
				return AnyRows
			}
			if !p.isSymbol(',') {
				break
			}
			p.advance()
		}
	default:
		return AnyRows
	}
	rows := ManyRows
	if n == 1 {
		rows = OneRow
	}
	if p.accept("on") {
		return rows + OneOrUpdate - OneRow
	}
	if p.isSymbol(';') {
		p.advance()
	}
	if p.tok.kind != atEnd || p.seen&(oddSign|unsureSign|escapeSign) != 0 {
		return AnyRows
	}
	return rows
}

// list skips names in parentheses.
func (p *parser) list() bool {
	if !p.isSymbol('(') {
		return false
	}
	for p.advance(); !p.isSymbol(')'); p.advance() {
		if p.tok.kind != word && p.tok.kind != quoted && !p.isSymbol(',') && !p.isSymbol('.') {
			return false
		}
	}
	p.advance()
	return true
}

func (p *parser) plainRow(id uint64) bool {
	if !p.isSymbol('(') {
		return false
	}
	p.advance()
	for !p.isSymbol(')') {
		if !p.plainValue(id) {
			return false
		}
		if p.isSymbol(',') {
			p.advance()
		} else if !p.isSymbol(')') {
			return false
		}
	}
	p.advance()
	return true
}

// timeWords is what is as large as a point in time, as a number.
var timeWords = [...]string{"now", "current_timestamp", "utc_timestamp", "sysdate", "localtime", "localtimestamp", "curdate", "current_date", "utc_date"}

// leastTime is less than any point in time is as a number, as 20060102.
const leastTime = 1e7

// plainValue skips a placeholder, a literal, NULL, DEFAULT or the present time. It
// reports false for anything else, and for what may be the id.
func (p *parser) plainValue(id uint64) bool {
	signed := false
	for p.isSymbol('-') || p.isSymbol('+') {
		signed = true
		p.advance()
	}
	t := p.tok
	p.advance()
	switch t.kind {
	case symbol:
		return p.s[t.start] == '?' && !signed
	case literal:
		text := p.s[t.start+1 : t.end-1]
		return p.tok.kind != literal && !strings.Contains(text, `\`) && !MayBeID(text, id)
	case word:
		w := p.s[t.start:t.end]
		if isDigit(w[0]) {
			end := t.end
			if p.isSymbol('.') { // 1.5
				p.advance()
				if p.tok.kind == word {
					end = p.tok.end
					p.advance()
				}
			}
			w = p.s[t.start:end]
			return strings.Trim(w, "0123456789.") == "" && !MayBeID(w, id)
		}
		if isFolded(w, "null") || isFolded(w, "default") {
			return true
		}
		if isFolded(w, "true") || isFolded(w, "false") {
			return id > 1
		}
		for _, name := range &timeWords {
			if !isFolded(w, name) || id >= leastTime {
				continue
			}
			if p.isSymbol('(') {
				p.advance()
				if p.tok.kind == word && isDigit(p.s[p.tok.start]) {
					p.advance()
				}
				if !p.isSymbol(')') {
					return false
				}
				p.advance()
			}
			return true
		}
	}
	return false
}

// MayBeID reports whether a text may be that id in a column of numbers, which takes
// the number that the text begins with. It does not allocate.
func MayBeID(text string, id uint64) bool {
	text = strings.TrimLeft(text, whitespace)
	if text != "" && text[0] >= 0x80 {
		return true // perhaps white space, or digits of another script
	}
	n := numberLen(text)
	if n == 0 {
		return id == 0
	}
	f, err := strconv.ParseFloat(text[:n], 64)
	return err != nil || NearID(f, id)
}

// numberLen is how many bytes of a text's beginning are a number; 0 if it begins
// with none.
func numberLen(s string) int {
	digits := func(i int) int {
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		return i
	}
	start := 0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		start = 1
	}
	end := digits(start)
	count := end - start
	if end < len(s) && s[end] == '.' {
		point := end
		end = digits(point + 1)
		count += end - point - 1
	}
	if count == 0 {
		return 0
	}
	if end < len(s) && (s[end] == 'e' || s[end] == 'E') {
		exponent := end + 1
		if exponent < len(s) && (s[exponent] == '-' || s[exponent] == '+') {
			exponent++
		}
		if last := digits(exponent); last > exponent {
			end = last
		}
	}
	return end
}

// NearID reports whether a number may be that id once it is rounded.
func NearID(f float64, id uint64) bool {
	return math.Abs(f-float64(id)) <= 0.5+float64(id)*1e-12
}
