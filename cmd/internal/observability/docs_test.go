package observability

import (
	"os"
	"regexp"
	"strings"
	"testing"
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
