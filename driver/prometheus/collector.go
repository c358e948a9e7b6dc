// Package prometheus exports the statistics of package mysqlpool to Prometheus:
//
//	import mysqlprometheus "github.com/mysqlpool/mysqlpool/driver/prometheus"
//
//	registry.MustRegister(mysqlprometheus.NewCollector())
//
// In its folder are rules.yml, with recording and alert rules, and dashboard.json,
// for Grafana. What each metric means, and what to do about it, is in
// docs/observability.md.
//
// What OpenTelemetry has a convention for is named after it ("Semantic
// conventions for database client metrics", db.client.connection.*), as its
// Prometheus exporter writes names: dots become underscores, and the unit and
// _total come last. The rest begins with mysqlpool_. Each pool of the process
// has series of its own, told apart by db_client_connection_pool_name, which is
// pool_name, else the login as user@net(addr), and pool, a number that counts the
// pools of the process: two may have the same login, with other options. What all
// pools have of one server is in mysqlpool_server_* and mysqlpool_account_*. No label has a password. A pool
// that is forgotten takes its series with it: a program that makes a connector of
// its own for each tenant makes new series each time. The count of connections has
// a state that the convention does not have, pinned.
package prometheus

import (
	"cmp"
	"strconv"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"github.com/prometheus/client_golang/prometheus"
)

// NewCollector returns a collector of every pool of the process, those to come
// included. A scrape reads mysqlpool.Stats, mysqlpool.Servers and mysqlpool.Leaks once: it asks no
// server, and takes each pool's lock for a moment.
func NewCollector() prometheus.Collector {
	return collector{mysqlpool.Stats, mysqlpool.Servers, mysqlpool.Leaks}
}

type collector struct {
	stats   func() []mysqlpool.PoolStats // replaced by tests
	servers func() []mysqlpool.ServerStats
	leaks   func() []mysqlpool.Leak
}

// Describe implements prometheus.Collector.
func (collector) Describe(descs chan<- *prometheus.Desc) {
	for _, m := range metrics {
		descs <- m.desc
	}
	for _, h := range histograms {
		descs <- h.desc
	}
	for _, m := range serverMetrics {
		descs <- m.desc
	}
	descs <- heldLong
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	for _, s := range c.stats() {
		pool := []string{cmp.Or(s.Name, s.Login), strconv.FormatInt(s.Number, 10)}
		for _, m := range metrics {
			for _, v := range m.values(&s) {
				out <- prometheus.MustNewConstMetric(m.desc, m.kind, v.value, append(pool, v.labels...)...)
			}
		}
		for _, h := range histograms {
			out <- constHistogram(h.desc, h.of(&s), pool)
		}
	}
	for _, s := range byAddr(c.servers()) {
		for _, m := range serverMetrics {
			for _, v := range m.values(&s) {
				out <- prometheus.MustNewConstMetric(m.desc, prometheus.GaugeValue, v.value, append([]string{s.Addr}, v.labels...)...)
			}
		}
	}
	for pool, n := range countLeaks(c.leaks()) {
		out <- prometheus.MustNewConstMetric(heldLong, prometheus.GaugeValue, float64(n), pool)
	}
}

// constHistogram sums the buckets up, as Prometheus has them, in seconds.
func constHistogram(desc *prometheus.Desc, h mysqlpool.Histogram, labels []string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(h.Bounds))
	n := uint64(0)
	for i, bound := range h.Bounds {
		n += uint64(h.Counts[i])
		buckets[bound.Seconds()] = n
	}
	return prometheus.MustNewConstHistogram(desc, uint64(h.Count), h.Sum.Seconds(), buckets, labels...)
}
