package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
)

// demo is the command "mysqlpool demo".
type demo struct {
	serverFlags
	Views int `default:"20" help:"How many page views, 1 to 1000. Default: ${default}."`
}

// A view is one page view: what a program does that opens a handle per request.
type view struct {
	id     int64         // the server's id of the connection that answered
	took   time.Duration // from sql.Open to the end of Close
	logins int64         // logins that the server counted meanwhile
}

// Validate is called by kong.
func (d *demo) Validate() error {
	if d.Views < 1 || d.Views > 1000 {
		return fmt.Errorf("--views=%d: want 1 to 1000", d.Views)
	}
	return d.serverFlags.Validate()
}

// Run is called by kong.
func (d *demo) Run(ctx context.Context, stdout io.Writer, stderr stderr) error {
	server, err := d.open(ctx, stderr)
	if err != nil {
		return err
	}
	defer server.Stop()
	defer dispose()

	out := newTable(stdout)
	out.header(d.Views, server.Name)
	var all [2][]view
	counter := newCounter(ctx, server)
	for n := range d.Views {
		var row [2]view
		// The sides take turns at being first, so that neither always pays for
		// what the server still has to clear away after the other.
		for i := range drivers {
			side := (i + n) % 2
			if row[side], err = serve(ctx, drivers[side], server.DSN, d.Timeout); err != nil {
				return err
			}
			row[side].logins = counter.since(ctx)
		}
		out.row(n+1, row)
		for side, v := range row {
			all[side] = append(all[side], v)
		}
	}
	out.sums(sum(all[0]), sum(all[1]), d.Views, counter.err)
	out.next(d.embedded())
	return ctx.Err()
}

// serve is one page view.
func serve(ctx context.Context, driver, dsn string, timeout time.Duration) (view, error) {
	var v view
	began := time.Now()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return v, fmt.Errorf("sql.Open(%q, dsn): %w", driver, err)
	}
	answer, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = db.QueryRowContext(answer, "SELECT CONNECTION_ID()").Scan(&v.id)
	db.Close()
	v.took = time.Since(began)
	if err != nil && answer.Err() != nil {
		err = answer.Err() // the drivers have several errors for that
	}
	if err != nil {
		return v, fmt.Errorf("a page view through %q: %w", driver, target.Explain(ctx, err, timeout))
	}
	return v, nil
}

// A counter reads the server's count of logins, for as long as it can be read.
type counter struct {
	server *target.Server
	last   int64
	err    error // why it cannot be read
}

func newCounter(ctx context.Context, server *target.Server) *counter {
	c := &counter{server: server}
	c.since(ctx)
	return c
}

// since returns the logins since the last call.
func (c *counter) since(ctx context.Context) int64 {
	if c.err != nil {
		return 0
	}
	var n int64
	n, c.err = c.server.Logins(ctx)
	logins := n - c.last
	c.last = n
	return logins
}

// sum is the view in the middle, by time, with the logins of all.
func sum(views []view) view {
	byTime := slices.SortedFunc(slices.Values(views), func(a, b view) int { return int(a.took - b.took) })
	s := view{took: byTime[len(byTime)/2].took}
	if len(byTime)%2 == 0 {
		s.took = (s.took + byTime[len(byTime)/2-1].took) / 2
	}
	for _, v := range views {
		s.logins += v.logins
	}
	return s
}
