package main

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/luna-duclos/instrumentedsql"
)

// It hides IsValid from database/sql.
var instrumentedsqlLibrary = library{
	name: "instrumentedsql", module: "github.com/luna-duclos/instrumentedsql",
	checked: "the same, with IsValid hidden", most: wrappedMost,
	program: func(r *run) {
		registerInstrumented()
		before := instrumentedCalls.Load()
		wrappedProgram(r, func() (*sql.DB, error) { return sql.Open(r.driver+" with instrumentedsql", r.dsn) })
		if instrumentedCalls.Load() < before+wrappedRounds {
			r.must(errors.New("instrumentedsql logged nothing"))
		}
	},
}

var instrumentedCalls atomic.Int64

var registerInstrumented = sync.OnceFunc(func() {
	count := instrumentedsql.LoggerFunc(func(context.Context, string, ...any) { instrumentedCalls.Add(1) })
	for _, name := range []string{stock, pooled} {
		sql.Register(name+" with instrumentedsql", instrumentedsql.WrapDriver(driverOf[name], instrumentedsql.WithLogger(count)))
	}
})
