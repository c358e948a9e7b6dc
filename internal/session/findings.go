package session

// findings is what a lexer has found in a text.
type findings uint32

const (
	lockSign    findings = 1 << iota // the name of a lock function
	rowsSign                         // SQL_CALC_FOUND_ROWS
	userSign                         // a user variable
	unnamedSign                      // a user variable whose name was not read
	becomesSign                      // :=
	oddSign                          // what makes anything possible: an executed comment, a byte that no statement has
	unsureSign                       // how quotes are to be read depends on the session; the text was not read to its end
	escapeSign                       // as unsureSign, but reading the text in each way will tell
	brokenSign                       // what no statement has, in this reading: a quote that is not closed, \ outside quotes; with unsureSign

	idSign          // LAST_INSERT_ID(), or a system variable that shows it
	setsIDSign      // LAST_INSERT_ID(expression)
	warningsSign    // what shows the warnings or errors of earlier statements, or their number
	rowCountSign    // ROW_COUNT()
	foundSign       // FOUND_ROWS()
	transactionSign // the word, which in CREATE TABLE may be that of START TRANSACTION
	returningSign   // the word
)

// stateSigns is the signs of session state that a statement leaves.
const stateSigns = lockSign | rowsSign | oddSign

// allDiagnostics is the signs of a text that may read any diagnostics of the session, and
// set LAST_INSERT_ID().
const allDiagnostics = idSign | setsIDSign | warningsSign | rowCountSign | foundSign

// functionSigns is the signs that count only where the word is that of a function.
const functionSigns = idSign | rowCountSign | foundSign

// signWords is the words that are signs, by their length: MySQL manual, "Locking
// Functions".
var signWords = func() (by [maxSignWord + 1][]signWord) {
	for _, w := range []signWord{
		{"get_lock", lockSign},
		{"release_lock", lockSign},
		{"release_all_locks", lockSign},
		{"last_insert_id", idSign},
		{"row_count", rowCountSign},
		{"found_rows", foundSign},
		{"sql_calc_found_rows", rowsSign},
		{"returning", returningSign},
		{"transaction", transactionSign},
		{"sql_auto_is_null", setsIDSign}, // with it "id IS NULL" finds the last id
		// Tables of performance_schema and information_schema.
		{"session_variables", warningsSign | setsIDSign},
		{"system_variables", warningsSign | setsIDSign},
		{"variables_by_thread", warningsSign | setsIDSign},
	} {
		by[len(w.word)] = append(by[len(w.word)], w)
	}
	return by
}()

type signWord struct {
	word    string
	finding findings
}

// The lengths of signWords.
const (
	minSignWord = len("get_lock")
	maxSignWord = len("sql_calc_found_rows")
)

// oddPrefixes is what the names of functions begin with of which nothing is known but
// that they take locks (MySQL manual, "The Locking Service" and "Version Tokens
// Reference").
var oddPrefixes = [...]string{"service_get_", "service_release_", "version_tokens_"}

// signOf returns what the name of a function, or a word, is a sign of.
func signOf(w string) findings {
	if len(w) < minSignWord {
		return 0
	}
	if len(w) <= maxSignWord {
		for i := range signWords[len(w)] {
			if s := &signWords[len(w)][i]; foldsTo(w, s.word) {
				return s.finding
			}
		}
	}
	for i := range oddPrefixes {
		if hasFoldedPrefix(w, oddPrefixes[i]) {
			return oddSign
		}
	}
	return 0
}
