package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"github.com/ngrok/sqlmw"
)

var sqlmwLibrary = library{
	name: "sqlmw", module: "github.com/ngrok/sqlmw",
	checked: wrappedChecked, most: wrappedMost,
	program: func(r *run) {
		registerSqlmw()
		before := sqlmwCalls.Load()
		wrappedProgram(r, func() (*sql.DB, error) { return sql.Open(r.driver+" with sqlmw", r.dsn) })
		if sqlmwCalls.Load() < before+wrappedRounds {
			r.must(errors.New("sqlmw intercepted nothing"))
		}
	},
}

var sqlmwCalls atomic.Int64

// registerSqlmw registers both drivers wrapped, under names of their own.
var registerSqlmw = sync.OnceFunc(func() {
	for _, name := range []string{stock, pooled} {
		sql.Register(name+" with sqlmw", sqlmw.Driver(driverOf[name], countQueries{}))
	}
})

// driverOf has both drivers, for what wraps one.
var driverOf = map[string]driver.Driver{stock: &mysql.MySQLDriver{}, pooled: mysqlpool.Driver{}}

type countQueries struct{ sqlmw.NullInterceptor }

func (countQueries) ConnQueryContext(ctx context.Context, c driver.QueryerContext, query string, args []driver.NamedValue) (context.Context, driver.Rows, error) {
	sqlmwCalls.Add(1)
	rows, err := c.QueryContext(ctx, query, args)
	return ctx, rows, err
}
