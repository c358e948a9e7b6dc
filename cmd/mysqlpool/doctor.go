package main

import (
	"context"
	"encoding/json"
	"io"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/internal/doctor"
)

// doctorCommand is the command "mysqlpool doctor".
type doctorCommand struct {
	DSN  string `name:"dsn" placeholder:"DSN" help:"Look at the server at user:password@tcp(host:3306)/schema instead of an embedded one. Options of the pool are written with an @, as in ?@pool_size=3, and count."`
	JSON bool   `name:"json" help:"Print it for machines, as JSON. Default: as text."`
}

// Help is called by kong.
func (c *doctorCommand) Help() string {
	return `It logs in some ten times, asks the server for its variables, and tries the pool out with one connection. It changes nothing. The exit status is 0 if all is well, 1 if something must be mended, and 2 if the server could not be examined.`
}

// Run is called by kong.
func (c *doctorCommand) Run(ctx context.Context, stdout io.Writer) error {
	r, err := c.examine(ctx)
	if err != nil {
		return exitError{exitUsage, err}
	}
	if c.JSON {
		out := json.NewEncoder(stdout)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		if err := out.Encode(r); err != nil {
			return exitError{exitUsage, err}
		}
	} else {
		newPaint(stdout).report(r, c.DSN == "")
	}
	if r.OK {
		return nil
	}
	return exitError{exitFailed, nil} // the report says why
}

func (c *doctorCommand) examine(ctx context.Context) (*doctor.Report, error) {
	server, err := openServer(ctx, c.DSN)
	if err != nil {
		return nil, err
	}
	defer server.Stop()
	defer dispose()
	return doctor.Examine(ctx, server.DSN, server.Name)
}
