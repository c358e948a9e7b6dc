package main

import (
	"fmt"
	"html"
	"strings"
	"time"
)

// html is the report as a page that needs nothing from anywhere else.
func (r *report) html() string {
	var s strings.Builder
	text := html.EscapeString
	fmt.Fprintf(&s, `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mysqlpool bench</title>
<style>
:root { color-scheme: light dark }
body { font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 1.6rem }
figure { margin: 1rem 0 } svg { max-width: 100%%; height: auto; border-radius: .4rem }
.rows { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid #8884; vertical-align: top }
.n { text-align: right; white-space: nowrap }
td:first-child { white-space: nowrap }
.noise { border-left: 4px solid #c33; padding-left: .7rem }
</style>
<h1>mysqlpool bench</h1>
<p>How many times as fast &quot;mysql_pool&quot; was as &quot;mysql&quot;, in %d pairs of rounds of %g ms each.</p>
<p>%s; %s; %d processors; %s</p>
`, r.Rounds, r.RoundMS, text(r.Server), text(r.Go), r.CPUs, r.When.Format(time.RFC3339))
	if noise := r.noise(); noise != "" {
		fmt.Fprintf(&s, "<p class=\"noise\">%s</p>\n", text(noise))
	}
	fmt.Fprintf(&s, "<figure>%s</figure>\n", strings.TrimSuffix(r.plot(), "\n"))
	for _, t := range r.Transports {
		fmt.Fprintf(&s, "<h2>Over %s</h2>\n<p>A round trip takes %.0f us.</p>\n<div class=\"rows\" role=\"region\" tabindex=\"0\" aria-label=\"Results over %[1]s\"><table>\n<tr><th>workload<th class=n>times as fast<th class=n>upper bound<th class=n>mysql, steps/s<th class=n>mysql_pool, steps/s<th>what a step is\n",
			text(t.Name), t.RoundTripUS)
		for _, name := range r.workloads() {
			res := r.find(name, t.Name)
			if res.Ratio == nil {
				fmt.Fprintf(&s, "<tr><td>%s<td colspan=5>not measured: %s\n", text(name), text(res.Error))
				continue
			}
			most := ""
			if res.Most != nil {
				most = res.Most.String()
			}
			fmt.Fprintf(&s, "<tr><td>%s<td class=n>%s<td class=n>%s<td class=n>%s<td class=n>%s<td>%s\n", text(name), res.Ratio, most,
				perSecond(res.Stock), perSecond(res.Pool), text(res.About))
		}
		s.WriteString("</table></div>\n")
	}
	s.WriteString(`<h2>How it was measured</h2>
<p>Each workload ran on both drivers in turn, in one process, each round on new connections. &quot;Times as fast&quot; is the quotient of
steps per second in two rounds that were beside each other: median (interquartile range). Where that range spans a factor of 2 or more the
result is called noisy, and has no median. The upper bound is what a program gets from &quot;mysql&quot; by hand, with one handle that
keeps its connections and statements that are prepared once. The other figures are medians.</p>
`)
	return s.String()
}

// perSecond is the median of steps per second, "noisy" if it says nothing.
func perSecond(s *spread) string {
	if s.noisy() {
		return "noisy"
	}
	return fmt.Sprintf("%.0f", s.Median)
}
