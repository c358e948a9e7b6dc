// Package migrations holds what the migration tools run.
package migrations

import "embed"

// Files has the folders goose and migrate.
//
//go:embed goose/*.sql migrate/*.sql
var Files embed.FS
