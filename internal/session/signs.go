package session

// signs is what a lexer has met on its way.
type signs uint32

const (
	lockSign    signs = 1 << iota // the name of a lock function
	rowsSign                      // SQL_CALC_FOUND_ROWS
	userSign                      // a user variable
	unnamedSign                   // a user variable whose name was not read
	becomesSign                   // :=
	oddSign                       // what makes anything possible: an executed comment, a byte that no statement has
	unsureSign                    // how quotes are to be read depends on the session; the text was not read to its end
	escapeSign                    // as unsureSign, but reading the text in each way will tell
	brokenSign                    // what no statement has, in this reading: a quote that is not closed, \ outside quotes; with unsureSign

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

// asksAll is the signs of a text that may ask anything of the session, and
// set LAST_INSERT_ID().
const asksAll = idSign | setsIDSign | warningsSign | rowCountSign | foundSign

// calls is the signs that count only where the word is that of a function.
const calls = idSign | rowCountSign | foundSign

// signOf returns what the name of a function, or a word, is a sign of: MySQL
// manual, "Locking Functions", "The Locking Service" and "Version Tokens
// Reference".
func signOf(w string) signs {
	switch len(w) {
	case len("get_lock"):
		if fold(w, "get_lock") {
			return lockSign
		}
	case len("release_lock"):
		if fold(w, "release_lock") {
			return lockSign
		}
	case len("release_all_locks"):
		if fold(w, "release_all_locks") {
			return lockSign
		}
		if fold(w, "session_variables") { // in performance_schema and information_schema
			return warningsSign | setsIDSign
		}
	case len("last_insert_id"):
		if fold(w, "last_insert_id") {
			return idSign
		}
	case len("row_count"):
		if fold(w, "row_count") {
			return rowCountSign
		}
		if fold(w, "returning") {
			return returningSign
		}
	case len("found_rows"):
		if fold(w, "found_rows") {
			return foundSign
		}
	case len("transaction"):
		if fold(w, "transaction") {
			return transactionSign
		}
	case len("sql_auto_is_null"): // with it "id IS NULL" finds the last id
		if fold(w, "sql_auto_is_null") {
			return setsIDSign
		}
		if fold(w, "system_variables") {
			return warningsSign | setsIDSign
		}
	case len("sql_calc_found_rows"):
		if fold(w, "variables_by_thread") { // in performance_schema
			return warningsSign | setsIDSign
		}
		if fold(w, "sql_calc_found_rows") {
			return rowsSign
		}
	}
	if len(w) > len("service_") && (hasFoldedPrefix(w, "service_get_") || hasFoldedPrefix(w, "service_release_") ||
		hasFoldedPrefix(w, "version_tokens_")) {
		return oddSign
	}
	return 0
}
