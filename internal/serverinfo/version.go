package serverinfo

import (
	"fmt"
	"strings"
)

// FixesTypes reports whether a server of that version does so. One that is not
// known may.
func FixesTypes(version string) bool {
	if strings.Contains(version, "MariaDB") {
		return false
	}
	var major, minor, patch int
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); n < 3 {
		return true
	}
	return major > 8 || major == 8 && (minor > 0 || patch >= 22)
}

// CachesSubqueries reports whether the server may answer from what a subquery returned
// in an earlier run of a statement: "NULL NOT IN (SELECT ...)" is on MariaDB, for each
// statement, what it was when it first ran, whatever is in the table by now. MySQL is
// known not to from 8.0.22 on.
func CachesSubqueries(version string) bool { return version == "" || !FixesTypes(version) }
