package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/faults"
	"github.com/mysqlpool/mysqlpool/cmd/servers"
)

// bench is the command "mysqlpool bench".
type bench struct {
	DSN       string        `name:"dsn" placeholder:"DSN" help:"Use the server at user:password@tcp(host:3306)/schema instead of an embedded one. A table, and for one workload some schemas, are made there and dropped again; their names begin with mysqlpool_bench."`
	UnixDSN   string        `name:"unix-dsn" placeholder:"DSN" help:"The same server over its unix socket, measured too. Default: none."`
	TLSDSN    string        `name:"tls-dsn" placeholder:"DSN" help:"The same server over TLS, measured too. Default: none."`
	RTT       time.Duration `name:"rtt" placeholder:"DURATION" help:"Measure over TCP with round trips that take that much longer, in whole milliseconds, such as 1ms, and over nothing else. Default: as they are."`
	Workload  []string      `placeholder:"NAME" help:"Only the workloads whose names contain this; may be repeated. --list lists them. Default: all."`
	List      bool          `help:"List the workloads, and run none."`
	Rounds    int           `default:"7" help:"How many rounds of each workload and transport, on one driver and then on the other; at least 5. Default: 7."`
	RoundTime time.Duration `default:"200ms" help:"How long a round lasts, at least, 1ms to 1m, as a Go duration. Default: ${default}."`
	JSON      string        `name:"json" type:"path" placeholder:"FILE" help:"Write every round to this file as well. Default: none."`
	Plot      string        `type:"path" placeholder:"FILE" help:"Write a plot of the ratios to this file as well, an SVG. Default: none."`
}

// Help is called by kong.
func (b *bench) Help() string {
	return `Each workload runs on "mysql" and "mysql_pool" in turn, in this process, on the same server. A ratio says how many times as many steps "mysql_pool" made in its round as "mysql" in the one beside it: the median of the rounds, and between what half of them lie. Where a program could do by hand what the pool saves it, with one handle that keeps its connections and statements that are prepared once, that is measured on "mysql" after each pair: the most to be won.`
}

// Validate is called by kong.
func (b *bench) Validate() error {
	switch {
	case b.Rounds < 5 || b.Rounds > 1000:
		return fmt.Errorf("--rounds=%d: want 5 to 1000", b.Rounds)
	case b.RoundTime < time.Millisecond || b.RoundTime > time.Minute:
		return fmt.Errorf("--round-time=%v: want 1ms to 1m", b.RoundTime)
	case b.DSN == "" && (b.UnixDSN != "" || b.TLSDSN != ""):
		return errors.New("--unix-dsn and --tls-dsn are of the server that --dsn names: give that too")
	}
	if len(b.chosen()) == 0 {
		return fmt.Errorf("--workload: got %s, want part of one of: %s", strings.Join(b.Workload, ", "), strings.Join(names(workloads), ", "))
	}
	return nil
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
func (b *bench) Run(ctx context.Context, stdout io.Writer) error {
	if b.List {
		for _, w := range b.chosen() {
			fmt.Fprintf(stdout, "%-26s %s\n", w.name, w.about)
		}
		return nil
	}
	server, err := b.server(ctx)
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
	progress := newProgress(os.Stderr, len(b.chosen())*len(ways)*b.Rounds)
	defer progress.done()
	for _, way := range ways {
		if err := b.measure(ctx, way, report, progress); err != nil {
			return err
		}
	}
	progress.done()
	report.table(stdout)
	if b.JSON != "" {
		if err := report.writeJSON(b.JSON); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "Every round is in %s.\n", b.JSON)
	}
	if b.Plot != "" {
		if err := report.writePlot(b.Plot); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "The plot is %s.\n", b.Plot)
	}
	if b.DSN == "" {
		fmt.Fprintln(stdout, "Try next: mysqlpool bench --dsn='user:password@tcp(host:3306)/schema'")
	} else {
		fmt.Fprintln(stdout, "Try next: mysqlpool bench --help, for --rtt, --json and --plot.")
	}
	return nil
}

func (b *bench) server(ctx context.Context) (*servers.Server, error) {
	if b.DSN == "" {
		return servers.Find(ctx, servers.Options{Kinds: []servers.Kind{servers.Embedded}})
	}
	return servers.Open(ctx, b.DSN)
}

// transport is a way to the server.
type transport struct{ name, dsn string }

func (b *bench) transports(ctx context.Context, server *servers.Server) (all []transport, err error) {
	if b.RTT != 0 {
		dsn, err := faults.Latency(ctx, server.DSN, b.RTT)
		if err != nil {
			return nil, fmt.Errorf("--rtt: %w", err)
		}
		return []transport{{"TCP, " + b.RTT.String() + " more", dsn}}, nil
	}
	for flag, dsn := range map[string]string{"--unix-dsn": b.UnixDSN, "--tls-dsn": b.TLSDSN} {
		if dsn == "" {
			continue
		}
		s, err := servers.Open(ctx, dsn)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		s.Stop()
	}
	for _, t := range []transport{
		{"TCP", server.DSN}, {"unix", cmp.Or(b.UnixDSN, server.UnixDSN)}, {"TLS", cmp.Or(b.TLSDSN, server.TLSDSN)},
	} {
		if t.dsn != "" && !slices.ContainsFunc(all, func(o transport) bool { return o.dsn == t.dsn }) {
			all = append(all, t)
		}
	}
	return all, nil
}

// measure runs the workloads over one transport.
func (b *bench) measure(ctx context.Context, way transport, report *report, progress *progress) error {
	s, err := newSite(ctx, way.dsn)
	if err != nil {
		return err
	}
	defer s.close()
	trip, err := s.roundTrip(ctx)
	if err != nil {
		return err
	}
	report.transport(way.name, trip)
	for _, w := range b.chosen() {
		r, err := b.pairs(ctx, w, s, func(round int) {
			progress.at(fmt.Sprintf("%s over %s, round %d of %d", w.name, way.name, round, b.Rounds))
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			progress.skip(b.Rounds - len(r))
		}
		report.add(w, way.name, r, err)
	}
	return nil
}
