package prometheus

import (
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"github.com/prometheus/client_golang/prometheus"
)

// serverMetric is one name of a server's budget, which all pools share.
type serverMetric struct {
	desc   *prometheus.Desc
	values func(s *mysqlpool.ServerStats) []value
}

func ofServers(name, help string, of func(s *mysqlpool.ServerStats) []value, labels ...string) serverMetric {
	return serverMetric{prometheus.NewDesc(name, help, append([]string{"server"}, labels...), nil), of}
}

// optional returns no value for 0, which means no limit.
func optional(n int) []value {
	if n == 0 {
		return nil
	}
	return []value{{nil, float64(n)}}
}

var serverMetrics = []serverMetric{
	ofServers("mysqlpool_server_connections", "Connections to the server of all pools of the process, with logins under way.",
		func(s *mysqlpool.ServerStats) []value { return []value{{nil, float64(s.Taken)}} }),
	ofServers("mysqlpool_server_connections_max", "Connections that the process may have to the server. Absent while there is no limit.",
		func(s *mysqlpool.ServerStats) []value { return optional(s.Limit) }),
	ofServers("mysqlpool_server_max_connections", "max_connections of the server. Absent if it has no limit, or did not say.",
		func(s *mysqlpool.ServerStats) []value { return optional(s.MaxConnections) }),
	ofServers("mysqlpool_server_connections_without_handle", "Connections to the server of pools without handles.",
		func(s *mysqlpool.ServerStats) []value { return []value{{nil, float64(s.WithoutHandle)}} }),
	ofServers("mysqlpool_server_waiting_pools", "Pools that wait for a connection that another pool has.",
		func(s *mysqlpool.ServerStats) []value { return []value{{nil, float64(s.Waiting)}} }),
	ofServers("mysqlpool_account_connections", "Connections to the server with an account that has a limit, with logins under way.",
		func(s *mysqlpool.ServerStats) (all []value) {
			for _, a := range s.Accounts {
				if a.Limit > 0 {
					all = append(all, value{[]string{a.User}, float64(a.Taken)})
				}
			}
			return all
		}, "user"),
	ofServers("mysqlpool_account_connections_max", "Connections that the account may have: its max_user_connections. Absent if it has no limit.",
		func(s *mysqlpool.ServerStats) (all []value) {
			for _, a := range s.Accounts {
				if a.Limit > 0 {
					all = append(all, value{[]string{a.User}, float64(a.Limit)})
				}
			}
			return all
		}, "user"),
}

// byAddr adds up servers with the same address, as connectors with dialers of their
// own have them.
func byAddr(servers []mysqlpool.ServerStats) []mysqlpool.ServerStats {
	var all []mysqlpool.ServerStats
	for _, s := range servers {
		last := len(all) - 1
		if last < 0 || all[last].Addr != s.Addr {
			all = append(all, s)
			continue
		}
		sum := &all[last]
		sum.MaxConnections = max(sum.MaxConnections, s.MaxConnections)
		sum.Taken += s.Taken
		sum.Limit += s.Limit
		sum.WithoutHandle += s.WithoutHandle
		sum.Waiting += s.Waiting
		sum.Accounts = addAccounts(sum.Accounts, s.Accounts)
	}
	return all
}

func addAccounts(all, more []mysqlpool.AccountStats) []mysqlpool.AccountStats {
	sum := append([]mysqlpool.AccountStats{}, all...)
next:
	for _, a := range more {
		for i := range sum {
			if sum[i].User == a.User {
				sum[i].Taken += a.Taken
				sum[i].Limit += a.Limit
				continue next
			}
		}
		sum = append(sum, a)
	}
	return sum
}
