package serverinfo

import (
	"strings"

	"github.com/mysqlpool/mysqlpool/internal/failover"
)

// RoleQueries is what a server is queried for at each login, if the answer decides which
// host is used.
type RoleQueries uint8

const (
	QueryReadOnly       RoleQueries = 1 << iota
	QueryInnoDBReadOnly             // an Aurora reader is read-only in this way
	QueryWsrepReady
	QueryWsrepReadyOfMySQL // of Percona XtraDB Cluster
	QueryMember

	QueriesOfTables = QueryWsrepReady | QueryWsrepReadyOfMySQL | QueryMember // for which rights may be missing
)

// variablesOfHost tell which of RoleQueries a server can answer.
var variablesOfHost = []string{"innodb_read_only", "wsrep_on", "wsrep_provider", "group_replication_group_name"}

// RoleColumns is the column that answers each query.
var RoleColumns = []struct {
	Query  RoleQueries
	Column string
}{
	{QueryReadOnly, "@@global.read_only"}, // super_read_only has it on too
	{QueryInnoDBReadOnly, "@@global.innodb_read_only"},
	{QueryWsrepReady, "(SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'wsrep_ready')"},
	{QueryWsrepReadyOfMySQL, "(SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME = 'wsrep_ready')"},
	// A member that has left its group has no id.
	{QueryMember, "(SELECT CONCAT(MEMBER_STATE, ' ', MEMBER_ROLE) FROM performance_schema.replication_group_members WHERE MEMBER_ID IN (@@server_uuid, '') LIMIT 1)"},
}

// roleQueriesOf returns what a server can answer, from its variables. Debian's MariaDB has wsrep_ready, which is OFF, without being in any cluster.
func roleQueriesOf(variables map[string]string) (q RoleQueries) {
	if variables["read_only"] != "" {
		q |= QueryReadOnly
	}
	if variables["innodb_read_only"] != "" {
		q |= QueryInnoDBReadOnly
	}
	if provider := variables["wsrep_provider"]; IsOn(variables["wsrep_on"]) && provider != "" && provider != "none" {
		if strings.Contains(variables["version"], "MariaDB") {
			q |= QueryWsrepReady
		} else {
			q |= QueryWsrepReadyOfMySQL
		}
	}
	if variables["group_replication_group_name"] != "" {
		q |= QueryMember
	}
	return q
}

func (q RoleQueries) Columns() (all []string) {
	for _, c := range RoleColumns {
		if q&c.Query != 0 {
			all = append(all, c.Column)
		}
	}
	return all
}

// Answer is the role of a server, and why.
type Answer struct {
	Event failover.Event
	Why   string
}

// Answer reads the values of q.Columns. Nothing is known from a value that is
// empty.
func (q RoleQueries) Answer(values []string) (a Answer) {
	readOnly := func(why string) {
		if a.Event == failover.Writable {
			a = Answer{failover.TakesNoWrites, why}
		}
	}
	for _, c := range RoleColumns {
		if q&c.Query == 0 {
			continue
		}
		value := values[0]
		values = values[1:]
		switch c.Query {
		case QueryReadOnly:
			if isReadOnlyValue(value) {
				readOnly("read_only is on")
			}
		case QueryInnoDBReadOnly:
			if isReadOnlyValue(value) {
				readOnly("innodb_read_only is on")
			}
		case QueryWsrepReady, QueryWsrepReadyOfMySQL:
			if value == "OFF" {
				return Answer{failover.NotReady, "wsrep_ready is OFF"}
			}
		case QueryMember:
			state, role, _ := strings.Cut(value, " ")
			switch {
			case state != "" && state != "ONLINE":
				return Answer{failover.NotReady, "its state in the replication group is " + state}
			case role == "SECONDARY":
				readOnly("it is a secondary of its replication group")
			}
		}
	}
	return a
}
