package serverinfo

import (
	"slices"
	"strings"

	"github.com/mysqlpool/mysqlpool/internal/session"
)

// VariablesQuery is sent on the first connection. It reads the server's limits, and which of
// the variables exist that may have to be put back.
var VariablesQuery = "SHOW SESSION VARIABLES WHERE Variable_name IN ('" +
	strings.Join(slices.Concat(session.VariableNames(), ServerVariables, limitVariables, variablesOfHost), "', '") + "')"

// ServerVariables is what every server should know.
var ServerVariables = []string{"pseudo_thread_id", "version", "init_connect", "max_connections", "max_user_connections", "max_prepared_stmt_count", "read_only"}

// limitVariables is those that may be missing.
var limitVariables = []string{"max_allowed_packet", "net_buffer_length", "have_profiling", "optimizer_trace_offset"}

// ConnQuery is what any server can answer.
const ConnQuery = "SELECT CONNECTION_ID(), @@autocommit"

// BaselineColumns is what is read from a session before state is left on it. The names need
// no quotes: none can be taken for a user variable or a column.
func (s *Facts) BaselineColumns() []string {
	columns := append(make([]string, 0, len(s.Variables)+3), strings.Split(strings.TrimPrefix(ConnQuery, "SELECT "), ", ")...)
	columns = append(columns, "@@init_connect")
	for _, name := range s.Variables {
		columns = append(columns, "@@"+name)
	}
	return columns
}

// LimitsQuery reads what may change while a server runs.
const LimitsQuery = "SELECT @@global.max_connections, @@max_user_connections, @@global.max_user_connections, @@global.wait_timeout, @@wait_timeout, @@global.max_prepared_stmt_count, @@init_connect"
