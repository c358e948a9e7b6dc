package main

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"

	sqldblogger "github.com/simukti/sqldb-logger"
)

// It hides IsValid from database/sql, and calls driver.Open for each connection.
var sqldbLoggerLibrary = library{
	name: "sqldb-logger", module: "github.com/simukti/sqldb-logger",
	checked: "the same, with IsValid hidden and driver.Open called for each connection", most: wrappedMost,
	program: func(r *run) {
		lines := new(countLines)
		wrappedProgram(r, func() (*sql.DB, error) {
			return sqldblogger.OpenDriver(r.dsn, driverOf[r.driver], lines), nil
		})
		if lines.Load() < wrappedRounds {
			r.must(errors.New("sqldb-logger logged nothing"))
		}
	},
}

type countLines struct{ atomic.Int64 }

func (c *countLines) Log(context.Context, sqldblogger.Level, string, map[string]any) { c.Add(1) }
