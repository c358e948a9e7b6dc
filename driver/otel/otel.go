// Package otel exports the statistics of package mysqlpool through OpenTelemetry,
// and makes spans:
//
//	import mysqlotel "github.com/mysqlpool/mysqlpool/driver/otel"
//
//	reader := sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(mysqlotel.NewProducer()))
//	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
//	registration, err := mysqlotel.Register(provider)
//
//	unregister := mysqlotel.RegisterSpans(tracerProvider)
//
// Register exports counts, by instruments of the metric API that are read when they
// are collected. NewProducer exports how long logins, checkouts and uses took: the
// pool has counted these into histograms when they are read, for which the API has
// no instrument, and the SDK has a Producer.
//
// What the semantic conventions for database clients have a name for has that
// name: db.client.connection.*, as of the version in SchemaURL. The rest begins
// with mysqlpool. Each pool of the process has series of its own, told apart by
// db.client.connection.pool.name, which is pool_name, else the login as
// user@net(addr), and pool, a number that counts the pools of the process: two may
// have the same login, with other options. The state of a connection may be
// pinned, besides used and idle: it is kept by an idle logical connection because
// session state is on it. What all pools have of one server is in
// mysqlpool.server.* and mysqlpool.account.*. No attribute has a password or a
// statement. A pool that is forgotten takes its series with it.
//
// The names, once the exporter for Prometheus has written dots as underscores and
// has put the unit and _total last, are those of package driver/prometheus, so
// that the dashboard and the rules there are good for both.
//
// RegisterSpans makes spans of what a pool does besides statements, of which a
// wrapper such as otelsql makes them with this driver too. What becomes of a host
// is in log events (see mysqlpool.WithLogger), which the bridge otelslog turns into
// log records of OpenTelemetry.
package otel

import (
	"cmp"
	"context"
	"errors"
	"strconv"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// scope is the name of the meter, and of what the producer produces.
const scope = "github.com/mysqlpool/mysqlpool/driver/otel"

// SchemaURL is the version of the semantic conventions whose names are used.
const SchemaURL = semconv.SchemaURL

// source is what is exported; tests have their own.
type source struct {
	stats   func() []mysqlpool.PoolStats
	servers func() []mysqlpool.ServerStats
	leaks   func() []mysqlpool.Leak
}

var processSource = source{mysqlpool.Stats, mysqlpool.Servers, mysqlpool.Leaks}

// Register has every pool of the process exported by the provider, those to come
// included, until the registration is unregistered. A nil provider is the global
// one. A collection reads mysqlpool.Stats, mysqlpool.Servers and mysqlpool.Leaks
// once: it asks no server, and takes each pool's lock for a moment.
//
// An error is one of the provider, for an instrument that it cannot make.
func Register(provider metric.MeterProvider) (metric.Registration, error) {
	return processSource.register(provider)
}

func (s source) register(provider metric.MeterProvider) (metric.Registration, error) {
	if provider == nil {
		provider = otel.GetMeterProvider()
	}
	meter := provider.Meter(scope, metric.WithSchemaURL(SchemaURL))
	var all []metric.Observable
	var errs []error
	made := func(i observable, err error) metric.Int64Observable {
		all, errs = append(all, i), append(errs, err)
		return i
	}
	perPool := make([]metric.Int64Observable, len(poolMetrics))
	for n, m := range poolMetrics {
		perPool[n] = made(m.observable(meter))
	}
	perServer := make([]metric.Int64Observable, len(serverMetrics))
	for n, m := range serverMetrics {
		perServer[n] = made(m.observable(meter))
	}
	held := made(heldLong.observable(meter))
	waited, err := meter.Float64ObservableCounter(waitDuration.name, metric.WithUnit(waitDuration.unit), metric.WithDescription(waitDuration.help))
	all, errs = append(all, waited), append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, p := range s.stats() {
			pool := poolAttributes(&p)
			for n, m := range poolMetrics {
				for _, v := range m.values(&p) {
					o.ObserveInt64(perPool[n], v.value, metric.WithAttributes(pool...), metric.WithAttributes(v.attributes...))
				}
			}
			o.ObserveFloat64(waited, p.WaitDuration.Seconds(), metric.WithAttributes(pool...))
		}
		for _, server := range byAddr(s.servers()) {
			for n, m := range serverMetrics {
				for _, v := range m.values(&server) {
					o.ObserveInt64(perServer[n], v.value, metric.WithAttributes(attribute.String("server", server.Addr)), metric.WithAttributes(v.attributes...))
				}
			}
		}
		for name, n := range countLeaks(s.leaks()) {
			o.ObserveInt64(held, n, metric.WithAttributes(semconv.DBClientConnectionPoolName(name)))
		}
		return nil
	}, all...)
}

// poolAttributes are on every series of a pool.
func poolAttributes(p *mysqlpool.PoolStats) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.DBClientConnectionPoolName(cmp.Or(p.Name, p.Login)),
		attribute.String("pool", strconv.FormatInt(p.Number, 10)),
	}
}

func countLeaks(leaks []mysqlpool.Leak) map[string]int64 {
	n := map[string]int64{}
	for _, l := range leaks {
		n[cmp.Or(l.Name, l.Login)]++
	}
	return n
}
