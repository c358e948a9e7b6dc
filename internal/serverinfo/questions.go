package serverinfo

import (
	"strings"

	"github.com/mysqlpool/mysqlpool/internal/failover"
)

// Questions is what a server is asked about itself at each login, if the
// answer decides which host is used.
type Questions uint8

const (
	AsksReadOnly       Questions = 1 << iota
	AsksInnoDBReadOnly           // an Aurora reader is read-only in this way
	AsksWsrepReady
	AsksWsrepReadyOfMySQL // of Percona XtraDB Cluster
	AsksMember

	AsksTables = AsksWsrepReady | AsksWsrepReadyOfMySQL | AsksMember // for which rights may be missing
)

// variablesOfHost say which questions a server can answer.
var variablesOfHost = []string{"innodb_read_only", "wsrep_on", "wsrep_provider", "group_replication_group_name"}

// QuestionColumns is the column that answers each question.
var QuestionColumns = []struct {
	Question Questions
	Column   string
}{
	{AsksReadOnly, "@@global.read_only"}, // super_read_only has it on too
	{AsksInnoDBReadOnly, "@@global.innodb_read_only"},
	{AsksWsrepReady, "(SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'wsrep_ready')"},
	{AsksWsrepReadyOfMySQL, "(SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME = 'wsrep_ready')"},
	// A member that has left its group has no id.
	{AsksMember, "(SELECT CONCAT(MEMBER_STATE, ' ', MEMBER_ROLE) FROM performance_schema.replication_group_members WHERE MEMBER_ID IN (@@server_uuid, '') LIMIT 1)"},
}

// questionsOf says what a server can be asked, from its variables. Debian's
// MariaDB has wsrep_ready, which is OFF, without being in any cluster.
func questionsOf(variables map[string]string) (q Questions) {
	if variables["read_only"] != "" {
		q |= AsksReadOnly
	}
	if variables["innodb_read_only"] != "" {
		q |= AsksInnoDBReadOnly
	}
	if provider := variables["wsrep_provider"]; IsOn(variables["wsrep_on"]) && provider != "" && provider != "none" {
		if strings.Contains(variables["version"], "MariaDB") {
			q |= AsksWsrepReady
		} else {
			q |= AsksWsrepReadyOfMySQL
		}
	}
	if variables["group_replication_group_name"] != "" {
		q |= AsksMember
	}
	return q
}

func (q Questions) Columns() (all []string) {
	for _, c := range QuestionColumns {
		if q&c.Question != 0 {
			all = append(all, c.Column)
		}
	}
	return all
}

// Answer is what a server says of itself, and why.
type Answer struct {
	Event failover.Event
	Why   string
}

// Answer reads the values of q.Columns. Nothing is known from a value that is
// empty.
func (q Questions) Answer(values []string) (a Answer) {
	readOnly := func(why string) {
		if a.Event == failover.Writable {
			a = Answer{failover.TakesNoWrites, why}
		}
	}
	for _, c := range QuestionColumns {
		if q&c.Question == 0 {
			continue
		}
		value := values[0]
		values = values[1:]
		switch c.Question {
		case AsksReadOnly:
			if isReadOnlyValue(value) {
				readOnly("read_only is on")
			}
		case AsksInnoDBReadOnly:
			if isReadOnlyValue(value) {
				readOnly("innodb_read_only is on")
			}
		case AsksWsrepReady, AsksWsrepReadyOfMySQL:
			if value == "OFF" {
				return Answer{failover.NotReady, "wsrep_ready is OFF"}
			}
		case AsksMember:
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
