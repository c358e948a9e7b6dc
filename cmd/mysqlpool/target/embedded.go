package target

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What the command and the embedded server say to each other.
const (
	Protocol  = 1
	AskLogins = "logins"
)

// Hello is the first line that the embedded server writes.
type Hello struct {
	Protocol int    `json:"protocol"` // another one is another version of the program
	Name     string `json:"name"`
	DSN      string `json:"dsn"`
	UnixDSN  string `json:"unix_dsn"` // "" if there is none
}

// Embedded starts the embedded server. Its program is built first if there is
// none: tell gets what is done then. The server ends with Stop, and when this
// process ends, however that is.
func Embedded(ctx context.Context, timeout time.Duration, tell Teller) (*Server, error) {
	path, err := program(ctx, tell)
	if err != nil {
		return nil, fmt.Errorf("%w; --dsn='user:password@tcp(host:3306)/schema' needs no embedded server", err)
	}
	return start(ctx, path, timeout)
}

func start(ctx context.Context, path string, timeout time.Duration) (*Server, error) {
	cmd := exec.Command(path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the embedded server: %w", err)
	}
	c := &child{stdin: stdin, stdout: bufio.NewReader(stdout)}
	s := &Server{logins: c.logins}
	s.stop = append(s.stop, func() { c.end(cmd) })

	var hello Hello
	unwatch := context.AfterFunc(ctx, func() { stdin.Close() })
	line, err := c.stdout.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &hello)
	}
	if !unwatch() {
		s.Stop()
		return nil, context.Cause(ctx)
	}
	if err == nil && hello.Protocol != Protocol {
		err = fmt.Errorf("%s speaks protocol %d, want %d: remove that file", path, hello.Protocol, Protocol)
	}
	if err != nil {
		s.Stop()
		return nil, fmt.Errorf("starting the embedded server: %w: %s", err, strings.TrimSpace(said.String()))
	}
	s.Name, s.DSN, s.UnixDSN = hello.Name, hello.DSN, hello.UnixDSN

	cfg, err := Parse(hello.DSN)
	if err == nil {
		err = s.connect(ctx, cfg, timeout)
	}
	if err != nil {
		s.Stop()
		return nil, fmt.Errorf("logging in to the embedded server: %w", Explain(ctx, err, timeout))
	}
	s.Name, s.logins = hello.Name, c.logins // it answers SHOW STATUS LIKE 'Connections' with 0
	return s, nil
}

// child is the embedded server's process.
type child struct {
	mu     sync.Mutex // guards what follows: one question at a time
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

func (c *child) logins(context.Context) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := fmt.Fprintln(c.stdin, AskLogins); err != nil {
		return 0, fmt.Errorf("asking the embedded server for its logins: %w", err)
	}
	line, err := c.stdout.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("asking the embedded server for its logins: %w", err)
	}
	return strconv.ParseInt(strings.TrimSpace(line), 10, 64)
}

// endTime is how long the embedded server has to end.
const endTime = 3 * time.Second

func (c *child) end(cmd *exec.Cmd) {
	c.stdin.Close()
	killed := time.AfterFunc(endTime, func() { cmd.Process.Kill() })
	defer killed.Stop()
	cmd.Wait()
}

var errNoProgram = errors.New("there is no embedded server")
