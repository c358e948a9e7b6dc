package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// A table prints the two columns, at most 80 characters wide (the server's name
// may be longer), with colours only on a terminal.
type table struct{ paint }

func newTable(w io.Writer) *table { return &table{newPaint(w)} }

// takesColour reports whether w is a terminal that wants colours.
func takesColour(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func (t *table) header(views int, server string) {
	fmt.Fprintf(t.w, "%s, each: sql.Open, SELECT CONNECTION_ID(), Close\n", plural(views, "page view"))
	printServer(t.w, server)
	fmt.Fprintln(t.w)
	fmt.Fprintf(t.w, "%s          %-34s%s%s\n", t.bold, `sql.Open("mysql", dsn)`, `sql.Open("mysql_pool", dsn)`, t.plain)
	fmt.Fprintf(t.w, "%6s%17s%14s%20s%14s\n", "view", "connection id", "time", "connection id", "time")
}

func (t *table) row(n int, row [2]view) {
	fmt.Fprintf(t.w, "%6d%17d%14s%s%20d%s%14s\n", n,
		row[0].id, ms(row[0].took), t.green, row[1].id, t.plain, ms(row[1].took))
}

// sums prints the last lines of the table; uncounted is why the logins could
// not be counted, if they could not.
func (t *table) sums(left, right view, views int, uncounted error) {
	fmt.Fprintf(t.w, "  %s\n", strings.Repeat("-", 69))
	if uncounted == nil {
		fmt.Fprintf(t.w, "%6s%17s%14s%s%20s%s\n", "", plural(int(left.logins), "login"), "",
			t.green, plural(int(right.logins), "login"), t.plain)
	}
	fmt.Fprintf(t.w, "%6s%17s%14s%20s%s%14s%s\n", "", "median", ms(left.took), "median", t.green, ms(right.took), t.plain)
	fmt.Fprintln(t.w)
	if uncounted == nil {
		fmt.Fprintln(t.w, "Logins are as the server counted them, those of its other clients included.")
	} else {
		fmt.Fprintf(t.w, "The server does not count logins for us: %v\n", uncounted)
	}
	if views < enoughViews {
		fmt.Fprintf(t.w, "These are too few to compare: the first view through mysql_pool logs in too.\nTry --views=%d or more.\n", enoughViews)
		return
	}
	fmt.Fprintf(t.w, "By the medians, mysql_pool was %s%.1f times as fast%s.\n",
		t.bold, float64(left.took)/float64(max(right.took, 1)), t.plain)
}

func (t *table) next(embedded bool) {
	if embedded {
		fmt.Fprintln(t.w, "Try next: mysqlpool doctor --dsn='user:password@tcp(host:3306)/schema'")
		return
	}
	fmt.Fprintln(t.w, `Try next: sql.Open("mysql_pool", dsn) in your program, with the DSN it has.`)
}

// enoughViews is how many page views are worth a ratio.
const enoughViews = 5

// ms formats a duration in milliseconds.
func ms(d time.Duration) string {
	return fmt.Sprintf("%.3f ms", float64(d)/float64(time.Millisecond))
}

func plural(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
