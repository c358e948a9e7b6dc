// Command withserver runs a command with a MySQL-protocol server at hand, and
// stops the server when the command ends:
//
//	withserver --server=real -- go test ./driver/...
//
// The command finds the server's DSNs in its environment. See --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
)

// Exit statuses of its own. Otherwise it is the command's, or 128 plus the
// number of the signal that ended the command, as a shell has it.
const (
	exitUsage      = 2
	exitNoServer   = 3
	exitCannotRun  = 126
	exitNotFound   = 127
	exitFromSignal = 128
)

const description = `Usage: withserver [flags] -- command [argument ...]

Runs a command with a MySQL-protocol server at hand, and stops the server when the command ends.

The server is the first that can be had of: the one that MYSQL_POOL_TEST_DSN names; mysql:8.4 or mariadb:11 in Docker (MYSQL_POOL_TEST_IMAGE names another image); a mariadbd or mysqld of this machine on a private data directory (MYSQL_POOL_TEST_MYSQLD names one); go-mysql-server, embedded.

The command finds in its environment MYSQL_POOL_TEST_DSN, MYSQL_POOL_TEST_UNIX_DSN and MYSQL_POOL_TEST_TLS_DSN (each unset where the server has no such way in), and MYSQL_POOL_TEST_SERVER, the server in words. It runs in a process group of its own, without the terminal as its input; SIGINT and SIGTERM are passed on to that group.

Exit status: the command's; 3 if there is no server, 2 for wrong usage, 126 and 127 if the command cannot be run.`

type flags struct {
	Server  string   `enum:"real,embedded,any,router,tidb,vitess" default:"any" help:"Which server: real (no embedded one), embedded, or any (default); router, tidb and vitess are what make test-others has."`
	Arg     []string `sep:"none" placeholder:"--NAME=VALUE" help:"One more argument for a server that is started here, such as --arg=--max-connections=100. May be repeated."`
	Dir     string   `type:"existingdir" placeholder:"DIR" help:"Run the command in this directory."`
	Verbose bool     `short:"v" help:"Say why each other server was passed over."`

	Command []string `arg:"" passthrough:"" help:"The command and its arguments, after --."`
}

func main() {
	os.Exit(run(os.Args[1:], os.Stderr))
}

func run(args []string, stderr io.Writer) int {
	var f flags
	exited := -1
	parser, err := kong.New(&f, kong.Name("withserver"), kong.Description(description),
		kong.ConfigureHelp(kong.HelpOptions{NoAppSummary: true}), // it would not show the --
		kong.Exit(func(code int) { exited = code }))
	if err != nil {
		panic(err) // the flags above are wrong
	}
	_, err = parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if len(f.Command) > 0 && f.Command[0] == "--" {
		f.Command = f.Command[1:]
	}
	if err == nil && len(f.Command) == 0 {
		err = errors.New("no command after --")
	}
	if err != nil {
		fmt.Fprintf(stderr, "withserver: %v (see withserver --help)\n", err)
		return exitUsage
	}

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	server, sig, err := find(f, signals, stderr)
	if sig != nil {
		return exitFromSignal + int(sig.(syscall.Signal))
	}
	if err != nil {
		fmt.Fprintf(stderr, "withserver: %v\n", err)
		return exitNoServer
	}
	defer server.Stop()
	note := ""
	if len(f.Arg) > 0 && !server.TakesArgs() {
		note = fmt.Sprintf(" (without %s, which it cannot take)", strings.Join(f.Arg, " "))
	}
	fmt.Fprintf(stderr, "withserver: %s%s\n", server.Name, note)
	return runCommand(f.Command, f.Dir, server.Env(os.Environ()), signals, stderr)
}

// find finds the server, or returns the signal that came first.
func find(f flags, signals <-chan os.Signal, stderr io.Writer) (*servers.Server, os.Signal, error) {
	opts := servers.Options{Args: f.Arg, RealOnly: f.Server == "real"}
	switch kind := servers.Kind(f.Server); kind {
	case servers.Embedded, servers.Routed, servers.TiDB, servers.Vitess:
		opts.Kinds = []servers.Kind{kind}
	}
	if f.Verbose {
		opts.Logf = func(format string, args ...any) { fmt.Fprintf(stderr, "withserver: "+format+"\n", args...) }
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	type found struct {
		server *servers.Server
		err    error
	}
	result := make(chan found, 1)
	go func() {
		s, err := servers.Find(ctx, opts)
		result <- found{s, err}
	}()
	select {
	case r := <-result:
		return r.server, nil, r.err
	case sig := <-signals:
		cancel()
		if r := <-result; r.err == nil {
			r.server.Stop()
		}
		return nil, sig, nil
	}
}
