package main

import (
	"database/sql"
	"errors"

	"github.com/XSAM/otelsql"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

var otelsqlLibrary = library{
	name: "otelsql", module: "github.com/XSAM/otelsql",
	checked: wrappedChecked, most: wrappedMost,
	program: func(r *run) {
		spans := tracetest.NewSpanRecorder()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
		wrappedProgram(r, func() (*sql.DB, error) {
			return otelsql.Open(r.driver, r.dsn, otelsql.WithTracerProvider(provider))
		})
		if len(spans.Ended()) < wrappedRounds {
			r.must(errors.New("otelsql made no spans"))
		}
	},
}
