package physical

import (
	"context"
	"database/sql/driver"
	"errors"
	"log/slog"
	"strings"

	"github.com/mysqlpool/mysqlpool/internal/failover"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// askFirst sets the host's role on its first connection, from the variables as far as they
// tell.
func (p asker) askFirst(ctx context.Context, variables map[string]string) error {
	switch q := p.Host.Learned.Load().RoleQueries; {
	case q&serverinfo.QueriesOfTables != 0:
		return p.askHost(ctx)
	case q != 0:
		var values []string
		for _, name := range []string{"read_only", "innodb_read_only"} {
			if value := variables[name]; value != "" {
				values = append(values, value)
			}
		}
		p.Answer = q.Answer(values)
	}
	return p.askReplication(ctx)
}

// dropRoleQueries removes the queries that the host could not answer. It reports whether to
// send the others.
func (s *Shared) dropRoleQueries(ctx context.Context, h *Host, was *serverinfo.Facts, err error) bool {
	facts := *was
	facts.RoleQueries &^= serverinfo.QueriesOfTables
	if facts.RoleQueries == was.RoleQueries {
		facts.RoleQueries = 0
	}
	if facts.RoleQueries == was.RoleQueries {
		return false
	}
	if !h.Learned.CompareAndSwap(was, &facts) {
		return true // another connection did
	}
	s.Log().LogAttrs(ctx, slog.LevelInfo, "mysqlpool: cannot read whether the host is ready, so it counts as ready: grant SELECT on the table in the error",
		slog.String("login", s.Name), slog.String("host", h.Addr), slog.Any("error", err))
	return true
}

// AskHost reads the host's role, on a connection that was open already.
func (p *Conn) AskHost(ctx context.Context) (err error) { return asker{p}.askHost(ctx) }

func (p asker) askHost(ctx context.Context) (err error) {
	defer p.survive("a probe", &err)
	facts := p.Host.Learned.Load()
	if facts == nil || facts.RoleQueries == 0 {
		p.Answer = serverinfo.Answer{}
		err = p.Ping(ctx)
	} else {
		var row []string
		switch row, err = queryRow(ctx, p, "SELECT "+strings.Join(facts.RoleQueries.Columns(), ", ")); {
		case err == nil:
			p.Answer = facts.RoleQueries.Answer(row)
		case errors.Is(err, errNoRow):
			p.Answer, err = serverinfo.Answer{}, nil
		case mysqlerr.IsDenied(err) && p.Shared.dropRoleQueries(ctx, p.Host, facts, err):
			return p.askHost(ctx)
		}
	}
	if err == nil {
		err = p.askReplication(ctx)
	}
	return err
}

// The query for a host's replication, in Host.replicaQuery.
const (
	showReplica int32 = iota
	showSlave
	showNone // there is none that it can answer
)

// askReplication has a replica count as unready whose replication has stopped, if
// the target is one. A replica that cannot reach its source keeps trying; it has
// not stopped.
func (p asker) askReplication(ctx context.Context) error {
	if !p.Shared.Target.Hosts().Monitors() || p.Answer.Event != failover.TakesNoWrites {
		return nil
	}
	for {
		how := p.Host.replicaQuery.Load()
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
				p.Answer = serverinfo.Answer{Event: failover.NotReady, Why: why}
			}
			return nil
		case mysqlerr.Number(err) == mysqlerr.Parse: // it is older, or no MySQL
			p.Host.replicaQuery.CompareAndSwap(how, how+1)
		case mysqlerr.IsDenied(err) || mysqlerr.Number(err) != 0 && CannotTell(err):
			if p.Host.replicaQuery.CompareAndSwap(how, showNone) {
				p.Shared.Log().LogAttrs(ctx, slog.LevelInfo, "mysqlpool: cannot read whether the host's replication runs, so it counts as running: grant REPLICATION CLIENT (MySQL) or REPLICA MONITOR (MariaDB)",
					slog.String("login", p.Shared.Name), slog.String("host", p.Host.Addr), slog.Any("error", err))
			}
		default:
			return err
		}
	}
}

// stoppedReplication names the thread of a replica that has stopped, or returns "". The
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
