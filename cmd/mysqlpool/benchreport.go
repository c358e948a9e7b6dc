package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
)

// report is what was measured. It is the JSON that --json writes.
type report struct {
	Server     string            `json:"server"`
	Go         string            `json:"go"`
	CPUs       int               `json:"cpus"`
	When       time.Time         `json:"when"`
	Rounds     int               `json:"rounds"`
	RoundMS    float64           `json:"round_ms"`
	Transports []reportTransport `json:"transports"`
	Results    []result          `json:"results"`
}

type reportTransport struct {
	Name        string  `json:"name"`
	RoundTripUS float64 `json:"round_trip_us"` // the median of a ping without database/sql
}

// result is one workload over one transport.
type result struct {
	Workload  string  `json:"workload"`
	About     string  `json:"about"`
	Transport string  `json:"transport"`
	Ratio     *spread `json:"times_mysql,omitempty"`
	Stock     *spread `json:"mysql_per_second,omitempty"`
	Pool      *spread `json:"mysql_pool_per_second,omitempty"`
	Most      *spread `json:"times_mysql_by_hand,omitempty"` // see workload.byHand
	Pairs     []pair  `json:"rounds_per_second,omitempty"`
	Noisy     bool    `json:"noisy,omitempty"` // times_mysql varies too much: its median says nothing
	Error     string  `json:"error,omitempty"`
}

func newReport(server *target.Server, rounds int, roundTime time.Duration) *report {
	return &report{
		Server: server.Name, Go: runtime.Version(), CPUs: runtime.NumCPU(), When: time.Now().UTC().Round(time.Second),
		Rounds: rounds, RoundMS: float64(roundTime) / float64(time.Millisecond),
	}
}

func (r *report) transport(name string, trip time.Duration) {
	r.Transports = append(r.Transports, reportTransport{name, float64(trip) / float64(time.Microsecond)})
}

func (r *report) add(w workload, transport string, pairs []pair, err error) {
	res := result{Workload: w.name, About: w.about, Transport: transport, Pairs: pairs}
	if err != nil {
		res.Error = err.Error()
	} else {
		ratio := spreadOf(pairs, pair.ratio)
		stock := spreadOf(pairs, func(p pair) float64 { return p.Stock })
		pool := spreadOf(pairs, func(p pair) float64 { return p.Pool })
		res.Ratio, res.Stock, res.Pool, res.Noisy = &ratio, &stock, &pool, ratio.noisy()
		if w.byHand != nil {
			most := spreadOf(pairs, pair.most)
			res.Most = &most
		}
	}
	r.Results = append(r.Results, res)
}

// find returns the result of a workload over a transport.
func (r *report) find(workload, transport string) *result {
	for i := range r.Results {
		if r.Results[i].Workload == workload && r.Results[i].Transport == transport {
			return &r.Results[i]
		}
	}
	return nil
}

// workloads returns the names, in their order.
func (r *report) workloads() (names []string) {
	for _, res := range r.Results {
		if res.Transport == r.Transports[0].Name {
			names = append(names, res.Workload)
		}
	}
	return names
}

// table prints the ratios.
func (r *report) table(w io.Writer) {
	fmt.Fprintf(w, "How many times as fast \"mysql_pool\" was as \"mysql\", in %d pairs of rounds\n", r.Rounds)
	fmt.Fprintf(w, "of %g ms each: median (interquartile range).\n", r.RoundMS)
	printServer(w, r.Server)
	fmt.Fprintf(w, "\n%-26s", "")
	for _, t := range r.Transports {
		fmt.Fprintf(w, "  %-16s", t.Name)
	}
	fmt.Fprintln(w)
	var errors []string
	r.rows(w, r.workloads(), func(res *result) string {
		if res.Ratio == nil {
			errors = append(errors, fmt.Sprintf("%s over %s: %s", res.Workload, res.Transport, res.Error))
			return "-"
		}
		return res.Ratio.String()
	})
	fmt.Fprintf(w, "%-26s", "a round trip takes")
	for _, t := range r.Transports {
		fmt.Fprintf(w, "  %-16s", fmt.Sprintf("%.0f us", t.RoundTripUS))
	}
	fmt.Fprint(w, "\n\n")
	if bounded := slices.DeleteFunc(r.workloads(), func(name string) bool {
		return !slices.ContainsFunc(r.Transports, func(t reportTransport) bool { return r.find(name, t.Name).Most != nil })
	}); len(bounded) > 0 {
		fmt.Fprintln(w, "Upper bound, a round trip for each query: on \"mysql\", by hand, with one handle")
		fmt.Fprintln(w, "that keeps its connections and statements that are prepared once.")
		fmt.Fprintln(w)
		r.rows(w, bounded, func(res *result) string {
			if res.Most == nil {
				return "-"
			}
			return res.Most.String()
		})
		fmt.Fprintln(w)
	}
	for _, line := range wrap(r.noise(), columns) {
		fmt.Fprintln(w, line)
	}
	for _, e := range errors {
		for _, line := range wrap("Not measured: "+e, columns) {
			fmt.Fprintln(w, line)
		}
	}
}

// rows prints a line for each workload, with a cell for each transport.
func (r *report) rows(w io.Writer, workloads []string, cell func(*result) string) {
	for _, name := range workloads {
		fmt.Fprintf(w, "%-26s", name)
		for _, t := range r.Transports {
			fmt.Fprintf(w, "  %-16s", cell(r.find(name, t.Name)))
		}
		fmt.Fprintln(w)
	}
}

// figure is a ratio with as many digits as it deserves.
func figure(x float64) string {
	switch {
	case x >= 10:
		return fmt.Sprintf("%.0f", x)
	case x >= 2:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// noise says how many results are too noisy, and what to do; "" if none is.
func (r *report) noise() string {
	noisy, all := 0, 0
	for _, res := range r.Results {
		if res.Ratio != nil {
			all++
		}
		if res.Noisy {
			noisy++
		}
	}
	if noisy == 0 {
		return ""
	}
	return fmt.Sprintf("This machine is too noisy for %d of %d results: their interquartile range spans a factor of %d or more. End other programs, or try --rounds=%d --round-time=%v.",
		noisy, all, noisyFrom, 2*r.Rounds+1, 5*time.Duration(r.RoundMS*float64(time.Millisecond)))
}

func (r *report) json() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "\t")
	return append(b, '\n'), err
}
