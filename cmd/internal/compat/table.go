package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"
)

// printTable prints one line for each library, and then what was not ok.
func printTable(w io.Writer, server string, results []result) {
	fmt.Fprintf(w, "%s; each program %d times with each driver; logins as the server counts them\n\n", server, rounds)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "library\tversion\tvalues\t%s\t%s\tlogins\t\tchecked\n", stock, pooled)
	for _, r := range results {
		a, b := r.outcomes[0], r.outcomes[1]
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%d\t%d\t%s\n",
			r.library.name, version(r.library), a.values, okay(a), okay(b), a.logins, b.logins, r.library.checked)
	}
	t.Flush()
	for _, r := range results {
		for _, o := range r.outcomes {
			if o.err != nil {
				fmt.Fprintf(w, "\n%s on %q: %v\n", r.library.name, o.driver, o.err)
			}
		}
	}
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
