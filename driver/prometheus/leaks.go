package prometheus

import (
	"cmp"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"github.com/prometheus/client_golang/prometheus"
)

// heldLong has no number of a pool, since a leak may outlive its pool.
var heldLong = prometheus.NewDesc("mysqlpool_connections_held_long",
	"Connections that are held for longer than pool_leak_after. Absent while there are none.", []string{"db_client_connection_pool_name"}, nil)

func countLeaks(leaks []mysqlpool.Leak) map[string]int {
	n := map[string]int{}
	for _, l := range leaks {
		n[cmp.Or(l.Name, l.Login)]++
	}
	return n
}
