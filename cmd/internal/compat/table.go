package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
)

// columns is how wide the table is, at most.
const columns = 80

// printTable prints a line for each library and what was checked below it, and
// then what was not ok.
func printTable(w io.Writer, server string, results []result) {
	printWrapped(w, fmt.Sprintf("%s; each program %d times with each driver; logins as the server counts them", server, rounds), "")
	fmt.Fprintln(w)
	const line = "%-22s %-18s %6v %-7s %-10s %11s\n"
	fmt.Fprintf(w, line, "library", "version", "values", stock, pooled, "logins")
	for _, r := range results {
		a, b := r.outcomes[0], r.outcomes[1]
		fmt.Fprintf(w, line, r.library.name, version(r.library), a.values, okay(a), okay(b), fmt.Sprintf("%d / %d", a.logins, b.logins))
		printWrapped(w, r.library.checked, "    ")
	}
	for _, r := range results {
		for _, o := range r.outcomes {
			if o.err != nil {
				fmt.Fprintln(w)
				printWrapped(w, fmt.Sprintf("%s on %q: %v", r.library.name, o.driver, o.err), "")
			}
		}
	}
}

// printWrapped prints text in lines that fit, each after indent.
func printWrapped(w io.Writer, text, indent string) {
	line := indent
	for word := range strings.FieldsSeq(text) {
		if line != indent && len(line)+1+len(word) > columns {
			fmt.Fprintln(w, line)
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	fmt.Fprintln(w, line)
}

func okay(o outcome) string {
	if o.err != nil {
		return "NOT OK"
	}
	return "ok"
}

// version is what this program was built with. A test binary is not told.
func version(l library) string {
	switch {
	case l.version != "":
		return l.version
	case l.module == "":
		return runtime.Version()
	}
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, d := range info.Deps {
			if d.Path == l.module {
				return shorten(d.Version)
			}
		}
	}
	return "?"
}

// shorten cuts the time and the commit off a pseudo-version of no release.
func shorten(version string) string {
	if base, rest, found := strings.Cut(version, "v0.0.0-"); found && base == "" {
		date, commit, _ := strings.Cut(rest, "-")
		return date[:8] + "-" + commit[:7]
	}
	return version
}
