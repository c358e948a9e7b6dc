package serverinfo

import (
	"errors"
	"strconv"
)

// maxLimit is the greatest value that a limit is read as, and stands for no limit where a
// number is needed: more than any server has of anything, and a dozen of them fit an int of
// 32 bits.
const maxLimit = 100_000_000

// number reads a limit as a server shows it: from -1 to maxLimit.
func number(value string) (n int, ok bool) {
	wide, err := strconv.ParseInt(value, 10, 64)
	if errors.Is(err, strconv.ErrRange) { // unsigned, and near the limit of its type
		err = nil
	}
	return int(max(-1, min(wide, maxLimit))), err == nil
}

// Connections reads a limit of connections: max_connections, max_user_connections. 0 is
// no limit. So is what is below 0, which some engines say, and MariaDB to an account
// that may log in while others may not (MariaDB manual, "max_user_connections").
func Connections(value string) (n int, ok bool) {
	n, ok = number(value)
	return max(n, 0), ok
}

// Stmts reads max_prepared_stmt_count, of which 0 allows none; below 0 is no limit
// (TiDB). It returns -1 for what is no number.
func Stmts(value string) int {
	switch n, ok := number(value); {
	case !ok:
		return -1
	case n < 0:
		return maxLimit
	default:
		return n
	}
}
