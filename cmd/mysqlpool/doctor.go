package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/internal/doctor"
	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
)

// doctorCommand is the command "mysqlpool doctor".
type doctorCommand struct {
	serverFlags
	Replicas int  `default:"1" placeholder:"N" help:"How many processes of your program use the server at a time, 1 to 10000: their connections are added up. Default: ${default}."`
	JSON     bool `name:"json" help:"Print it for machines, as JSON: docs/doctor-json.md describes it. Default: as text."`
}

// Help is called by kong.
func (c *doctorCommand) Help() string {
	return `It logs in some ten times to each host that the DSN names, asks for its variables, and tries the pool out with one connection. It changes nothing. Options of the pool count, with an @ or without.

The exit status is 0 if there is no problem (warnings and hints are none), 1 if there is one, and 2 if the server could not be examined.`
}

// Validate is called by kong.
func (c *doctorCommand) Validate() error {
	if c.Replicas < 1 || c.Replicas > 10_000 {
		return fmt.Errorf("--replicas=%d: want 1 to 10000", c.Replicas)
	}
	return c.serverFlags.Validate()
}

// Run is called by kong.
func (c *doctorCommand) Run(ctx context.Context, stdout io.Writer, stderr stderr) error {
	r, err := c.examine(ctx, stderr)
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
		newPaint(stdout).report(r, c.embedded())
	}
	if r.OK {
		return nil
	}
	return exitError{exitFailed, nil} // the report says why
}

func (c *doctorCommand) examine(ctx context.Context, stderr io.Writer) (*doctor.Report, error) {
	in := doctor.Input{DSN: c.dsn(), Replicas: c.Replicas, Timeout: c.Timeout}
	name := ""
	if c.embedded() {
		server, err := openEmbedded(ctx, c.Timeout, stderr)
		if err != nil {
			return nil, err
		}
		defer server.Stop()
		in.DSN, name = server.DSN, server.Name
	} else {
		if _, err := target.Parse(in.DSN); err != nil {
			return nil, err
		}
		if err := checkOptions(in.DSN); err != nil {
			return nil, err
		}
	}
	defer dispose()
	r, err := doctor.Examine(ctx, in)
	if err == nil && name != "" {
		r.Server = name
	}
	return r, err
}
