// Package fleet simulates a thousand processes on one server, in fake time: each with
// the pool of mysqlpool, or with database/sql's own over the stock driver's rules.
// See docs/fleet.md. make fleet runs it and draws docs/fleet.svg.
package fleet
