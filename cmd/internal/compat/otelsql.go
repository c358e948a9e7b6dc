package main

import (
	"database/sql"
	"errors"
	"strings"

	"github.com/XSAM/otelsql"
	mysqlotel "github.com/mysqlpool/mysqlpool/driver/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// Its spans and its metrics of a handle, and beside them the pool's own metrics.
var otelsqlLibrary = library{
	name: "otelsql", module: "github.com/XSAM/otelsql",
	checked: wrappedChecked, most: wrappedMost,
	program: func(r *run) {
		spans := tracetest.NewSpanRecorder()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
		reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(mysqlotel.NewProducer()))
		meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		registration, err := mysqlotel.Register(meters)
		r.must(err)
		defer registration.Unregister()
		wrappedProgram(r, func() (*sql.DB, error) {
			db, err := otelsql.Open(r.driver, r.dsn, otelsql.WithTracerProvider(provider), otelsql.WithMeterProvider(meters))
			if err != nil {
				return nil, err
			}
			stats, err := otelsql.RegisterDBStatsMetrics(db, otelsql.WithMeterProvider(meters))
			r.must(err)
			r.later(func() { stats.Unregister() })
			return db, nil
		})
		if len(spans.Ended()) < wrappedRounds {
			r.must(errors.New("otelsql made no spans"))
		}
		var got metricdata.ResourceMetrics
		r.must(reader.Collect(r.ctx, &got))
		from := map[string]int{}
		for _, scope := range got.ScopeMetrics {
			from[scope.Scope.Name[strings.LastIndex(scope.Scope.Name, "/")+1:]] += len(scope.Metrics)
		}
		if from["otelsql"] == 0 || r.driver == pooled && from["otel"] == 0 {
			r.must(errors.New("want metrics of otelsql, and of the pool beside them"))
		}
	},
}
