package mysqlpool

import (
	"context"
	"database/sql/driver"
	"errors"
	"log/slog"
	"strings"

	"github.com/mysqlpool/mysqlpool/internal/failover"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
)

// hostQuestions is what a server is asked about itself at each login, if the
// answer decides which host is used.
type hostQuestions uint8

const (
	asksReadOnly       hostQuestions = 1 << iota
	asksInnoDBReadOnly               // an Aurora reader is read-only in this way
	asksWsrepReady
	asksWsrepReadyOfMySQL // of Percona XtraDB Cluster
	asksMember

	asksTables = asksWsrepReady | asksWsrepReadyOfMySQL | asksMember // for which rights may be missing
)

// hostVariables say which questions a server can answer.
var hostVariables = []string{"innodb_read_only", "wsrep_on", "wsrep_provider", "group_replication_group_name"}

// questionColumns is the column that answers each question.
var questionColumns = []struct {
	question hostQuestions
	column   string
}{
	{asksReadOnly, "@@global.read_only"}, // super_read_only has it on too
	{asksInnoDBReadOnly, "@@global.innodb_read_only"},
	{asksWsrepReady, "(SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'wsrep_ready')"},
	{asksWsrepReadyOfMySQL, "(SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME = 'wsrep_ready')"},
	// A member that has left its group has no id.
	{asksMember, "(SELECT CONCAT(MEMBER_STATE, ' ', MEMBER_ROLE) FROM performance_schema.replication_group_members WHERE MEMBER_ID IN (@@server_uuid, '') LIMIT 1)"},
}

// questionsOf says what a server can be asked, from its variables. Debian's
// MariaDB has wsrep_ready, which is OFF, without being in any cluster.
func questionsOf(variables map[string]string) (q hostQuestions) {
	if variables["read_only"] != "" {
		q |= asksReadOnly
	}
	if variables["innodb_read_only"] != "" {
		q |= asksInnoDBReadOnly
	}
	if provider := variables["wsrep_provider"]; isOn(variables["wsrep_on"]) && provider != "" && provider != "none" {
		if strings.Contains(variables["version"], "MariaDB") {
			q |= asksWsrepReady
		} else {
			q |= asksWsrepReadyOfMySQL
		}
	}
	if variables["group_replication_group_name"] != "" {
		q |= asksMember
	}
	return q
}

func (q hostQuestions) columns() (all []string) {
	for _, c := range questionColumns {
		if q&c.question != 0 {
			all = append(all, c.column)
		}
	}
	return all
}

// hostAnswer is what a server says of itself, and why.
type hostAnswer struct {
	event failover.Event
	why   string
}

// answer reads the values of q.columns. Nothing is known from a value that is
// empty.
func (q hostQuestions) answer(values []string) (a hostAnswer) {
	readOnly := func(why string) {
		if a.event == failover.Writable {
			a = hostAnswer{failover.TakesNoWrites, why}
		}
	}
	for _, c := range questionColumns {
		if q&c.question == 0 {
			continue
		}
		value := values[0]
		values = values[1:]
		switch c.question {
		case asksReadOnly:
			if isReadOnlyValue(value) {
				readOnly("read_only is on")
			}
		case asksInnoDBReadOnly:
			if isReadOnlyValue(value) {
				readOnly("innodb_read_only is on")
			}
		case asksWsrepReady, asksWsrepReadyOfMySQL:
			if value == "OFF" {
				return hostAnswer{failover.NotReady, "wsrep_ready is OFF"}
			}
		case asksMember:
			state, role, _ := strings.Cut(value, " ")
			switch {
			case state != "" && state != "ONLINE":
				return hostAnswer{failover.NotReady, "its state in the replication group is " + state}
			case role == "SECONDARY":
				readOnly("it is a secondary of its replication group")
			}
		}
	}
	return a
}

// askFirst has the first connection to a host say what the host is, as far as its
// variables did not.
func (l *login) askFirst(ctx context.Context, p *physical, variables map[string]string) error {
	switch q := p.host.learned.Load().asks; {
	case q&asksTables != 0:
		return p.askHost(ctx)
	case q != 0:
		var values []string
		for _, name := range []string{"read_only", "innodb_read_only"} {
			if value := variables[name]; value != "" {
				values = append(values, value)
			}
		}
		p.answer = q.answer(values)
	}
	return p.askReplication(ctx)
}

// dropQuestions has the host asked no more what it could not answer. It reports
// whether the rest is to be asked.
func (l *login) dropQuestions(ctx context.Context, h *host, was *serverFacts, err error) bool {
	facts := *was
	facts.asks &^= asksTables
	if facts.asks == was.asks {
		facts.asks = 0
	}
	if facts.asks == was.asks {
		return false
	}
	if !h.learned.CompareAndSwap(was, &facts) {
		return true // somebody else did
	}
	l.log().LogAttrs(ctx, slog.LevelInfo, "mysqlpool: the host does not say whether it is ready: grant SELECT on what the error names, or it counts as ready",
		slog.String("login", l.name), slog.String("host", h.addr), slog.Any("error", err))
	return true
}

// askHost asks what the host is, on a connection that was open already.
func (p *physical) askHost(ctx context.Context) (err error) {
	defer p.survive("a probe", &err)
	facts := p.host.learned.Load()
	if facts == nil || facts.asks == 0 {
		p.answer = hostAnswer{}
		err = p.Ping(ctx)
	} else {
		var row []string
		switch row, err = queryRow(ctx, p, "SELECT "+strings.Join(facts.asks.columns(), ", ")); {
		case err == nil:
			p.answer = facts.asks.answer(row)
		case errors.Is(err, errNoRow):
			p.answer, err = hostAnswer{}, nil
		case mysqlerr.IsDenied(err) && p.login.dropQuestions(ctx, p.host, facts, err):
			return p.askHost(ctx)
		}
	}
	if err == nil {
		err = p.askReplication(ctx)
	}
	return err
}

// How a host is asked for its replication, in host.replicaQuery.
const (
	showReplica int32 = iota
	showSlave
	showNone // it cannot be asked
)

// askReplication has a replica count as unready whose replication has stopped, if
// the target is one. A replica that cannot reach its source keeps trying; it has
// not stopped.
func (p *physical) askReplication(ctx context.Context) error {
	if !p.login.hosts.target.Monitors() || p.answer.event != failover.TakesNoWrites {
		return nil
	}
	for {
		how := p.host.replicaQuery.Load()
		query := "SHOW REPLICA STATUS"
		switch how {
		case showSlave:
			query = "SHOW SLAVE STATUS"
		case showNone:
			return nil
		}
		channels, err := queryMaps(ctx, p, query)
		switch {
		case err == nil:
			if why := stoppedReplication(channels); why != "" {
				p.answer = hostAnswer{failover.NotReady, why}
			}
			return nil
		case mysqlerr.Number(err) == mysqlerr.Parse: // it is older, or no MySQL
			p.host.replicaQuery.CompareAndSwap(how, how+1)
		case mysqlerr.IsDenied(err) || mysqlerr.Number(err) != 0 && cannotTell(err):
			if p.host.replicaQuery.CompareAndSwap(how, showNone) {
				p.login.log().LogAttrs(ctx, slog.LevelInfo, "mysqlpool: the host does not say whether its replication runs: grant REPLICATION CLIENT (MySQL) or REPLICA MONITOR (MariaDB), or it counts as running",
					slog.String("login", p.login.name), slog.String("host", p.host.addr), slog.Any("error", err))
			}
		default:
			return err
		}
	}
}

// stoppedReplication says which thread of a replica has stopped, or "". The
// channels of Group Replication have states of their own.
func stoppedReplication(channels []map[string]string) string {
	for _, c := range channels {
		if strings.HasPrefix(c["channel_name"], "group_replication_") {
			continue
		}
		for _, name := range []string{"replica_io_running", "slave_io_running", "replica_sql_running", "slave_sql_running"} {
			if c[name] == "No" {
				return "its replication has stopped: " + name + " is No"
			}
		}
	}
	return ""
}

// queryMaps returns the rows of a query by the names of their columns, in lower
// case.
func queryMaps(ctx context.Context, c driver.QueryerContext, query string) (all []map[string]string, err error) {
	rows, err := c.QueryContext(ctx, query, nil)
	if err != nil {
		return nil, err
	}
	names := rows.Columns()
	values, err := readRows(rows)
	if err != nil {
		return nil, err
	}
	for _, row := range values {
		m := make(map[string]string, len(names))
		for i, name := range names {
			m[strings.ToLower(name)] = row[i]
		}
		all = append(all, m)
	}
	return all, nil
}
