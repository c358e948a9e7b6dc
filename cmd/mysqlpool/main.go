// Command mysqlpool shows what the driver "mysql_pool" does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit statuses.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // as a shell has it for SIGINT
)

// exitError is an error with an exit status of its own.
type exitError struct {
	status int
	error
}

func (e exitError) Unwrap() error { return e.error }

type commands struct {
	Demo   demo          `cmd:"" help:"Serve the same page views through \"mysql\" and \"mysql_pool\", and show both side by side."`
	Watch  watchPage     `cmd:"" help:"Serve a web page that shows \"mysql\" and \"mysql_pool\" at work, live and side by side."`
	Doctor doctorCommand `cmd:"" help:"Look at a server, and say what the pool will make of it and what is to be mended."`
	Bench  bench         `cmd:"" help:"Measure how many times as fast \"mysql_pool\" is as \"mysql\", in many workloads."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, errs io.Writer) int {
	var c commands
	exited := -1
	parser, err := kong.New(&c, kong.Name("mysqlpool"), kong.Writers(stdout, errs),
		kong.Description("mysqlpool: a database/sql driver that keeps MySQL connections between handles."),
		kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(stdout, (*io.Writer)(nil)),
		kong.BindTo(errs, (*stderr)(nil)))
	if err != nil {
		panic(err) // the commands above are wrong
	}
	command, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(errs, "mysqlpool: %v (see mysqlpool --help)\n", err)
		return exitUsage
	}
	err = command.Run()
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil || errors.Is(err, context.Canceled):
		fmt.Fprintln(errs, "mysqlpool: interrupted")
		return exitInterrupted
	}
	fmt.Fprintf(errs, "mysqlpool: %v\n", err)
	var exit exitError
	if errors.As(err, &exit) {
		return exit.status
	}
	return exitFailed
}
