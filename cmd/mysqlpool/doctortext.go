package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/internal/doctor"
)

// columns is how wide the text is at most.
const columns = 80

// report prints what was found, for people.
func (p paint) report(r *doctor.Report, embedded bool) {
	printServer(p.w, r.Server)
	fmt.Fprintln(p.w)
	p.hosts(r)
	primary := ""
	for _, f := range r.Findings {
		if f.Name == "version" && f.Level == doctor.OK {
			primary = f.Host
		}
	}
	for _, f := range r.Findings {
		const indent = 47 // of the last column
		if f.Host != "" && f.Host != primary {
			continue // its findings are below
		}
		lines := wrap(f.Short, columns-indent)
		fmt.Fprintf(p.w, "  %s %-25s%-12s%s\n", p.level(f.Level), f.Name, short(f.Value), lines[0])
		for _, line := range lines[1:] {
			fmt.Fprintf(p.w, "%s%s\n", strings.Repeat(" ", indent), line)
		}
	}
	fmt.Fprintln(p.w)
	variables := false
	for i, f := range r.Findings {
		if f.Level == doctor.OK || slices.ContainsFunc(r.Findings[:i], func(g doctor.Finding) bool { return same(f, g) }) {
			continue
		}
		title := f.Name
		if f.Host != "" {
			title += " of " + f.Host
			for _, other := range r.Findings[i+1:] {
				if same(f, other) {
					title += ", " + other.Host
				}
			}
		}
		for i, line := range wrap(title, columns-8) {
			level := p.level(f.Level)
			if i > 0 {
				level = strings.Repeat(" ", 7)
			}
			fmt.Fprintf(p.w, "%s %s%s%s\n", level, p.bold, line, p.plain)
		}
		for _, line := range wrap(f.Text, columns-2) {
			fmt.Fprintf(p.w, "  %s\n", line)
		}
		for i, fix := range f.Fixes {
			p.fix(fix, i > 0)
			variables = variables || fix.Kind == doctor.ServerVariable
		}
		fmt.Fprintln(p.w)
	}
	if variables {
		for _, line := range wrap("SET GLOBAL counts for connections that are opened from then on, needs an administrator's rights, and is lost when the server restarts: "+
			"write it into my.cnf too.", columns) {
			fmt.Fprintln(p.w, line)
		}
		fmt.Fprintln(p.w)
	}
	fmt.Fprintf(p.w, "%s%s, %s, %s.%s\n", p.bold, plural(r.Problems, "problem"), plural(r.Warnings, "warning"), plural(r.Hints, "hint"), p.plain)
	switch {
	case r.Problems > 0:
		fmt.Fprintln(p.w, "Try next: fix the problem, and run mysqlpool doctor again.")
	case embedded:
		fmt.Fprintln(p.w, "Try next: mysqlpool doctor --dsn='user:password@tcp(host:3306)/schema'")
	case len(r.Hosts) > 1:
		fmt.Fprintln(p.w, `Try next: sql.Open("mysql_pool", dsn) in your program, with the same DSN.`)
	default:
		fmt.Fprintln(p.w, "Try next: mysqlpool demo --dsn=…, with the same DSN.")
	}
}

// same reports whether two findings differ in their hosts alone: they are printed as one.
func same(f, g doctor.Finding) bool {
	return f.Name == g.Name && f.Level == g.Level && f.Text == g.Text && slices.Equal(f.Fixes, g.Fixes)
}

// hosts prints a line for each of several hosts.
func (p paint) hosts(r *doctor.Report) {
	if len(r.Hosts) < 2 {
		return
	}
	widest := 0
	for _, h := range r.Hosts {
		widest = max(widest, len([]rune(h.Address)))
	}
	widest = min(widest, 34)
	for _, h := range r.Hosts {
		colour := map[doctor.Role]string{doctor.Primary: p.green, doctor.ReadOnly: p.yellow}[h.Role]
		if colour == "" {
			colour = p.red
		}
		role := strings.ReplaceAll(string(h.Role), "_", "-")
		what := "see below"
		if h.Readings != nil {
			what = fmt.Sprintf("%s %s", h.Readings.Flavour, h.Readings.Number())
		}
		line := fmt.Sprintf("  %-*s  %s%-11s%s  %s", widest, h.Address, colour, role, p.plain, what)
		fmt.Fprintln(p.w, line)
	}
	fmt.Fprintln(p.w)
}

// fix prints one way to end a finding.
func (p paint) fix(f doctor.Fix, again bool) {
	const indent = "      "
	or := ""
	if again {
		or = "or "
	}
	say := func(what, text string) {
		what = or + what
		fmt.Fprintf(p.w, "  %s:\n", strings.ToUpper(what[:1])+what[1:])
		for line := range strings.SplitSeq(text, "\n") {
			fmt.Fprintf(p.w, "%s%s%s%s\n", indent, p.green, line, p.plain)
		}
	}
	switch f.Kind {
	case doctor.ServerVariable:
		say("now, until the server restarts", f.SetGlobal)
		or = ""
		say("for good, in my.cnf, in the section that holds max_connections", f.MyCnf)
		say("or on the server's command line", f.Flag)
	case doctor.DSNParameter:
		say("in the DSN, for both drivers", f.Parameter)
	case doctor.Statement:
		say("as an administrator", f.Statement)
	}
}

// level is a level, seven characters wide.
func (p paint) level(l doctor.Level) string {
	colour := map[doctor.Level]string{doctor.OK: p.green, doctor.Hint: p.yellow, doctor.Warning: p.yellow, doctor.Problem: p.red}[l]
	return fmt.Sprintf("%s%-7s%s", colour, l, p.plain)
}

// short is a value that fits its column.
func short(value string) string {
	const most = 11
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
