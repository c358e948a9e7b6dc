// Package sqlc holds a schema and queries for sqlc; what that makes of them is
// in package db, untouched.
package sqlc

import _ "embed"

//go:generate env CGO_ENABLED=0 go run github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1 generate

// Version is the sqlc that made package db.
const Version = "v1.31.1"

// Schema creates the tables.
//
//go:embed schema.sql
var Schema string
