package otel

import (
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// serverMetric is one name of a server's budget, which all pools share.
type serverMetric struct {
	instrument
	values func(s *mysqlpool.ServerStats) []value
}

var serverMetrics = []serverMetric{
	{instrument{"mysqlpool.server_connections", "{connection}", "Connections to the server of all pools of the process, with logins under way.", sum},
		func(s *mysqlpool.ServerStats) []value { return []value{with(int64(s.Taken))} }},
	{instrument{"mysqlpool.server_connections_max", "{connection}", "Connections that the process may have to the server. Absent while there is no limit.", sum},
		func(s *mysqlpool.ServerStats) []value { return optional(s.Limit) }},
	{instrument{"mysqlpool.server_max_connections", "{connection}", "max_connections of the server. Absent if it has no limit, or did not say.", gauge},
		func(s *mysqlpool.ServerStats) []value { return optional(s.MaxConnections) }},
	{instrument{"mysqlpool.server_connections_without_handle", "{connection}", "Connections to the server of pools without handles.", sum},
		func(s *mysqlpool.ServerStats) []value { return []value{with(int64(s.WithoutHandle))} }},
	{instrument{"mysqlpool.server_waiting_pools", "{pool}", "Pools that wait for a connection that another pool has.", sum},
		func(s *mysqlpool.ServerStats) []value { return []value{with(int64(s.Waiting))} }},
	{instrument{"mysqlpool.account_connections", "{connection}", "Connections to the server with an account that has a limit, with logins under way.", sum},
		ofAccounts(func(a *mysqlpool.AccountStats) int { return a.Taken })},
	{instrument{"mysqlpool.account_connections_max", "{connection}", "Connections that the account may have: its max_user_connections. Absent if it has no limit.", sum},
		ofAccounts(func(a *mysqlpool.AccountStats) int { return a.Limit })},
}

func ofAccounts(of func(a *mysqlpool.AccountStats) int) func(*mysqlpool.ServerStats) []value {
	return func(s *mysqlpool.ServerStats) (all []value) {
		for _, a := range s.Accounts {
			if a.Limit > 0 {
				all = append(all, with(int64(of(&a)), "user", a.User))
			}
		}
		return all
	}
}

// byAddr adds up servers with the same address, as connectors with dialers of
// their own have them: they come one after the other.
func byAddr(servers []mysqlpool.ServerStats) []mysqlpool.ServerStats {
	var all []mysqlpool.ServerStats
	for _, s := range servers {
		last := len(all) - 1
		if last < 0 || all[last].Addr != s.Addr {
			s.Accounts = addAccounts(nil, s.Accounts)
			all = append(all, s)
			continue
		}
		sum := &all[last]
		sum.Taken += s.Taken
		sum.Limit += s.Limit
		sum.MaxConnections = max(sum.MaxConnections, s.MaxConnections)
		sum.WithoutHandle += s.WithoutHandle
		sum.Waiting += s.Waiting
		sum.Accounts = addAccounts(sum.Accounts, s.Accounts)
	}
	return all
}

func addAccounts(all, more []mysqlpool.AccountStats) []mysqlpool.AccountStats {
next:
	for _, a := range more {
		for i := range all {
			if all[i].User == a.User {
				all[i].Taken += a.Taken
				all[i].Limit += a.Limit
				continue next
			}
		}
		all = append(all, a)
	}
	return all
}
