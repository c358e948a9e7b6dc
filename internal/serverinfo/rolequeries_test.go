package serverinfo

import (
	"testing"

	"github.com/mysqlpool/mysqlpool/internal/failover"
)

// A server is asked only what it can answer, and what means something there.
func TestRoleQueriesOf(t *testing.T) {
	const provider = "/usr/lib/galera/libgalera_smm.so"
	for _, c := range []struct {
		variables map[string]string
		want      RoleQueries
	}{
		{map[string]string{}, 0},
		{map[string]string{"read_only": "OFF"}, QueryReadOnly},
		{map[string]string{"read_only": "OFF", "innodb_read_only": "OFF"}, QueryReadOnly | QueryInnoDBReadOnly},
		{map[string]string{"version": "10.11.6-MariaDB", "wsrep_on": "ON", "wsrep_provider": provider}, QueryWsrepReady},
		{map[string]string{"version": "8.0.36", "wsrep_on": "ON", "wsrep_provider": provider}, QueryWsrepReadyOfMySQL},
		{map[string]string{"version": "10.11.6-MariaDB", "wsrep_on": "OFF", "wsrep_provider": provider}, 0},
		{map[string]string{"version": "10.11.6-MariaDB", "wsrep_on": "ON", "wsrep_provider": "none"}, 0},
		{map[string]string{"version": "10.11.6-MariaDB", "wsrep_on": "ON", "wsrep_provider": ""}, 0},
		{map[string]string{"group_replication_group_name": ""}, 0},
		{map[string]string{"group_replication_group_name": "aaaa"}, QueryMember},
	} {
		if got := roleQueriesOf(c.variables); got != c.want {
			t.Errorf("%v: got %b, want %b", c.variables, got, c.want)
		}
	}
}

func TestAnswer(t *testing.T) {
	const all = QueryReadOnly | QueryInnoDBReadOnly | QueryWsrepReady | QueryMember
	for _, c := range []struct {
		values []string
		want   failover.Event
	}{
		{[]string{"0", "0", "ON", "ONLINE PRIMARY"}, failover.Writable},
		{[]string{"0", "0", "", ""}, failover.Writable}, // NULL says nothing
		{[]string{"1", "0", "ON", "ONLINE PRIMARY"}, failover.TakesNoWrites},
		{[]string{"NO_LOCK", "0", "ON", "ONLINE PRIMARY"}, failover.TakesNoWrites},
		{[]string{"0", "1", "ON", "ONLINE PRIMARY"}, failover.TakesNoWrites},
		{[]string{"0", "0", "ON", "ONLINE SECONDARY"}, failover.TakesNoWrites},
		{[]string{"1", "1", "OFF", "ONLINE PRIMARY"}, failover.NotReady},
		{[]string{"1", "1", "ON", "RECOVERING SECONDARY"}, failover.NotReady},
		{[]string{"0", "0", "ON", "OFFLINE "}, failover.NotReady},
	} {
		if got := all.Answer(c.values); got.Event != c.want || (got.Why == "") != (c.want == failover.Writable) {
			t.Errorf("%v: got %+v, want event %d and why", c.values, got, c.want)
		}
	}
}
