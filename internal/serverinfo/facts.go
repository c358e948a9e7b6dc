package serverinfo

import (
	"strconv"
	"strings"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/session"
)

// DefaultWaitTimeout is assumed if neither the DSN nor the server has one.
const DefaultWaitTimeout = 120 * time.Second

// Facts is what the pool needs to know about a server.
type Facts struct {
	WaitTimeout        time.Duration
	MaxConnections     int         // 0: unknown
	MaxUserConnections int         // 0: none
	MaxStmts           int         // max_prepared_stmt_count; below 0: unknown
	Variables          []string    // the session variables that it has of those that can be put back
	HasProfiles        bool        // SHOW PROFILES
	HasTraces          bool        // optimizer_trace_offset
	MaxPacket          int         // bytes; 0: unknown
	RoleQueries        RoleQueries // sent at each login
	FixesTypes         bool        // see [FixesTypes]
	CachesSubqueries   bool        // see [CachesSubqueries]
	KeepsWarnings      bool        // see [KeepsWarnings]
	MariaDB            bool
	RunsAtPrepare      bool // functions of constants run when a statement is prepared (TiDB)
}

// FactsOf reads the variables of a server, which the first connection of a pool reads; nil
// if it could not. queryRole is whether RoleQueries are wanted. params are the DSN's,
// whose wait_timeout counts more: it is what the session was set to. It reports
// whether neither has wait_timeout.
func FactsOf(values, params map[string]string, queryRole bool) (s *Facts, noWaitTimeout bool) {
	s = &Facts{
		FixesTypes:       FixesTypes(values["version"]),
		CachesSubqueries: CachesSubqueries(values["version"]),
		KeepsWarnings:    KeepsWarnings(values["version"]),
		MariaDB:          strings.Contains(values["version"], "MariaDB"),
		RunsAtPrepare:    strings.Contains(values["version"], "-TiDB-"),
	}
	s.HasProfiles = values["have_profiling"] == "YES"
	s.HasTraces = values["optimizer_trace_offset"] != ""
	s.MaxConnections, _ = Connections(values["max_connections"])
	packet, _ := strconv.Atoi(values["max_allowed_packet"])
	buffer, _ := strconv.Atoi(values["net_buffer_length"])
	s.MaxPacket = max(packet, buffer)
	s.MaxUserConnections, _ = Connections(values["max_user_connections"])
	s.MaxStmts = Stmts(values["max_prepared_stmt_count"])
	for _, name := range session.VariableNames() {
		if _, ok := values[name]; ok && name != "autocommit" {
			s.Variables = append(s.Variables, name)
		}
	}
	if queryRole {
		s.RoleQueries = roleQueriesOf(values)
	}
	var ok bool
	if s.WaitTimeout, ok = WaitTimeoutOf(params["wait_timeout"]); !ok {
		if s.WaitTimeout, ok = WaitTimeoutOf(values["wait_timeout"]); !ok {
			s.WaitTimeout, noWaitTimeout = DefaultWaitTimeout, true
		}
	}
	return s, noWaitTimeout
}

// Limit is how many connections the server lets one pool open: what it allows
// less a reserve of 5 %, at least 3, for everybody else who must log in. It is
// never less than 1; 0 means that the server did not say, or has no limit (TiDB).
func (s *Facts) Limit() int {
	if s.MaxConnections == 0 {
		return s.MaxUserConnections
	}
	n := LessReserve(s.MaxConnections)
	if s.MaxUserConnections > 0 {
		n = min(n, s.MaxUserConnections)
	}
	return max(n, 1)
}

// LessReserve is what a server allows less a reserve of 5 %, at least 3, for
// everybody else who must log in. It is never less than 1.
func LessReserve(maxConnections int) int {
	return max(1, maxConnections-max(3, maxConnections/20))
}

// WaitTimeoutOf reads wait_timeout as a DSN has it. It may be any expression
// there; then the server's answer counts.
func WaitTimeoutOf(param string) (time.Duration, bool) {
	seconds, err := strconv.ParseUint(param, 10, 31)
	return time.Duration(seconds) * time.Second, err == nil && seconds > 0
}

func IsOn(value string) bool { return value == "1" || value == "ON" }

// isReadOnlyValue reports whether a value of read_only means that writes are
// refused. Newer MariaDBs have more of them than ON: NO_LOCK, NO_LOCK_NO_ADMIN
// (MariaDB manual, "read_only").
func isReadOnlyValue(value string) bool { return value != "" && value != "0" && value != "OFF" }
