// Command compat runs programs of well-known libraries, each with "mysql" and
// with "mysql_pool", on the server that MYSQL_POOL_TEST_DSN names, and says
// whether every value that they saw was the same (make compat). Arguments are
// parts of names of libraries: only those run, and print what they note.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	mysql.SetLogger(&mysql.NopLogger{}) // it logs each query that is cancelled
	if err := report(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		os.Exit(1)
	}
}

// report prints the table.
func report(ctx context.Context, only []string) error {
	s, err := openSite(ctx, os.Getenv(envDSN))
	if err != nil {
		return err
	}
	defer s.close()
	s.loud = len(only) > 0
	var results []result
	failed := 0
	for _, l := range libraries {
		if len(only) > 0 && !slices.ContainsFunc(only, func(part string) bool { return strings.Contains(l.name, part) }) {
			continue
		}
		r := s.compare(ctx, l)
		for _, o := range r.outcomes {
			if o.err != nil {
				failed++
			}
		}
		results = append(results, r)
	}
	printTable(os.Stdout, s.version, results)
	if failed > 0 {
		return fmt.Errorf("%d of the runs above were not ok", failed)
	}
	return ctx.Err()
}
