// The command httpserver is an HTTP server that stops as it should: it says that it
// is not ready any more, serves what it has begun, and closes its connections
// cleanly, so that the server counts no aborted clients. A second signal ends the
// time for which it serves on and says that it is not ready.
//
//	DSN='user:password@tcp(127.0.0.1:3306)/' go run . -listen 127.0.0.1:8080
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"github.com/mysqlpool/mysqlpool/driver/debug"
)

// What a deploy gives: from here to the end of the process.
const (
	drainTime    = 10 * time.Second // for requests that have begun
	disposeTime  = 5 * time.Second  // for connections
	readyTimeout = time.Second      // for a readiness check
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to listen on")
	notReadyTime := flag.Duration("not-ready-time", 5*time.Second, "how long it serves on while it says that it is not ready: longer than the load balancer takes to see it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv("DSN"), *listen, *notReadyTime); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dsn, listen string, notReadyTime time.Duration) error {
	db, err := sql.Open("mysql_pool", dsn) // it dials nothing: the server may start later
	if err != nil {
		return err
	}
	ready := &readiness{db: db}
	mux := http.NewServeMux()
	mux.Handle("/readyz", ready)
	mux.HandleFunc("/livez", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok") // a restart of this process mends no database: do not ask it here
	})
	mux.Handle("/debug/mysqlpool", debug.Handler())
	mux.HandleFunc("/work", func(w http.ResponseWriter, r *http.Request) {
		var slept int
		if err := db.QueryRowContext(r.Context(), "SELECT SLEEP(?)", r.URL.Query().Get("seconds")).Scan(&slept); err != nil {
			http.Error(w, "database: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "done")
	})

	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	fmt.Printf("listening on http://%s\n", l.Addr())

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	hurry, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ready.stop()
	fmt.Println("stopping: not ready any more")
	select { // the load balancer looks, and sends no more
	case err := <-failed:
		return err
	case <-hurry.Done():
	case <-time.After(notReadyTime):
	}
	drain, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	drained := server.Shutdown(drain)
	fmt.Println("requests are served")

	// The handle first, then the physical connections, which outlive it.
	closed := db.Close()
	disposing, cancel := context.WithTimeout(context.Background(), disposeTime)
	defer cancel()
	disposed := mysqlpool.Dispose(disposing)
	if err := errors.Join(drained, closed, disposed); err != nil {
		return err
	}
	fmt.Println("connections are closed")
	return nil
}
