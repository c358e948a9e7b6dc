// Command mysqlpool-embedded runs go-mysql-server for the command mysqlpool,
// which starts it when no --dsn names a server. It is a program of its own
// because it is large and slow to build.
//
// It writes one line of JSON to its standard output, [target.Hello], once the
// server answers. From then on it answers each line "logins" on its standard
// input with the number of logins so far, and ends when its input ends.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
)

func main() {
	// A Ctrl-C goes to the whole process group. The server must outlive the
	// command's last queries: the end of the input ends it.
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mysqlpool-embedded:", err)
		os.Exit(1)
	}
}

func serve(stdin io.Reader, stdout io.Writer) error {
	ctx := context.Background()
	server, err := servers.Find(ctx, servers.Options{Kinds: []servers.Kind{servers.Embedded}})
	if err != nil {
		return err
	}
	defer server.Stop()
	name, _, _ := strings.Cut(server.Name, ",")
	hello := target.Hello{Protocol: target.Protocol, Name: name + ", the embedded server", DSN: server.DSN, UnixDSN: server.UnixDSN}
	if err := json.NewEncoder(stdout).Encode(hello); err != nil {
		return err
	}
	for lines := bufio.NewScanner(stdin); lines.Scan(); {
		if lines.Text() != target.AskLogins {
			return fmt.Errorf("got %q, want %q", lines.Text(), target.AskLogins)
		}
		n, err := server.Logins(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, n)
	}
	return nil
}
