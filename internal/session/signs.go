package session

// signs is what a lexer has met on its way.
type signs uint16

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
)

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
	case len("sql_calc_found_rows"):
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
