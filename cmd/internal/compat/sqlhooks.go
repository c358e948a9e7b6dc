package main

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/qustavo/sqlhooks/v2"
)

// It hides IsValid from database/sql, and CheckNamedValue, so that a uint64 with
// its highest bit set is refused.
var sqlhooksLibrary = library{
	name: "sqlhooks", module: "github.com/qustavo/sqlhooks/v2",
	checked: "the same, with IsValid, Ping and CheckNamedValue hidden", most: wrappedMost,
	program: func(r *run) {
		registerHooked()
		before := hooked.Load()
		wrappedProgram(r, func() (*sql.DB, error) { return sql.Open(r.driver+" with sqlhooks", r.dsn) })
		if hooked.Load() < before+wrappedRounds {
			r.must(errors.New("sqlhooks called no hook"))
		}
	},
}

var hooked atomic.Int64

var registerHooked = sync.OnceFunc(func() {
	for _, name := range []string{stock, pooled} {
		sql.Register(name+" with sqlhooks", sqlhooks.Wrap(driverOf[name], countHooks{}))
	}
})

type countHooks struct{}

func (countHooks) Before(ctx context.Context, _ string, _ ...any) (context.Context, error) {
	hooked.Add(1)
	return ctx, nil
}

func (countHooks) After(ctx context.Context, _ string, _ ...any) (context.Context, error) {
	return ctx, nil
}
