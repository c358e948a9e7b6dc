package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// bench is the command "mysqlpool bench".
type bench struct {
	serverFlags
	UnixDSN   string        `name:"unix-dsn" placeholder:"DSN" help:"The same server over its unix socket, measured too. Default: none."`
	TLSDSN    string        `name:"tls-dsn" placeholder:"DSN" help:"The same server over TLS, measured too. Default: none."`
	RTT       time.Duration `name:"rtt" placeholder:"DURATION" help:"Measure over TCP with round trips that take that much longer, such as 1ms, and over nothing else. Default: as they are."`
	Workload  []string      `placeholder:"NAME" help:"Only the workloads whose names contain this; may be repeated. --list lists them. Default: all."`
	List      bool          `help:"List the workloads, and run none."`
	Rounds    int           `default:"7" help:"How many rounds of each workload and transport, on one driver and then on the other; at least 5. Default: 7."`
	RoundTime time.Duration `default:"200ms" help:"How long a round lasts, at least, 1ms to 1m, as a Go duration. Default: ${default}."`
	JSON      string        `name:"json" type:"path" placeholder:"FILE" help:"Write every round to this file as well. Default: none."`
	Plot      string        `type:"path" placeholder:"FILE" help:"Write a plot of the ratios to this file as well, an SVG. Default: none."`
	HTML      string        `name:"html" type:"path" placeholder:"FILE" help:"Write a report with the plot to this file as well, an HTML page. Default: none."`
}

// Help is called by kong.
func (b *bench) Help() string {
	return `Each workload runs on "mysql" and "mysql_pool" in turn, in this process, on the same server, each round on new connections. A ratio says how many times as many steps "mysql_pool" made in its round as "mysql" in the one beside it: the median of the rounds, and the interquartile range. Where that range spans a factor of 2 or more the machine is too noisy, and no median is printed. Where a program could do by hand what the pool saves it, with one handle that keeps its connections and statements that are prepared once, that is measured on "mysql" after each pair: the upper bound.

A table, and for one workload some schemas, are made on the server and dropped again; their names begin with mysqlpool_bench.`
}

// Validate is called by kong.
func (b *bench) Validate() error {
	switch {
	case b.Rounds < 5 || b.Rounds > 1000:
		return fmt.Errorf("--rounds=%d: want 5 to 1000", b.Rounds)
	case b.RoundTime < time.Millisecond || b.RoundTime > time.Minute:
		return fmt.Errorf("--round-time=%v: want 1ms to 1m", b.RoundTime)
	case b.embedded() && (b.UnixDSN != "" || b.TLSDSN != ""):
		return errors.New("--unix-dsn and --tls-dsn are of the server that --dsn names: give that too")
	case b.RTT < 0:
		return fmt.Errorf("--rtt=%v: want more than 0", b.RTT)
	}
	if len(b.chosen()) == 0 {
		return fmt.Errorf("--workload: got %s, want part of one of: %s", strings.Join(b.Workload, ", "), strings.Join(names(workloads), ", "))
	}
	return b.serverFlags.Validate()
}

// chosen is the workloads to run.
func (b *bench) chosen() []workload {
	if len(b.Workload) == 0 {
		return workloads
	}
	return slices.DeleteFunc(slices.Clone(workloads), func(w workload) bool {
		return !slices.ContainsFunc(b.Workload, func(part string) bool { return strings.Contains(w.name, part) })
	})
}

// Run is called by kong.
func (b *bench) Run(ctx context.Context, stdout io.Writer, stderr stderr) error {
	if b.List {
		for _, w := range b.chosen() {
			const indent = 27
			name := w.name
			for _, line := range wrap(w.about, columns-indent) {
				fmt.Fprintf(stdout, "%-*s%s\n", indent, name, line)
				name = ""
			}
		}
		return nil
	}
	// Before the long run, not after it.
	files, err := b.openFiles()
	defer func() {
		for _, f := range files {
			f.to.abandon()
		}
	}()
	if err != nil {
		return err
	}
	server, err := b.open(ctx, stderr)
	if err != nil {
		return err
	}
	defer server.Stop()
	defer dispose()
	ways, err := b.transports(ctx, server)
	if err != nil {
		return err
	}
	report := newReport(server, b.Rounds, b.RoundTime)
	progress := newProgress(stderr, len(b.chosen())*len(ways)*b.Rounds)
	defer progress.done()
	defer logTo(progress)()
	for _, way := range ways {
		if err := b.measure(ctx, way, report, progress); err != nil {
			return err
		}
	}
	progress.done()
	report.table(stdout)
	for _, f := range files {
		text, err := f.text(report)
		if err == nil {
			err = f.to.finish(text)
		}
		if err != nil {
			return fmt.Errorf("--%s: %w", f.flag, err)
		}
		fmt.Fprintf(stdout, "%s %s.\n", f.says, f.path)
	}
	if b.embedded() {
		fmt.Fprintln(stdout, "Try next: mysqlpool bench --dsn='user:password@tcp(host:3306)/schema'")
	} else {
		fmt.Fprintln(stdout, "Try next: mysqlpool bench --help, for --rtt, --html, --json and --plot.")
	}
	return nil
}

// file is one that the report is written to.
type file struct {
	flag, path, says string
	text             func(*report) ([]byte, error)
	to               *output
}

// openFiles opens those that are asked for.
func (b *bench) openFiles() (open []file, err error) {
	for _, f := range []file{
		{flag: "json", path: b.JSON, says: "Every round is in", text: (*report).json},
		{flag: "plot", path: b.Plot, says: "The plot is", text: func(r *report) ([]byte, error) { return []byte(r.plot()), nil }},
		{flag: "html", path: b.HTML, says: "The report is", text: func(r *report) ([]byte, error) { return []byte(r.html()), nil }},
	} {
		if f.path == "" {
			continue
		}
		if f.to, err = openOutput(f.path); err != nil {
			return open, fmt.Errorf("--%s: %w", f.flag, err)
		}
		open = append(open, f)
	}
	return open, nil
}

// logTo has "mysql_pool" log above a line of progress, and returns what ends that.
// "mysql" logs nothing: it would log every connection that a round's end closes
// while it is restored.
func logTo(p *progress) (end func()) {
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(p, nil)))
	mysql.SetLogger(&mysql.NopLogger{})
	return func() {
		slog.SetDefault(was)
		mysql.SetLogger(log.New(os.Stderr, "[mysql] ", log.Ldate|log.Ltime))
	}
}

// measure runs the workloads over one transport.
func (b *bench) measure(ctx context.Context, way transport, report *report, progress *progress) (err error) {
	var s *site
	var trip time.Duration
	err = keepTo(ctx, b.Timeout, func(ctx context.Context, answered func()) (err error) {
		if s, err = newSite(ctx, way.dsn, answered); err != nil {
			return err
		}
		trip, err = s.roundTrip(ctx, answered)
		return err
	})
	if s != nil {
		defer func() {
			limit := b.Timeout
			if ctx.Err() != nil || errors.Is(err, errNoAnswer) {
				limit = inHurry
			}
			s.close(limit)
		}()
	}
	if err != nil {
		return fmt.Errorf("over %s: %w", way.name, err)
	}
	report.transport(way.name, trip)
	for _, w := range b.chosen() {
		r, err := b.pairs(ctx, w, s, func(round int) {
			progress.at(fmt.Sprintf("%s over %s, round %d of %d", w.name, way.name, round, b.Rounds))
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errNoAnswer) { // the others would find the same
			return fmt.Errorf("%s over %s: %w", w.name, way.name, err)
		}
		if err != nil {
			progress.skip(b.Rounds - len(r))
		}
		report.add(w, way.name, r, err)
	}
	return nil
}
