package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/XSAM/otelsql"
	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	mysqlotel "github.com/mysqlpool/mysqlpool/driver/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// Its spans and its metrics of a handle, and beside them those of the pool.
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
		if r.driver == pooled {
			r.must(spansNest(r))
		}
	},
}

// spansNest wants the pool's spans of a new connection in those of otelsql, and those in
// the request's.
func spansNest(r *run) error {
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	defer mysqlotel.RegisterSpans(provider)()
	cfg, err := mysql.ParseDSN(r.dsn)
	if err != nil {
		return err
	}
	ownPool := mysql.BeforeConnect(func(context.Context, *mysql.Config) error { return nil })
	if err := cfg.Apply(ownPool); err != nil {
		return err
	}
	connector, err := mysqlpool.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := otelsql.OpenDB(connector, otelsql.WithTracerProvider(provider))
	defer db.Close()
	ctx, request := provider.Tracer("request").Start(r.ctx, "request")
	var one int
	if err := db.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return err
	}
	request.End()
	all := map[trace.SpanID]sdktrace.ReadOnlySpan{}
	for _, s := range spans.Ended() {
		all[s.SpanContext().SpanID()] = s
	}
	var got []string
	for _, s := range spans.Ended() {
		line := s.Name()
		for p := all[s.Parent().SpanID()]; p != nil; p = all[p.Parent().SpanID()] {
			line = p.Name() + " > " + line
		}
		got = append(got, line)
	}
	for _, want := range []string{"request > sql.connector.connect > pool.login", "request > sql.connector.connect > pool.wait", "request > sql.conn.query"} {
		if !slices.Contains(got, want) {
			return fmt.Errorf("the spans do not nest: got %q, want %q", got, want)
		}
	}
	return nil
}
