package observability

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	mysqlprometheus "github.com/mysqlpool/mysqlpool/driver/prometheus"
	"github.com/prometheus/client_golang/prometheus"
)

// names are the metrics in docs/observability.md: Prometheus' name, and
// OpenTelemetry's.
func names(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("../../../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| `([a-z_.]+)` \\| .+ \\| .*\\|$").FindAllStringSubmatch(string(b), -1) {
		all[row[1]] = row[2]
	}
	return all
}

// What is exported has a row in the documentation, and nothing else has one.
func TestEachMetricIsDocumented(t *testing.T) {
	documented := names(t)
	for name := range exported() {
		if strings.HasSuffix(name, "_bucket") {
			continue
		}
		if documented[name] == "" {
			t.Errorf("%s has no row in docs/observability.md", name)
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("%s is documented, and not exported", name)
	}
}

// Each label of a metric is explained, and so is each key of the log that is named
// beside one: it is a key of some event.
func TestEachLabelIsDocumented(t *testing.T) {
	b, err := os.ReadFile("../../../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(b), "\n| metrics | log | what it is |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	_, events, _ := strings.Cut(string(b), "\n| event | level | keys |\n")
	events += "`pool_name`" // which the sentence before the table gives to each
	quoted := regexp.MustCompile("`[a-z_]+`")
	explained := map[string]bool{}
	for row := range strings.Lines(table) {
		cells := strings.SplitN(row, "|", 4)
		for _, label := range quoted.FindAllString(cells[1], -1) {
			explained[label] = true
		}
		for _, key := range quoted.FindAllString(cells[2], -1) {
			if !strings.Contains(cells[1], key) || !strings.Contains(events, key) {
				t.Errorf("row %q: the log has no key %s, or it has another name", row, key)
			}
		}
	}
	descs := make(chan *prometheus.Desc)
	go func() {
		mysqlprometheus.NewCollector().Describe(descs)
		close(descs)
	}()
	used := map[string]bool{}
	for d := range descs {
		_, labels, _ := strings.Cut(d.String(), "variableLabels: {")
		for label := range strings.SplitSeq(strings.TrimSuffix(labels, "}}"), ",") {
			used["`"+label+"`"] = true
		}
	}
	if !maps.Equal(used, explained) {
		t.Errorf("labels of metrics %v, explained %v", slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(explained)))
	}
}
