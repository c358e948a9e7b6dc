package session

import "strings"

// Kinds is a set of kinds of session state.
type Kinds uint16

const (
	Transaction     Kinds = 1 << iota // an open transaction
	NextTransaction                   // SET TRANSACTION for the next one; the server's status flags do not show it
	Schema                            // another current schema, or none any more
	Variables                         // session variables that can be put back
	UserVariables                     // @a
	Locks                             // GET_LOCK
	TableLocks                        // LOCK TABLES, FLUSH TABLES WITH READ LOCK or FOR EXPORT
	TempTables                        // temporary tables
	Prepared                          // PREPARE
	Handlers                          // HANDLER ... OPEN
	FoundRows                         // SQL_CALC_FOUND_ROWS: does no harm to others, and the next SELECT ends it
	Other                             // anything else that COM_RESET_CONNECTION takes care of; on MariaDB, but for the role
	Identity                          // what a reset may leave in place: only closing the connection will do
)

var kindNames = [...]string{
	"transaction", "next transaction", "schema", "variables", "user variables", "locks", "table locks",
	"temporary tables", "prepared statements", "handlers", "found rows", "other", "identity",
}

func (k Kinds) String() string {
	if k == 0 {
		return "none"
	}
	return strings.Join(k.Names(), ", ")
}

// Names returns the name of each.
func (k Kinds) Names() (names []string) {
	for i, name := range kindNames {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}
