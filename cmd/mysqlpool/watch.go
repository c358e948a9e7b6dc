package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/internal/watch"
)

// watchPage is the command "mysqlpool watch".
type watchPage struct {
	serverFlags
	Listen string `default:"127.0.0.1:8336" placeholder:"HOST:PORT" help:"Where to serve the page. Default: ${default}. Port 0 is any free one. Whoever reaches it can see the page and press its buttons."`
}

// Help is called by kong.
func (c *watchPage) Help() string {
	return `The page makes requests through both drivers, one at a press of a button or many under load, and shows logins, latency, connections and the pool's statistics. Of a DSN that names several hosts it shows each, and which is the primary; "mysql" uses the first host alone.`
}

// Validate is called by kong.
func (c *watchPage) Validate() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("--listen=%s: want host:port, such as 127.0.0.1:8336", c.Listen)
	}
	return c.serverFlags.Validate()
}

// Run is called by kong. It ends with ctx.
func (c *watchPage) Run(ctx context.Context, stdout io.Writer, stderr stderr) error {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("%w (--listen=127.0.0.1:0 takes any free port)", err)
	}
	defer l.Close()
	defer quiet()()
	hosts, dsn, err := c.openHosts(ctx, stderr)
	if err != nil {
		return err
	}
	for _, h := range hosts {
		defer h.Stop()
	}
	defer dispose()

	if !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
		fmt.Fprintf(stderr, "mysqlpool: warning: %s can be reached from other machines: they see this page and can press its buttons\n", l.Addr())
	}
	for _, h := range hosts {
		printServer(stdout, h.Name)
	}
	fmt.Fprintf(stdout, "watch it at http://%s/ until Ctrl-C\n", browsable(l.Addr()))
	w := watch.New(hosts, dsn, func(format string, args ...any) {
		fmt.Fprintf(stderr, "%s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
	})
	return serveWatch(ctx, w, l, c.Listen)
}

// quiet has the drivers log nothing, since what goes wrong shows on the page, and
// returns what ends that.
func quiet() (end func()) {
	was := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	mysql.SetLogger(&mysql.NopLogger{})
	return func() {
		slog.SetDefault(was)
		mysql.SetLogger(log.New(os.Stderr, "[mysql] ", log.Ldate|log.Ltime))
	}
}

// browsable is an address that a browser on this machine can open.
func browsable(addr net.Addr) string {
	tcp := addr.(*net.TCPAddr)
	if !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
}

// serveWatch returns when ctx has ended, and with it all that it started.
func serveWatch(ctx context.Context, w *watch.Watch, l net.Listener, listen string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	host, _, _ := net.SplitHostPort(listen)
	web := &http.Server{
		Handler:           w.Handler(host),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second,
	}
	failed := make(chan error, 1)
	go func() {
		failed <- web.Serve(l)
		cancel()
	}()
	w.Run(ctx)

	// Requests made by a press of the button end with ctx too.
	end, done := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer done()
	if web.Shutdown(end) != nil {
		web.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the page: %w", err)
	}
	return nil
}
