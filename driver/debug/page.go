package debug

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

//go:embed page.html
var html string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"css":      func() template.CSS { return template.CSS(css) },
	"title":    title,
	"limit":    limit,
	"bar":      bar,
	"kinds":    kinds,
	"closed":   closed,
	"restored": restored,
	"quantile": quantile,
	"proofs":   proofs,
	"time":     func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"ago":      func(now, then time.Time) time.Duration { return now.Sub(then).Round(time.Second) },
}).Parse(html))

// title is what a pool is called.
func title(p mysqlpool.PoolStats) string {
	if p.Name != "" {
		return p.Name
	}
	return p.Login
}

// limit is a number of which 0 means that none is known.
func limit(n int) string {
	if n == 0 {
		return "none known"
	}
	return fmt.Sprint(n)
}

// part is a part of the bar: connections in one state.
type part struct{ Class, From, Width string }

// bar is of the connections that may be open, or are if there is no limit.
func bar(p mysqlpool.PoolStats) []part {
	whole := float64(max(p.Open, p.Limit, 1))
	percent := func(n int) string { return fmt.Sprintf("%.1f%%", 100*float64(n)/whole) }
	return []part{
		{"used", "0%", percent(p.InUse)},
		{"pinned", percent(p.InUse), percent(p.Pinned)},
		{"idle", percent(p.InUse + p.Pinned), percent(p.Idle)},
	}
}

// count is a number with a name. Bad ones are marked.
type count struct {
	Name string
	N    int64
	Bad  bool
}

// kinds are the kinds of session state that pin connections, most frequent first.
func kinds(p mysqlpool.PoolStats) []count {
	var all []count
	for _, kind := range slices.Sorted(maps.Keys(p.PinnedBy)) {
		all = append(all, count{Name: kind, N: int64(p.PinnedBy[kind])})
	}
	slices.SortStableFunc(all, func(a, b count) int { return cmp.Compare(b.N, a.N) })
	return all
}

// closed is how many connections were closed, by reason, without what did not
// happen.
func closed(p mysqlpool.PoolStats) []count {
	return happened(count{"recycled", p.Recycled, false}, count{"idle", p.IdleClosed, false}, count{"broken", p.Broken, true}, count{"dirty", p.Dirty, true},
		count{"overflow", p.Overflow, false}, count{"unclosed", p.Unclosed, true}, count{"disposed", p.Disposed, false}, count{"invalidated", p.Invalidated, false})
}

func restored(p mysqlpool.PoolStats) []count {
	return happened(count{"undone", p.Undone, false}, count{"reset", p.Reset, false})
}

// proofs is what was found out of a server, such as "undo works, reset ignored".
func proofs(undo, reset, pipeline mysqlpool.Proof) string {
	var all []string
	for _, p := range []struct {
		way   string
		found mysqlpool.Proof
	}{{"undo", undo}, {"reset", reset}, {"pipeline", pipeline}} {
		if p.found != mysqlpool.ProofUnknown {
			all = append(all, p.way+" "+string(p.found))
		}
	}
	return strings.Join(all, ", ")
}

func happened(all ...count) []count {
	return slices.DeleteFunc(all, func(c count) bool { return c.N == 0 })
}

// quantile is the upper bound of the bucket that a quantile falls into, such as
// "≤ 1ms"; "–" if nothing was counted.
func quantile(q float64, h mysqlpool.Histogram) string {
	if h.Count == 0 {
		return "–"
	}
	rank, n := q*float64(h.Count), int64(0)
	for i, bound := range h.Bounds {
		if n += h.Counts[i]; float64(n) >= rank {
			return "≤ " + short(bound)
		}
	}
	if len(h.Bounds) == 0 {
		return "–"
	}
	return "> " + short(h.Bounds[len(h.Bounds)-1])
}

// short is a duration without parts that are 0: 1m instead of 1m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	return s
}
