package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/internal/queueing"
	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
)

// sizeCommand is the command "mysqlpool size".
type sizeCommand struct {
	RPS            float64       `name:"rps" required:"" placeholder:"N" help:"Requests a second, of all replicas together."`
	Queries        float64       `default:"1" placeholder:"N" help:"Queries in a request. Default: ${default}."`
	QueryTime      time.Duration `placeholder:"DURATION" help:"How long a query takes, round trip included, a Go duration. Default: it is measured on the server of --dsn."`
	Query          string        `default:"SELECT 1" placeholder:"SQL" help:"The query to measure; it is run some hundred times. Default: ${default}, which is a round trip and no more."`
	Hold           string        `enum:"query,request" default:"query" help:"For how long a request holds a connection: query, for each query; request, from the first to the last, as a transaction does. Default: ${default}."`
	Replicas       int           `default:"1" placeholder:"N" help:"Processes of the program, 1 to 10000. Default: ${default}."`
	MaxConnections int           `placeholder:"N" help:"How many connections the server takes. Default: as the server of --dsn says, else 151."`
	DSN            *string       `name:"dsn" placeholder:"DSN" help:"A server to measure on, as user:password@tcp(host:3306)/schema. Default: the environment variable MYSQL_POOL_DSN, else none."`
	Timeout        time.Duration `default:"10s" placeholder:"DURATION" help:"How long the server may take for an answer, a Go duration above 0. Default: ${default}."`
	Plot           string        `type:"path" placeholder:"FILE" help:"Write a plot of the wait over pool_size to this file, an SVG. Default: none."`
}

// The most of the time that a connection should be in use.
const mostUtilisation = 0.8

// mostBusy is how many connections of one process it computes with at most.
const mostBusy = 10_000

// Help is called by kong.
func (c *sizeCommand) Help() string {
	return `The model is M/M/c, or Erlang C, for each replica: requests arrive at random, independent of each other, each holds a connection for a random time (exponential), and those that find none free wait, first come, first served.

It does not know that a server which is asked more at a time answers later: measure under load. Arrivals in bursts wait longer than it says, queries that all take the same time about half as long.`
}

// Validate is called by kong.
func (c *sizeCommand) Validate() error {
	if err := (&serverFlags{DSN: c.DSN, Timeout: c.Timeout}).Validate(); err != nil {
		return err
	}
	switch {
	case c.RPS == 0:
		return errors.New("want --rps, the requests a second of all replicas together, above 0")
	case !(c.RPS > 0) || c.RPS > 1e7:
		return fmt.Errorf("--rps=%v: want more than 0, and 10 million at most", c.RPS)
	case !(c.Queries > 0) || c.Queries > 1e5:
		return fmt.Errorf("--queries=%v: want more than 0, and 100000 at most", c.Queries)
	case c.Replicas < 1 || c.Replicas > 10_000:
		return fmt.Errorf("--replicas=%d: want 1 to 10000", c.Replicas)
	case c.QueryTime < 0 || c.QueryTime > time.Hour:
		return fmt.Errorf("--query-time=%v: want more than 0, and an hour at most", c.QueryTime)
	case c.MaxConnections < 0:
		return fmt.Errorf("--max-connections=%d: want 1 or more", c.MaxConnections)
	case c.QueryTime == 0 && c.dsn() == "":
		return errors.New("want --query-time, or --dsn to measure it")
	}
	return nil
}

func (c *sizeCommand) dsn() string { return (&serverFlags{DSN: c.DSN}).dsn() }

// Run is called by kong.
func (c *sizeCommand) Run(ctx context.Context, stdout io.Writer) error {
	plot, err := openOutput(c.Plot)
	if err != nil {
		return fmt.Errorf("--plot: %w", err)
	}
	defer plot.abandon()
	measured := ""
	if dsn := c.dsn(); dsn != "" && (c.QueryTime == 0 || c.MaxConnections == 0) {
		server, err := (&serverFlags{DSN: &dsn, Timeout: c.Timeout}).open(ctx, os.Stderr)
		if err != nil {
			return err
		}
		defer server.Stop()
		if c.QueryTime == 0 {
			if c.QueryTime, err = c.measure(ctx, server.Monitor()); err != nil {
				return fmt.Errorf("measuring --query: %w", target.Explain(ctx, err, c.Timeout))
			}
			measured = ", as measured on " + server.Name
		}
		if c.MaxConnections == 0 {
			c.MaxConnections = limitOf(ctx, server.Monitor(), c.Timeout)
		}
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = 151
	}
	if busy := c.queue(1).Busy(); busy > mostBusy {
		return exitError{exitUsage, fmt.Errorf("that keeps %.0f connections in use in each replica, more than any server takes: want %d at most", busy, mostBusy)}
	}
	c.report(stdout, measured)
	if plot != nil {
		if err := plot.finish([]byte(c.plot())); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "The plot is %s.\n", c.Plot)
	}
	return nil
}

// measure is the median of what the query takes on a warm connection.
func (c *sizeCommand) measure(ctx context.Context, db *sql.DB) (time.Duration, error) {
	var took []time.Duration
	for range 101 {
		start := time.Now()
		limited, cancel := context.WithTimeout(ctx, c.Timeout)
		rows, err := db.QueryContext(limited, c.Query)
		if err == nil {
			for rows.Next() {
			}
			err = rows.Err()
			rows.Close()
		}
		cancel()
		if err != nil {
			return 0, err
		}
		took = append(took, time.Since(start))
		if len(took) >= 5 && time.Since(start) > time.Second {
			break
		}
	}
	slices.Sort(took)
	return max(took[len(took)/2], time.Microsecond), nil
}

// limitOf is the server's max_connections; 0 if it has none or does not say.
func limitOf(ctx context.Context, db *sql.DB, timeout time.Duration) (n int) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	db.QueryRowContext(ctx, "SELECT @@max_connections").Scan(&n)
	return max(n, 0)
}

// queue is what one replica's connections get, if it has so many.
func (c *sizeCommand) queue(connections int) queueing.Queue {
	q := queueing.Queue{Connections: connections, Rate: c.RPS / float64(c.Replicas) * c.Queries, Hold: c.QueryTime}
	if c.Hold == "request" {
		q.Rate, q.Hold = c.RPS/float64(c.Replicas), time.Duration(float64(c.QueryTime)*c.Queries)
	}
	return q
}

func (c *sizeCommand) enough() int {
	q := c.queue(1)
	return queueing.Enough(q.Rate, q.Hold, mostUtilisation)
}

// rows is the sizes to show: around what is enough.
func (c *sizeCommand) rows() (all []int) {
	enough := c.enough()
	least := int(math.Floor(c.queue(1).Busy())) + 1 // fewer never catch up
	step := max((enough-least+5)/6, 1)
	for n := least; n < enough; n += step {
		all = append(all, n)
	}
	for n := range 4 {
		all = append(all, enough+n*step)
	}
	return all
}

func (c *sizeCommand) report(w io.Writer, measured string) {
	enough := c.enough()
	q := c.queue(enough)
	for _, line := range wrap(fmt.Sprintf("%g requests a second of %g queries, each %v%s; %s",
		c.RPS, c.Queries, c.QueryTime.Round(10*time.Microsecond), measured, plural(c.Replicas, "replica")), columns) {
		fmt.Fprintln(w, line)
	}
	for _, line := range wrap(fmt.Sprintf("Each replica: %s checkouts a second, each for %v: %.2f connections in use.",
		figure(q.Rate), q.Hold.Round(10*time.Microsecond), q.Busy()), columns) {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintf(w, "\n%9s%13s%11s%13s%13s\n", "pool_size", "utilisation", "must wait", "mean wait", "99 % within")
	rows := c.rows()
	longest := c.queue(rows[0]).Percentile(.99)
	for _, n := range rows {
		q := c.queue(n)
		mark := ""
		if n == enough {
			mark = " <- enough"
		}
		bar := strings.Repeat("#", int(math.Ceil(20*float64(q.Percentile(.99))/float64(max(longest, 1)))))
		if n == enough {
			bar = bar[:min(len(bar), 10)]
		}
		line := fmt.Sprintf("%9d%11.0f %%%9.1f %%%13s%13s %s%s", n, 100*q.Utilisation(), 100*q.Waiting(), ms(q.MeanWait()), ms(q.Percentile(.99)), bar, mark)
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
	sum, reserve := enough*c.Replicas, max(3, c.MaxConnections/20)
	fmt.Fprintln(w)
	say := func(format string, args ...any) {
		for _, line := range wrap(fmt.Sprintf(format, args...), columns) {
			fmt.Fprintln(w, line)
		}
	}
	say("Set @pool_size=%d: no more than %.0f %% of the time in use, and 99 of 100 wait no longer than they hold a connection.", enough, 100*mostUtilisation)
	taken := fmt.Sprintf("%s of %s: together %d of the server's %d", plural(c.Replicas, "replica"), plural(enough, "connection"), sum, c.MaxConnections)
	if each := (c.MaxConnections - reserve) / c.Replicas; each >= enough {
		say("%s. Under load each may open %d (@pool_max_overflow=%d), with a reserve of %d for others.", taken, each, each-enough, reserve)
	} else {
		say("%s, which is too many. The server is to take %d, with a reserve for others.", taken, (sum*20/19+3+9)/10*10)
	}
	fmt.Fprintln(w, "The model is M/M/c: mysqlpool size --help says what it leaves out.")
	fmt.Fprintln(w, "Try next: mysqlpool doctor --replicas, for what others hold on the server.")
}

// plot is the waits over pool_size, on a logarithmic axis, as an SVG.
func (c *sizeCommand) plot() string {
	least, enough := int(math.Floor(c.queue(1).Busy()))+1, c.enough()
	last := enough + max(enough-least, 4)
	const width, height, left, right, top, bottom = 720.0, 380.0, 90.0, 700.0, 60.0, 320.0
	low, high := 0.001, 1.0                         // ms
	if p := c.queue(least).Percentile(.99); p > 0 { // the longest
		high = max(high, p.Seconds()*1000*1.5)
	}
	low = max(low, high/1e5)
	x := func(n int) float64 { return left + (right-left)*float64(n-least)/float64(max(last-least, 1)) }
	y := func(d time.Duration) float64 {
		v := min(max(d.Seconds()*1000, low), high)
		return bottom - (bottom-top)*(math.Log(v)-math.Log(low))/(math.Log(high)-math.Log(low))
	}
	var s svg
	s.open(width, height)
	s.text(width/2, 24, "middle", "title", "wait for a connection, by pool_size (M/M/c)")
	for _, tick := range []float64{0.001, 0.01, 0.1, 1, 10, 100, 1000, 10_000, 100_000} {
		if low <= tick && tick <= high {
			at := y(time.Duration(tick * float64(time.Millisecond)))
			s.line(left, at, right, at, "grid", "")
			s.text(left-8, at+4, "end", "label", fmt.Sprintf("%g ms", tick))
		}
	}
	s.line(left, bottom, right, bottom, "axis", "")
	for n := least; n <= last; n += max((last-least)/12, 1) {
		s.text(x(n), bottom+18, "middle", "label", fmt.Sprint(n))
	}
	s.text((left+right)/2, bottom+38, "middle", "label", "pool_size")
	s.line(x(enough), top, x(enough), bottom, "even", "")
	s.text(x(enough)+5, top+12, "start", "label", fmt.Sprintf("enough: %d", enough))
	step := max((last-least)/60, 1)
	before := 0.0
	for i, curve := range []struct {
		name string
		of   func(queueing.Queue) time.Duration
	}{
		{"99th percentile", func(q queueing.Queue) time.Duration { return q.Percentile(.99) }},
		{"mean", queueing.Queue.MeanWait},
	} {
		for n := least; n <= last; n += step {
			at := y(curve.of(c.queue(n)))
			s.dot(x(n), at, plotColors[i])
			if n > least {
				s.line(x(n-step), before, x(n), at, "bar", plotColors[i])
			}
			before = at
		}
		s.dot(left+130*float64(i)+10, 44, plotColors[i])
		s.text(left+130*float64(i)+20, 48, "start", "label", curve.name)
	}
	return s.close()
}
