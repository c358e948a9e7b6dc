// Command mysqlpool shows what the driver "mysql_pool" does.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit statuses.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // as a shell has it for SIGINT
)

// exitError is an error with an exit status of its own. Without an error inside,
// everything has been said.
type exitError struct {
	status int
	error
}

func (e exitError) Error() string {
	if e.error == nil {
		return "exit status " + strconv.Itoa(e.status)
	}
	return e.error.Error()
}

func (e exitError) Unwrap() error { return e.error }

type commands struct {
	Version kong.VersionFlag `help:"Show the version."`

	Demo   demo          `cmd:"" help:"Serve the same page views through \"mysql\" and \"mysql_pool\", side by side."`
	Watch  watchPage     `cmd:"" help:"Serve a web page that shows both drivers at work, live."`
	Doctor doctorCommand `cmd:"" help:"Examine a server: what the pool makes of it, problems, and how to fix them."`

	Size       sizeCommand `cmd:"" help:"Compute how many connections a load needs, and how long requests wait."`
	Bench      bench       `cmd:"" help:"Measure how many times as fast \"mysql_pool\" is as \"mysql\"."`
	Completion completion  `cmd:"" help:"Print a script that completes commands and flags in a shell."`
	Help       helpCommand `cmd:"" help:"Show the help of a command."`
}

// helpCommand is "mysqlpool help", which run turns into --help.
type helpCommand struct {
	Command []string `arg:"" optional:"" help:"The command. Default: all of them."`
}

// Run is called by kong.
func (helpCommand) Run() error { return nil }

// stderr is what kong calls the stream for warnings.
type stderr interface{ io.Writer }

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
		kong.Vars{"version": version()},
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: columns}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(stdout, (*io.Writer)(nil)),
		kong.BindTo(errs, (*stderr)(nil)))
	if err != nil {
		panic(err) // the commands above are wrong
	}
	switch {
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "help":
		args = append(args[1:len(args):len(args)], "--help")
	}
	command, err := parser.Parse(args)
	if exited >= 0 { // --help, --version
		return exited
	}
	if err != nil {
		fmt.Fprintf(errs, "mysqlpool: %s (see mysqlpool --help)\n", plain(oneLine(err)))
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
	exit := exitError{exitFailed, err}
	errors.As(err, &exit)
	if exit.error != nil {
		fmt.Fprintf(errs, "mysqlpool: %s\n", oneLine(exit.error))
	}
	return exit.status
}

// kongSays is what kong says of a value, for programmers.
var kongSays = regexp.MustCompile(`^(--[a-z-]+): expected (?:a |an )?(.+?)(?: value)? but got "(.*?)"(?: \(.*\)|: .*)?$`)

// kinds is what kong calls kinds of values.
var kinds = map[string]string{"valid 64 bit int": "a whole number", "float": "a number", "duration": "a Go duration, such as 10s", "bool": "true or false", "string": "a value"}

// plain is an error of kong as our own are: what was wanted, what was got.
func plain(msg string) string {
	m := kongSays.FindStringSubmatch(msg)
	if m == nil {
		return msg
	}
	want := cmp.Or(kinds[m[2]], "a value")
	if m[3] == "EOL" {
		return m[1] + ": got none, want " + want
	}
	return fmt.Sprintf("%s=%s: want %s", m[1], m[3], want)
}

// oneLine is an error as one line: joined errors have one each.
func oneLine(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	// The driver's own errors begin so too.
	return strings.TrimPrefix(strings.Join(lines, "; "), "mysqlpool: ")
}
