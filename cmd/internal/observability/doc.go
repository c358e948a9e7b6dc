// Package observability tests what operators are given with the metrics: the rules
// for Prometheus, and the dashboard for Grafana.
package observability
