package serverinfo

import (
	"fmt"
	"strings"
)

// FixesTypes reports whether MySQL fixes each placeholder's type at prepare (8.0.22 on); true
// if unknown.
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

// KeepsWarnings reports whether a server of that version keeps the warnings of
// earlier statements through one that uses no tables and has none of its own:
// MariaDB, and MySQL before 5.7; false if unknown.
func KeepsWarnings(version string) bool {
	if strings.Contains(version, "MariaDB") {
		return true
	}
	var major, minor int
	n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor)
	return n == 2 && (major < 5 || major == 5 && minor < 7)
}

// LacksRoles reports whether a server of that version has no roles: MySQL before 8.0.
// One that is not known may have them.
func LacksRoles(version string) bool {
	var major int
	n, _ := fmt.Sscanf(version, "%d.", &major)
	return n == 1 && major < 8 && !strings.Contains(version, "MariaDB")
}

// CachesSubqueries reports whether the server may answer from what a subquery returned
// in an earlier run of a statement: "NULL NOT IN (SELECT ...)" is on MariaDB, for each
// statement, what it was when it first ran, whatever is in the table by now. MySQL is
// known not to from 8.0.22 on.
func CachesSubqueries(version string) bool { return version == "" || !FixesTypes(version) }
