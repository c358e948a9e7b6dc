package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/internal/doctor"
)

// columns is how wide the text is at most.
const columns = 80

// report prints what was found, for people.
func (p paint) report(r *doctor.Report, embedded bool) {
	fmt.Fprintf(p.w, "server: %s\n\n", r.Server)
	for _, f := range r.Findings {
		const indent = 45 // of the last column
		lines := wrap(f.Short, columns-indent)
		fmt.Fprintf(p.w, "  %s  %-25s%-11s%s\n", p.level(f.Level), f.Name, short(f.Value), lines[0])
		for _, line := range lines[1:] {
			fmt.Fprintf(p.w, "%s%s\n", strings.Repeat(" ", indent), line)
		}
	}
	fmt.Fprintln(p.w)
	lost := false
	for _, f := range r.Findings {
		if f.Level == doctor.OK {
			continue
		}
		fmt.Fprintf(p.w, "%s %s%s%s\n", p.level(f.Level), p.bold, f.Name, p.plain)
		for _, line := range wrap(f.Text, columns-2) {
			fmt.Fprintf(p.w, "  %s\n", line)
		}
		if m := f.Mend; m != nil {
			p.mend(m)
			lost = true
		}
		fmt.Fprintln(p.w)
	}
	if lost {
		for _, line := range wrap("SET GLOBAL counts for connections that are opened from then on, needs an administrator's rights, and is lost when the server restarts: "+
			"write it into my.cnf too.", columns) {
			fmt.Fprintln(p.w, line)
		}
		fmt.Fprintln(p.w)
	}
	amiss, hints := r.Count(doctor.Amiss), r.Count(doctor.Hint)
	fmt.Fprintf(p.w, "%s%s to be mended, %s.%s\n", p.bold, plural(amiss, "thing"), plural(hints, "hint"), p.plain)
	switch {
	case amiss > 0:
		fmt.Fprintln(p.w, "Try next: mend what is amiss, and run mysqlpool doctor again.")
	case embedded:
		fmt.Fprintln(p.w, "Try next: mysqlpool doctor --dsn='user:password@tcp(host:3306)/schema'")
	default:
		fmt.Fprintln(p.w, "Try next: mysqlpool demo --dsn=…, with the same DSN.")
	}
}

// mend prints the three ways.
func (p paint) mend(m *doctor.Mend) {
	const indent = "      "
	if m.SetGlobal != "" {
		fmt.Fprintf(p.w, "  Now, until the server restarts:\n%s%s%s%s\n", indent, p.green, m.SetGlobal, p.plain)
	}
	fmt.Fprintf(p.w, "  For good, in my.cnf, in the section that holds max_connections:\n")
	for line := range strings.SplitSeq(m.MyCnf, "\n") {
		fmt.Fprintf(p.w, "%s%s%s%s\n", indent, p.green, line, p.plain)
	}
	fmt.Fprintf(p.w, "  Or on the server's command line:\n%s%s%s%s\n", indent, p.green, m.Flag, p.plain)
}

// level is a level, five characters wide.
func (p paint) level(l doctor.Level) string {
	colour := map[doctor.Level]string{doctor.OK: p.green, doctor.Hint: p.yellow, doctor.Amiss: p.red}[l]
	return fmt.Sprintf("%s%-5s%s", colour, l, p.plain)
}

// short is a value that fits its column.
func short(value string) string {
	const most = 10
	if r := []rune(value); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return value
}

// wrap cuts a text into lines of whole words, at least one. A word that is wider
// has a line of its own.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

// paint is a writer with colours, on a terminal only.
type paint struct {
	w                               io.Writer
	bold, green, yellow, red, plain string
}

func newPaint(w io.Writer) paint {
	if !takesColour(w) {
		return paint{w: w}
	}
	return paint{w, "\x1b[1m", "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"}
}
